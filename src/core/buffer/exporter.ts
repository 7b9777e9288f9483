import type { Access, CpuView, ViewLifetime } from './access.js'

/**
 * What somebody who owns memory supplies to share it as a buffer.
 *
 * @kernel dma_buf_ops
 * @rule BUF-2
 */
export interface ExporterOps {
  /**
   * A view of the first `lengthBytes` of the buffer, 1 to its length. Called for each CPU access, never after release(). Must not wait. A
   * `bracket` view must be dead after its end() where the runtime can do that; a `loan` view must not.
   */
  openView(access: Access, lifetime: ViewLifetime, lengthBytes: number): CpuView
  /** Before the CPU looks: cache maintenance of a device's memory. Optional; may wait. @rule CPU-1 */
  beginCpuAccess?(access: Access): void | Promise<void>
  /** After the CPU looked. Optional; must not wait or throw. @rule CPU-6 */
  endCpuAccess?(access: Access): void
  /** Gives the memory back: called once, when handles, brackets and loans are gone. @rule BUF-23 */
  release(): void
}
