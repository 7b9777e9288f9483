import { mkdtempSync, readdirSync, rmdirSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PREFIX = 'dmabuf-play-'

/** A folder that is younger may be somebody's who has not made the socket yet. */
const STALE_MS = 60_000

/**
 * A new folder for the socket of one play; the caller removes it. Empty ones that a killed play left are
 * removed now.
 *
 * @param parent - the system's folder for temporary files where absent
 */
export function makeScratchFolder(parent = tmpdir()): string {
  for (const name of readdirSync(parent))
    if (name.startsWith(PREFIX)) removeStale(join(parent, name))
  return mkdtempSync(join(parent, PREFIX))
}

// Whose play lives is not asked: pids mean nothing across containers that share the folder. One that is in
// use has a socket in it, and only empty folders can be removed this way.
function removeStale(folder: string): void {
  try {
    if (Date.now() - statSync(folder).mtimeMs > STALE_MS) rmdirSync(folder)
  } catch {
    // In use, somebody else's, or gone since.
  }
}
