import { DmaBufError } from '../errors.js'
import { thrownText } from '../thrown.js'
import { warn } from '../warn.js'
import type { Fence } from './fence.js'
import { access, nameOf } from './fence-access.js'
import { isFlaggedSignaled } from './fence-flags.js'

/**
 * Signals a fence: the creator's right, so it is not a method. Callbacks run inside this call, in the
 * order they were added; what they throw is reported as warnings.
 *
 * @kernel dma_fence_signal, dma_fence_signal_timestamp
 * @rule FENCE-10, FENCE-11, FENCE-12
 * @param error - what went wrong with the work; waiters see it
 * @param timestampNs - when the work was done, monotonic; now where absent
 * @returns false if it was signalled before (the kernel's EINVAL): nothing happens then
 * @throws {DmaBufError} EINVAL without a fence
 */
export function signalFence(fence: Fence, error?: DmaBufError, timestampNs?: number): boolean {
  if (fence === undefined || fence === null)
    throw new DmaBufError('EINVAL', 'signalFence', 'Give a fence to signal', { rule: 'FENCE-10' })
  if (error !== undefined) checkError(error)
  return access.signal(fence, error, timestampNs)
}

/**
 * Stores what the work failed with, before the fence is signalled: waiters see it then. On a signalled
 * fence it warns, and so it does for an error without an errno; it is stored all the same.
 *
 * @kernel dma_fence_set_error
 * @rule FENCE-15
 */
export function setFenceError(fence: Fence, error: DmaBufError): void {
  checkError(error)
  if (isFlaggedSignaled(fence))
    warn({ rule: 'FENCE-15', message: `setFenceError: ${nameOf(fence)} has signalled already` })
  access.setError(fence, error)
}

/** Stores an error without a word, whatever the state: for containers, which may learn of it late. @rule ARR-8 */
export function storeFenceError(fence: Fence, error: DmaBufError): void {
  access.setError(fence, error)
}

function checkError(error: DmaBufError): void {
  if (!(error instanceof Error)) throw new TypeError('Error must be a DmaBufError')
  const { errno } = error
  if (errno === undefined || !(errno >= -4095 && errno <= -1))
    warn({
      rule: 'FENCE-15',
      message: `The error of a fence must have an errno: ${thrownText(error)}`,
    })
}
