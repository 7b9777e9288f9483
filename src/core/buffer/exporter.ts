import type { Access, CpuView, ViewLifetime } from './access.js'
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
  beginCpuAccess?(direction: Direction, state: P): void | Promise<void>
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
}

/** Whoever must stay as long as buffers use its code. @kernel struct module @rule BUF-5 */
export interface BufferOwner {
  /** One more reference; false where the owner is going away. */
  tryGet(): boolean
  /** Gives one reference back: called at the very end of a buffer. @rule BUF-21 */
  put(): void
}
