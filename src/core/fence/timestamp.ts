import { host } from '../host.js'
import { warn } from '../warn.js'
import type { Fence } from './fence.js'

/**
 * When a fence signalled, in monotonic nanoseconds. Of a pending fence it is now, and that warns;
 * `fence.timestampNs` is undefined there.
 *
 * @kernel dma_fence_timestamp
 * @rule FENCE-17
 */
export function fenceTimestamp(fence: Fence): number {
  const { timestampNs, driverName, timelineName, seqno } = fence
  if (timestampNs !== undefined) return timestampNs
  const name = `${driverName} ${timelineName} seqno ${seqno}`
  warn({ rule: 'FENCE-17', message: `The timestamp of ${name} was wanted before it signalled` })
  return host().nowNs()
}
