// What is fetched once and kept. A part is made under a name of its own and gets its real one when it is whole: an
// interrupted fetch leaves nothing that looks like a part.
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const UNFINISHED = '.unfinished-'
const FORGOTTEN_MS = 3600e3

/** Where everything is kept. */
export function cacheFolder() {
  const { DMABUF_KERNEL_VM_CACHE, XDG_CACHE_HOME } = process.env
  return (
    DMABUF_KERNEL_VM_CACHE ??
    join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'dmabuf', 'kernel-vm')
  )
}

/** Short name of what a part is made of: another content is another part. */
export function keyOf(...parts) {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12)
}

/**
 * The folder of a part, made by `make(folder)` where it is not there yet.
 *
 * @param name - with the key of all that it is made of
 */
export async function part(name, make) {
  const whole = join(cacheFolder(), name)
  if (existsSync(whole)) return whole
  removeForgotten()
  const unfinished = `${whole}${UNFINISHED}${process.pid}`
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished, { recursive: true })
  try {
    await make(unfinished)
    keep(unfinished, whole)
    return whole
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

/** Writes a small file so that readers see the old one or the new one. */
export function replaceFile(path, text) {
  const unfinished = `${path}${UNFINISHED}${process.pid}`
  writeFileSync(unfinished, text)
  renameSync(unfinished, path)
}

function keep(unfinished, whole) {
  try {
    renameSync(unfinished, whole)
  } catch (error) {
    // Somebody else made the same at the same time.
    if (!existsSync(whole)) throw error
  }
}

/** What was killed an hour ago is not going to be finished. */
function removeForgotten() {
  const folder = cacheFolder()
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) {
    const path = join(folder, name)
    if (!name.includes(UNFINISHED) || Date.now() - statSync(path).ctimeMs < FORGOTTEN_MS) continue
    rmSync(path, { recursive: true, force: true })
  }
}
