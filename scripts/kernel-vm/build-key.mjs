// A name for the compiled code that a run in the VM was of: another build needs another run.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const FOLDERS = ['build/tests/kernel', 'dist']

/** @param root - the folder of the project */
export function buildKey(root) {
  const hash = createHash('sha256')
  for (const folder of FOLDERS) {
    const names = readdirSync(join(root, folder), { recursive: true })
    for (const name of names.filter((name) => name.endsWith('.js')).sort())
      hash.update(name).update(readFileSync(join(root, folder, name)))
  }
  return hash.digest('hex')
}
