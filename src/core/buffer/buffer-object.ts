import { defer } from '../deferred.js'
import { bug } from '../errors.js'
import { isInCallback } from '../fence/callback-queue.js'
import { Reservation } from '../reservation/reservation.js'
import type { Usage } from '../reservation/usage.js'
import { warn } from '../warn.js'
import { linkBuffer, unlinkBuffer } from './buffer-list.js'
import type { ExporterAttachment, ExporterOps, ExporterOwner, ExportInfo } from './exporter.js'
import type { IosysMap } from './iosys-map.js'
import type { PollQueue } from './poll-queue.js'

/** Open flags that reach a buffer's file: the access mode, and O_NONBLOCK. @rule BUF-9 */
export const FLAG_MASK = 0o3 | 0o4000
/** O_RDWR. */
const READ_WRITE = 2

let inodes = 0n

/** A buffer's neighbours in the list of all. @internal */
export class BufferLinks {
  newer: BufferObject | undefined = undefined
  older: BufferObject | undefined = undefined
  sameInode: BufferObject | undefined = undefined
}

/**
 * The buffer itself: what all handles, brackets and loans refer to and keep alive. Counted as the
 * kernel counts files; the last reference releases the memory.
 *
 * @kernel dma_buf
 * @rule BUF-10, BUF-20, BUF-23
 */
export class BufferObject {
  readonly exporterName: string
  readonly lengthBytes: number
  readonly flags: number
  readonly inode: bigint
  readonly ops: ExporterOps<unknown>
  /** The exporter's own. @kernel priv */
  readonly state: unknown
  readonly links = new BufferLinks()
  name: string | undefined
  /** The newest attachment. */
  attachments: ExporterAttachment | undefined = undefined
  /** How often it is mapped for the CPU, and where. @rule CPU-10 */
  vmapCount = 0
  vmapped: IosysMap | undefined = undefined
  /** Who polls it; absent until somebody does. */
  polling: PollQueue | undefined = undefined
  readonly #owner: ExporterOwner | undefined
  readonly #isBorrowed: boolean
  #reservation: Reservation | undefined
  #references = 1

  /** With one reference, the caller's; ops and state were checked. */
  constructor(info: ExportInfo) {
    this.exporterName = info.exporterName
    this.lengthBytes = info.lengthBytes
    this.flags = (info.flags ?? READ_WRITE) & FLAG_MASK
    this.ops = info.ops
    this.state = info.state
    this.inode = info.inode ?? ++inodes
    this.name = info.name
    this.#owner = info.owner
    this.#reservation = info.reservation
    this.#isBorrowed = info.reservation !== undefined
    linkBuffer(this)
  }

  /** Its fences and their lock; made when first asked for where it is the buffer's own. @rule BUF-8 */
  get reservation(): Reservation {
    return (this.#reservation ??= new Reservation())
  }

  /** Whether no fence up to a usage is pending. */
  isIdle(usage: Usage): boolean {
    return this.#reservation === undefined || this.#reservation.isSignaled(usage)
  }

  /** References, the caller's own among them. @rule BUF-20 */
  get references(): number {
    return this.#references
  }

  /** Takes a reference. @kernel get_dma_buf @rule BUF-18 */
  get(): void {
    this.#references++
  }

  /**
   * Drops a reference. The last one takes the buffer out of the list and releases it: at once, or soon where
   * a fence callback runs or the reservation is locked.
   *
   * @kernel dma_buf_put
   * @rule BUF-19, BUF-22, BUF-27
   */
  put(): void {
    if (--this.#references > 0) return
    if (this.#references < 0) bug('BUF-19', 'put', 'More references were dropped than taken')
    unlinkBuffer(this)
    if (isInCallback() || this.#reservation?.isLocked === true) defer(() => this.#releaseUnlocked())
    else this.#release()
  }

  // Whoever holds the lock may wait for anything: so wait for them, not with them.
  #releaseUnlocked(): void {
    const reservation = this.#reservation
    if (reservation?.isLocked !== true) {
      this.#release()
      return
    }
    void reservation.lock().then(
      (held) => {
        held.release()
        defer(() => this.#releaseUnlocked())
      },
      () => this.#release(),
    )
  }

  // The order is part of the contract.
  #release(): void {
    if (this.vmapCount > 0) bug('BUF-24', 'release', `${this.#label} is still mapped with vmap`)
    if (this.polling?.isArmed === true)
      bug('BUF-25', 'release', `${this.#label} is still polled: a reference is missing`)
    try {
      this.ops.release(this.state)
    } catch (error) {
      this.#warn('BUF-23', `release of ${this.#label} threw: ${String(error)}`, error)
    }
    if (!this.#isBorrowed) this.#reservation?.destroy()
    if (this.attachments !== undefined)
      this.#warn('BUF-24', `${this.#label} was released with devices attached: detach them first`)
    this.#owner?.put()
  }

  get #label(): string {
    return `Buffer ${this.name ?? this.inode} of ${this.exporterName}`
  }

  #warn(rule: string, message: string, error?: unknown): void {
    warn({ rule, message, stack: error instanceof Error ? error.stack : undefined })
  }
}
