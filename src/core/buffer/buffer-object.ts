import { debug } from '../debug.js'
import { bug, DmaBufError } from '../errors.js'
import { Reservation } from '../reservation/reservation.js'
import { usageToWaitFor } from '../reservation/usage.js'
import type { AttachableBuffer } from './attachment-ops.js'
import { AttachmentList } from './attachment-list.js'
import { BufferLinks } from './buffer-list.js'
import type { IosysMap } from './iosys-map.js'
import type { BufferOwner, ExporterOps } from './exporter.js'
import { BufferPoll } from './poll.js'
import { releaseBuffer } from './release.js'

/** What an exporter says of a new buffer. @rule BUF-1 */
export interface ExportInfo<P = unknown> {
  /** Who exports: a heap's name, a driver's name. */
  readonly exporterName: string
  /** Must stay as long as the buffer does; nobody where absent. @rule BUF-5, BUF-21 */
  readonly owner?: BufferOwner | undefined
  /** Fixed for life; 0 and odd sizes are allowed. @rule BUF-7 */
  readonly lengthBytes: number
  readonly ops: ExporterOps<P>
  /** Whose memory it is, for the ops: anything truthy. @kernel priv @rule BUF-2 */
  readonly state: P
  /** Borrowed, of the exporter's own object; the buffer's own where absent. @rule BUF-8 */
  readonly reservation?: Reservation | undefined
  /** Access mode of the file and O_NONBLOCK; other bits are ignored. O_RDWR where absent. @rule BUF-9 */
  readonly flags?: number | undefined
  /** The inode of the memory behind it, where it has one; otherwise a number never used before. @rule BUF-12 */
  readonly inode?: bigint | undefined
  readonly name?: string | undefined
}

/** The access mode, and O_NONBLOCK. @kernel O_ACCMODE | O_NONBLOCK */
const KEPT_FLAGS = 0o4003
const O_RDWR = 2

// equivalent mutants: constant: any number will do for the first
let inodes = 0n

/**
 * The buffer itself: what all handles, brackets and loans refer to and keep alive. Counted as the
 * kernel counts files; the last reference releases the memory.
 *
 * @kernel dma_buf
 * @rule BUF-10, BUF-20, BUF-23
 */
export class BufferObject implements AttachableBuffer {
  readonly exporterName: string
  readonly lengthBytes: number
  readonly inode: bigint
  /** Access mode and O_NONBLOCK. @rule BUF-9 */
  readonly flags: number
  readonly ops: ExporterOps
  readonly state: unknown
  readonly owner: BufferOwner | undefined
  readonly hasOwnReservation: boolean
  name: string | undefined
  /** How often it is mapped for kernel code. @rule CPU-11 */
  vmapCount = 0
  /** The map that all of those share. @rule CPU-11 */
  vmapPointer: IosysMap | undefined = undefined
  /** Its place in the list of all. @internal */
  readonly links: BufferLinks
  #reservation: Reservation | undefined
  #attachments: AttachmentList | undefined
  #poll: BufferPoll | undefined
  #references = 0
  #released = false

  /** Takes the owner's reference over. @throws {DmaBufError} ENOMEM. @rule BUF-6 */
  constructor(info: ExportInfo) {
    if (debug.failAllocations)
      throw new DmaBufError('ENOMEM', 'exportBuffer', 'No memory for a buffer', { rule: 'BUF-6' })
    this.exporterName = info.exporterName
    this.lengthBytes = info.lengthBytes
    this.inode = info.inode ?? ++inodes
    this.links = new BufferLinks(this.inode)
    this.flags = (info.flags ?? O_RDWR) & KEPT_FLAGS
    this.ops = info.ops
    this.state = info.state
    this.owner = info.owner
    this.name = info.name
    this.hasOwnReservation = info.reservation === undefined
    this.#reservation = info.reservation
  }

  /** Made when it is first asked for: a buffer that never sees a fence needs none. @rule BUF-8 */
  get reservation(): Reservation {
    if (this.#reservation === undefined) {
      this.#reservation = new Reservation()
      if (this.#released) this.#reservation.destroy()
    }
    return this.#reservation
  }

  /** The reservation, if anybody has asked for it. */
  get knownReservation(): Reservation | undefined {
    return this.#reservation
  }

  /** Who is attached, newest first. @internal @rule ATT-10 */
  get attachments(): AttachmentList {
    return (this.#attachments ??= new AttachmentList())
  }

  /** How many are attached. */
  get attachmentCount(): number {
    return this.#attachments?.size ?? 0
  }

  /** Made for the first who polls. @internal @rule BUF-10 */
  get poll(): BufferPoll {
    return (this.#poll ??= new BufferPoll(this))
  }

  /** How it is polled, if anybody has asked. @internal */
  get knownPoll(): BufferPoll | undefined {
    return this.#poll
  }

  /** Whether nothing is pending that an access has to wait for. @rule CPU-2, RESV-3 */
  isReadyFor(write: boolean): boolean {
    return this.#reservation?.isSignaled(usageToWaitFor(write)) ?? true
  }

  /** References held: handles, accesses, user mappings, armed poll slots. @rule BUF-20, BUF-62 */
  get references(): number {
    return this.#references
  }

  /** Whether the last reference is gone: the memory is given back, or is about to be. */
  get released(): boolean {
    return this.#released
  }

  /** One more reference. @kernel get_dma_buf @rule BUF-18 @throws {DmaBufError} ERR_DMABUF_BUG once it is released */
  get(): void {
    if (this.#released) bug('BUF-18', 'get', 'The buffer was released')
    this.#references++
  }

  /** Gives one reference back; the last one releases the memory. @kernel dma_buf_put @rule BUF-19 */
  put(): void {
    if (this.#references <= 0) bug('BUF-19', 'put', 'More references were given back than taken')
    if (--this.#references > 0) return
    this.#released = true
    releaseBuffer(this)
  }

  /** Keeps the buffer alive until a promise settles; the same promise. */
  whileAlive<T>(promise: Promise<T>): Promise<T> {
    if (this.#released) return promise
    this.get()
    const put = (): void => this.put()
    promise.then(put, put)
    return promise
  }
}
