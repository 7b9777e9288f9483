// A path to serve at, in a folder of its own that is gone after the test.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** A path of a socket that does not exist yet. */
export function socketPath(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'dmabuf-'))
  t.after(() => {
    rmSync(folder, { recursive: true, force: true })
  })
  return join(folder, 's')
}
