import type { Fence } from '../fence/fence.js'
import type { Access, CpuAccessOptions, CpuView, ViewLifetime } from './access.js'
import type { AttachmentOps } from './attachment-ops.js'
import type { Direction } from './device.js'
import type { MapArea } from './map-area.js'

/**
 * What somebody who owns memory supplies to share it as a buffer: `map`, `unmap` and `release`, and what else
 * the memory can do. One table serves many buffers: each call gets the buffer's own `state` last. Nobody
 * changes the table.
 *
 * An op that may wait may return a promise; the others must be done when they return.
 *
 * @kernel dma_buf_ops
 * @rule BUF-2, C-7
 */
export interface ExporterOps<P = unknown> extends AttachmentOps<P> {
  /**
   * Gives the memory back: called once, without the lock and outside of fence callbacks, when handles,
   * accesses and user mappings are gone. What it throws is reported.
   *
   * @rule BUF-23, BUF-27
   */
  release(state: P): void
  /** Before the CPU looks: cache maintenance of a device's memory. Called without the lock; may wait. @rule CPU-1 */
  beginCpuAccess?(direction: Direction, state: P, options: CpuAccessOptions): void | Promise<void>
  /**
   * The same where nothing has to be waited for: the hot path. Without it an exporter that has beginCpuAccess is
   * always waited for.
   *
   * @returns false where it would have to wait: nothing has begun then
   */
  tryBeginCpuAccess?(direction: Direction, state: P): boolean
  /** After the CPU looked. Called without the lock; must not wait. It may throw. @rule CPU-6 */
  endCpuAccess?(direction: Direction, state: P): void
  /**
   * A view of the first `lengthBytes` of the buffer, 1 to its length; without this op the CPU cannot look. Called
   * for each CPU access, never after release(). Must not wait. A `bracket` view must be dead after its end() where
   * the runtime can do that; a `loan` view must not.
   */
  openView?(access: Access, lifetime: ViewLifetime, lengthBytes: number, state: P): CpuView
  /** Puts the buffer's pages into an area whose bounds were checked. Called without the lock; may wait. @rule BUF-31, BUF-34 */
  mmap?(area: MapArea, state: P): void | Promise<void>
  /** The buffer has another name now: for whoever keeps names, too. It may throw: the name stays what it was then. */
  setName?(name: string, state: P): void

  // Memory that others add work to whom our reservation does not know: a kernel's own buffers.

  /**
   * Which of POLL_IN and POLL_OUT are ready. Calls `wake` once, later, where one of the others may be, unless
   * stopPolling() comes first.
   *
   * @rule BUF-38
   */
  poll?(events: number, wake: () => void, state: P): number
  /** Nobody waits for poll() any more. */
  stopPolling?(state: P): void
  /**
   * One fence for such work that an access has to wait for, as it is now.
   *
   * @rule BUF-55, BUF-56
   * @returns with a reference, the caller's; undefined where nothing is pending
   */
  exportFence?(write: boolean, state: P): Fence | undefined
  /**
   * Adds a fence there, so that those others wait for it.
   *
   * @rule BUF-57
   * @returns false where that cannot be: only our reservation has it then
   */
  importFence?(fence: Fence, write: boolean, state: P): boolean
}

/** Whoever must stay as long as buffers use its code. @kernel struct module @rule BUF-5 */
export interface BufferOwner {
  /** One more reference; false where the owner is going away. */
  tryGet(): boolean
  /** Gives one reference back: called at the very end of a buffer. @rule BUF-21 */
  put(): void
}
