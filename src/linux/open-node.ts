import { O_RDWR } from '../uapi/file.js'
import { DmaBufError, errnoName } from '../core/errors.js'
import { native } from './native.js'
import { madeFd, type OwnedFd } from './owned-fd.js'

/**
 * Opens a device node.
 *
 * @param flags - access mode, O_NONBLOCK; O_RDWR where absent
 * @returns owned: close it
 * @throws {DmaBufError} ENOENT, EACCES, EBUSY and what else the driver says, with what to do where that is known
 */
export function openNode(path: string, flags = O_RDWR): OwnedFd {
  const fd = native().openFile(path, flags)
  if (fd >= 0) return madeFd(fd)
  const code = errnoName(-fd)
  throw new DmaBufError(code, 'open', `Cannot open ${path}${FIXES[code] ?? ''}`, {
    details: { path },
  })
}

const FIXES: Readonly<Record<string, string>> = {
  ENOENT: ': there is no such device here; a container needs it passed in (--device)',
  EACCES: ': join the group that owns it, or give yourself access by a udev rule (`dmabuf doctor`)',
  EPERM: ': a container, or its rules for devices, forbids it (--device)',
  ENXIO: ': its driver is not there',
  ENODEV: ': its driver is not there',
  EMFILE: ': this process has too many open files; close some, or raise `ulimit -n`',
  ENFILE: ': the machine has too many open files',
}
