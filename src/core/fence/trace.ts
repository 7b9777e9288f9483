import type { Fence } from './fence.js'
import { fenceWatch, watchFences, type FenceEvent } from './fence-watch.js'

/** What a trace point says. Numbers are cut to 32 bits, as the kernel's are. @rule FENCE-36 */
export interface FenceTrace {
  readonly event: FenceEvent
  readonly driver: string
  readonly timeline: string
  readonly context: number
  readonly seqno: number
}

/**
 * Calls a hook at every trace point of every fence until the result is disposed. Costs nothing while
 * nobody does.
 *
 * @kernel trace/events/dma_fence.h
 * @rule FENCE-36
 */
export function onFenceEvent(hook: (trace: FenceTrace) => void): Disposable {
  return watchFences((event, fence) => {
    hook({
      event,
      driver: fence.driverName,
      timeline: fence.timelineName,
      context: fence.context >>> 0,
      seqno: fence.seqno >>> 0,
    })
  })
}

/** For drivers: says that a fence was handed to the hardware. @kernel trace_dma_fence_emit @rule FENCE-36 */
export function traceEmit(fence: Fence): void {
  fenceWatch.tell?.('emit', fence)
}
