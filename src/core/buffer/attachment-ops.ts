import type { Held } from '../reservation/held.js'
import type { Reservation } from '../reservation/reservation.js'
import type { Attachment } from './attachment.js'
import type { AttachmentList } from './attachment-list.js'
import type { Direction } from './device.js'
import type { IosysMap } from './iosys-map.js'
import type { SgTable } from './sg-table.js'

/** The part of an exporter's ops that serves devices and kernel code; `state` is the exporter's own. */
export interface AttachmentOps<P> {
  /**
   * A device wants to reach the buffer. Called without the lock, before the attachment is in the list; may
   * wait. Throws where the device cannot, by convention EBUSY. @rule ATT-4, ATT-6, C-7
   */
  attach?(attachment: Attachment, state: P): void | Promise<void>
  /** A device is gone. Called without the lock; must not throw or wait. @rule ATT-9, C-7 */
  detach?(attachment: Attachment, state: P): void
  /** Puts the memory where it stays, ready to use. Called with the lock; may wait. @rule ATT-28, C-7 */
  pin?(attachment: Attachment, state: P): void | Promise<void>
  /** The opposite of one pin(). Called with the lock; must not throw or wait. @rule C-7 */
  unpin?(attachment: Attachment, state: P): void
  /**
   * A new table of the whole buffer, mapped for the attachment's device: a table of its own for each call.
   * Called with the lock; may wait, place and move. @rule ATT-15, ATT-23, ATT-33, C-7
   */
  map(attachment: Attachment, direction: Direction, state: P): SgTable | Promise<SgTable>
  /** Takes a table back. Called with the lock; must not throw or wait. @rule ATT-21, C-7 */
  unmap(attachment: Attachment, table: SgTable, direction: Direction, state: P): void
  /** Whether an attachment keeps its first mapping until it is detached. @rule ATT-18 */
  readonly cachesMappings?: boolean
  /** The whole buffer for kernel code. Called with the lock; may wait. @rule CPU-10, C-7 */
  vmap?(state: P): IosysMap | Promise<IosysMap>
  /** Takes the map back. Called with the lock; must not throw or wait. @rule CPU-12, C-7 */
  vunmap?(map: IosysMap, state: P): void
}

/** What an importer supplies that can live with memory that moves. @kernel dma_buf_attach_ops */
export interface ImporterOps {
  /** Whether it copes with memory that has no CPU side. @rule ATT-3 */
  readonly allowPeerToPeer?: boolean
  /**
   * The memory is about to move: map again as soon as possible, and add a fence for what cannot be stopped at
   * once. Called with the lock, whose proof it gets; must not wait, throw, or release it.
   *
   * @rule ATT-30, ATT-31
   */
  moveNotify(attachment: Attachment, held: Held): void
}

/** A buffer as its attachments see it: none of them keeps it alive. @rule ATT-11 */
export interface AttachableBuffer {
  readonly exporterName: string
  readonly lengthBytes: number
  readonly reservation: Reservation
  readonly ops: AttachmentOps<unknown>
  readonly state: unknown
  /** @internal */
  readonly attachments: AttachmentList
  /** Whether the memory was given back: nothing can be mapped any more. */
  readonly released: boolean
  /** Keeps the buffer alive until a promise settles; the same promise. */
  whileAlive<T>(promise: Promise<T>): Promise<T>
  /** How often the buffer is mapped for kernel code. @rule CPU-11 */
  vmapCount: number
  /** The map that all of those share. @rule CPU-11 */
  vmapPointer: IosysMap | undefined
}

/** Whether an exporter may move its memory: it has `pin`, and nothing else counts. @kernel dma_buf_is_dynamic @rule C-3 */
export function isDynamicExporter({ ops }: AttachableBuffer): boolean {
  return ops.pin !== undefined
}
