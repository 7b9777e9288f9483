import { DmaBufError } from '../core/errors.js'

/** What a system call fails with that a signal interrupts; the signal's reason is the cause. @rule C-1, BUF-51 */
export function interrupted(operation: string, cause: unknown): DmaBufError {
  const message = 'A signal interrupted the call: make it again'
  return new DmaBufError('EINTR', operation, message, { rule: 'C-1', cause })
}
