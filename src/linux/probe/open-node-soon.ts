import { open } from 'node:fs'
import { OwnedFd } from '../owned-fd.js'

/** Opens a file on another thread: a driver may take its time. @throws {NodeJS.ErrnoException} */
export function openNodeSoon(path: string, flags: number): Promise<OwnedFd> {
  return new Promise((resolve, reject) => {
    open(path, flags, (error, fd) => {
      if (error === null) resolve(OwnedFd.adopt(fd))
      else reject(error)
    })
  })
}
