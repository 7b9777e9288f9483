import type { Finding } from './capability.js'
import type { Surroundings } from './surroundings.js'

const ROOT = '/sys/kernel/debug'

/** A file of debugfs that could not be opened. */
export interface DebugFile {
  /** The capability's name. */
  readonly name: string
  readonly path: string
  /** The option of the kernel without which there is no such file. */
  readonly option: string
}

/** Why a file of debugfs could not be opened, and what to do about it. @param code - name of the errno */
export function explainDebugfs(file: DebugFile, code: string, surroundings: Surroundings): Finding {
  const { files, kernel, user, container } = surroundings
  const { name, path, option } = file
  const finding = (reason: string, fix?: string): Finding => ({ name, detail: '', reason, fix })
  if (kernel.builtWith(option) === 'n')
    return finding(
      `kernel ${kernel.release} was built without ${option}`,
      `boot a kernel that was built with ${option}`,
    )
  if (code === 'EACCES' || code === 'EPERM') {
    const reason = `${path} is for root only`
    if (user.uid !== 0) return finding(reason, 'run as root: sudo npx dmabuf doctor')
    return finding('debugfs is locked (lockdown, or a security module)')
  }
  if (code !== 'ENOENT') return finding(`${path} cannot be opened (${code})`)
  if (files.names(ROOT).length > 0)
    return finding(
      `there is no ${path}: the kernel seems to be built without ${option}`,
      `boot a kernel that was built with ${option}`,
    )
  const mount = `sudo mount -t debugfs none ${ROOT}`
  if (container === undefined) return finding('debugfs is not mounted', mount)
  const onHost = 'docker run -v /sys/kernel/debug:/sys/kernel/debug:ro …   # and as root'
  return finding(
    `debugfs is not mounted in this ${container} container`,
    container === 'docker' ? onHost : mount,
  )
}
