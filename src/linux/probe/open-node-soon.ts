import { closeSync, open } from 'node:fs'
import { check, native } from '../native.js'
import { OwnedFd } from '../owned-fd.js'

/**
 * Opens a file on another thread: a driver may take its time.
 *
 * @throws {NodeJS.ErrnoException} what open says; {DmaBufError} EMFILE. As rejections
 */
export function openNodeSoon(path: string, flags: number): Promise<OwnedFd> {
  return new Promise((resolve, reject) => {
    open(path, flags, (error, fd) => {
      if (error !== null) reject(error)
      else resolve(takeOver(fd))
    })
  })
}

// A worker of Node's closes the numbers that it has opened when it ends, whoever has them then: so Node closes its own
// one now, and another one is ours.
async function takeOver(fd: number): Promise<OwnedFd> {
  try {
    return OwnedFd.adopt(check(native().dup(fd), 'open', () => 'Cannot keep what was opened'))
  } finally {
    closeSync(fd)
  }
}
