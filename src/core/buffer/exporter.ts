import type { Reservation } from '../reservation/reservation.js'
import type { Access, CpuView, ViewLifetime } from './access.js'
import type { Device, Direction } from './device.js'
import type { IosysMap } from './iosys-map.js'
import type { MapArea } from './map-area.js'
import type { SgTable } from './sg-table.js'

/** What an exporter sees of an attachment. @kernel dma_buf_attachment @rule ATT-3 */
export interface ExporterAttachment {
  readonly device: Device
  /** Whether the importer can be told that memory moves. */
  readonly isDynamic: boolean
  /** Whether the importer copes with memory of other devices. The attach op may lower it, never raise it. */
  peerToPeer: boolean
  /** The exporter's own. @rule ATT-6 */
  private: unknown
}

/**
 * What somebody who owns memory supplies to share it. One table serves all buffers of its kind: each op gets
 * the state of its buffer last.
 *
 * @kernel dma_buf_ops
 * @rule BUF-2, C-7
 */
export interface ExporterOps<P> {
  /**
   * Makes a table of the whole buffer for an attached device; its ownership passes to the caller until
   * unmap. Called with the reservation locked, which it must not lock; may wait, place or move the memory.
   *
   * @rule ATT-15, ATT-23, ATT-33
   */
  map(attachment: ExporterAttachment, direction: Direction, state: P): SgTable | Promise<SgTable>
  /** Takes a table back. Called with the reservation locked; must not wait. @rule ATT-21 */
  unmap(attachment: ExporterAttachment, table: SgTable, direction: Direction, state: P): void
  /** Gives the memory back: called once, when nothing refers to it. Must not wait. @rule BUF-23, BUF-27 */
  release(state: P): void
  /**
   * Looks whether the device can reach the memory, or the memory the device; throws EBUSY where it cannot.
   * Called without the lock. Optional.
   *
   * @rule ATT-4, ATT-6
   */
  attach?(attachment: ExporterAttachment, state: P): void | Promise<void>
  /** Called without the lock, for every attach that succeeded. Optional; must not wait. @rule ATT-9 */
  detach?(attachment: ExporterAttachment, state: P): void
  /** Keeps the memory where it is, ready to use. With unpin it makes the exporter dynamic. Called with the lock. @rule ATT-26, ATT-28 */
  pin?(attachment: ExporterAttachment, state: P): void | Promise<void>
  /** Called with the lock; must not wait. @rule ATT-26 */
  unpin?(attachment: ExporterAttachment, state: P): void
  /** Whether the first mapping of each attachment is kept until it detaches. @kernel cache_sgt_mapping @rule ATT-18 */
  readonly cachesMappings?: boolean
  /** Before the CPU looks: cache maintenance. Called without the lock; may wait. Optional. @rule CPU-1, CPU-3 */
  beginCpuAccess?(direction: Direction, state: P): void | Promise<void>
  /** After the CPU looked. Called without the lock; may fail, must not wait. Optional. @rule CPU-6 */
  endCpuAccess?(direction: Direction, state: P): void
  /**
   * A view of the first `lengthBytes` of the buffer, 1 to its length. Must not wait. A `bracket` view must be dead
   * after its end() where the runtime can do that; a `loan` view must not. Optional: without it the CPU has no access.
   */
  openView?(access: Access, lifetime: ViewLifetime, lengthBytes: number, state: P): CpuView
  /** Puts the buffer into an address space; the range was checked. Called without the lock. Optional. @rule BUF-33, BUF-34 */
  mmap?(area: MapArea, state: P): void
  /** Where the whole buffer is for long-lived CPU use. Called with the lock. Optional. @rule CPU-9, CPU-10 */
  vmap?(state: P): IosysMap | Promise<IosysMap>
  /** Ends vmap. Called with the lock. Optional. @rule CPU-12 */
  vunmap?(map: IosysMap, state: P): void
}

/** Whoever implements an exporter: a module that may be on its way out. @kernel module @rule BUF-5, BUF-21 */
export interface ExporterOwner {
  /** Takes a reference; false where it is going away. */
  tryGet(): boolean
  /** Gives one back. */
  put(): void
}

/** What an exporter says of a new buffer. @kernel dma_buf_export_info @rule BUF-1 */
export interface ExportInfo<P = unknown> {
  /** Who exports: a heap's name, a driver's name. */
  readonly exporterName: string
  /** Kept from export to the end of release. */
  readonly owner?: ExporterOwner
  /** Fixed for life; 0 and odd sizes are allowed. @rule BUF-7 */
  readonly lengthBytes: number
  readonly ops: ExporterOps<P>
  /** The exporter's own, passed to each op; not null. @kernel priv @rule BUF-2 */
  readonly state: P
  /** Shared with the exporter's own object, which then owns it; one of the buffer's own where absent. @rule BUF-8 */
  readonly reservation?: Reservation
  /** Open flags as the ABI has them: the access mode and O_NONBLOCK count. O_RDWR where absent. @rule BUF-9 */
  readonly flags?: number
  /** The inode of the memory behind it, where it has one; otherwise a number never used before. @rule BUF-12 */
  readonly inode?: bigint
  readonly name?: string
}
