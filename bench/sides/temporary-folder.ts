import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder that goes when this process ends by itself. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dmabuf-bench-'))
  process.on('exit', () => {
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}
