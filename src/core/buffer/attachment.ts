import type { Held } from '../reservation/held.js'
import { debug } from '../debug.js'
import type { AttachableBuffer, ImporterOps } from './attachment-ops.js'
import type { Device, Direction } from './device.js'
import { detachNow } from './detach.js'
import { mapAttachment, unmapAttachment, type MapOptions } from './map-attachment.js'
import { pinAttachment, unpinAttachment } from './pin.js'
import type { SgTable } from './sg-table.js'

/**
 * One device's tie to one buffer: what it maps the buffer through.
 *
 * It keeps the buffer alive for nobody: hold a handle until it is detached. Detaching undoes no mapping but a
 * cached one.
 *
 * @kernel dma_buf_attachment
 * @rule ATT-3, ATT-10, ATT-11
 */
export class Attachment implements AsyncDisposable {
  readonly device: Device
  readonly buffer: AttachableBuffer
  readonly importer: ImporterOps | undefined
  /** The importer's own. @kernel importer_priv */
  readonly importerPrivate: unknown
  /** The exporter's own. @kernel priv @rule ATT-6 */
  private: unknown = undefined
  /** Where it was attached, with `setDebug({ stacks: true })`. */
  readonly stack: string | undefined
  /** @internal The table that stays until detach. @rule ATT-18 */
  cached: SgTable | undefined = undefined
  /** @internal */
  cachedDirection: Direction | undefined = undefined
  /** @internal Mappings that are not cached and not unmapped. */
  mappings = 0
  /** The proof of the lock while the exporter's map, unmap, pin or unpin runs for it. @rule C-7 */
  held: Held | undefined = undefined
  /** @internal How many such calls run: some wait while others begin. */
  calls = 0
  /** @internal Neighbours in the buffer's list, and whether it is in there. */
  readonly links: {
    isListed: boolean
    newer: Attachment | undefined
    older: Attachment | undefined
  } = {
    isListed: false,
    newer: undefined,
    older: undefined,
  }
  /** @internal */
  detached = false
  #peerToPeer: boolean

  /** @internal Use DmaBuf.attach(). */
  constructor(
    buffer: AttachableBuffer,
    device: Device,
    importer: ImporterOps | undefined,
    importerPrivate: unknown,
  ) {
    this.buffer = buffer
    this.device = device
    this.importer = importer
    this.importerPrivate = importerPrivate
    this.#peerToPeer = importer?.allowPeerToPeer === true
    this.stack = debug.stacks ? new Error(`${device.name} attached here`).stack : undefined
  }

  /** Whether the importer can live with memory that moves. @kernel dma_buf_attachment_is_dynamic @rule C-3 */
  get isDynamic(): boolean {
    return this.importer !== undefined
  }

  /** Whether both sides cope with memory that has no CPU side. @kernel peer2peer @rule ATT-3 */
  get peerToPeer(): boolean {
    return this.#peerToPeer
  }

  /** For an exporter's attach op, which may forbid it and never allow it. @rule ATT-3 */
  forbidPeerToPeer(): void {
    this.#peerToPeer = false
  }

  /**
   * Maps the buffer for the device.
   *
   * Takes the buffer's lock; a static importer then waits, with the lock, for the exporter's own fences.
   *
   * @kernel dma_buf_map_attachment_unlocked
   * @rule ATT-12, ATT-13, ATT-16, ATT-22
   * @returns owned table: unmap() it
   * @throws {DmaBufError} EINVAL after detach, EBUSY where another direction is cached, ENOMEM, what the
   * exporter says; the reason of an aborted signal. As rejections
   */
  map(direction: Direction, options?: MapOptions): Promise<SgTable> {
    try {
      const held = this.buffer.reservation.tryLock()
      if (held === undefined) return this.buffer.whileAlive(this.#mapLater(direction, options))
      return mapAndRelease(this, held, direction, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Gives a mapping back.
   *
   * @kernel dma_buf_unmap_attachment_unlocked
   * @rule ATT-21, ATT-22
   * @param direction - the one that it was mapped with
   */
  unmap(table: SgTable, direction: Direction): Promise<void> {
    try {
      const held = this.buffer.reservation.tryLockHere()
      if (held === undefined) return this.buffer.whileAlive(this.#unmapLater(table, direction))
      try {
        unmapAttachment(this, held, table, direction)
      } finally {
        held.release()
      }
      return DONE
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Maps the buffer for as long as the promise that `use` returns is pending.
   *
   * @returns what `use` resolves to
   */
  async withMapping<T>(
    direction: Direction,
    use: (table: SgTable) => T | PromiseLike<T>,
    options?: MapOptions,
  ): Promise<T> {
    const table = await this.map(direction, options)
    try {
      return await use(table)
    } finally {
      await this.unmap(table, direction)
    }
  }

  /** Maps with the lock held by the caller. @kernel dma_buf_map_attachment @rule ATT-12 @requires the buffer's lock */
  async mapLocked(held: Held, direction: Direction, options?: MapOptions): Promise<SgTable> {
    return mapAttachment(this, held, direction, options)
  }

  /** Unmaps with the lock held by the caller. @kernel dma_buf_unmap_attachment @rule ATT-21 @requires the buffer's lock */
  unmapLocked(held: Held, table: SgTable, direction: Direction): void {
    unmapAttachment(this, held, table, direction)
  }

  /**
   * Keeps the memory where it is, ready to use: for scan-out and the like, never for a single access.
   *
   * @kernel dma_buf_pin
   * @rule ATT-26, ATT-27
   * @requires the buffer's lock
   */
  async pin(held: Held): Promise<void> {
    await pinAttachment(this, held)
  }

  /** Undoes one pin(). @kernel dma_buf_unpin @rule ATT-26 @requires the buffer's lock */
  unpin(held: Held): void {
    unpinAttachment(this, held)
  }

  /**
   * Ends the tie: a cached mapping is unmapped, others have to be before. Idempotent.
   *
   * @kernel dma_buf_detach
   * @rule ATT-9, ATT-10
   */
  detach(): Promise<void> {
    return detachNow(this)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.detach()
  }

  /** @internal The first mapping wins. @rule ATT-18 */
  cache(table: SgTable, direction: Direction): void {
    this.cached = table
    this.cachedDirection = direction
  }

  async #mapLater(direction: Direction, options?: MapOptions): Promise<SgTable> {
    const held = await this.buffer.reservation.lock()
    return mapAndRelease(this, held, direction, options)
  }

  async #unmapLater(table: SgTable, direction: Direction): Promise<void> {
    using held = await this.buffer.reservation.lockHere()
    unmapAttachment(this, held, table, direction)
  }
}

const DONE = Promise.resolve()

function mapAndRelease(
  attachment: Attachment,
  held: Held,
  direction: Direction,
  options?: MapOptions,
): Promise<SgTable> {
  let result: SgTable | Promise<SgTable>
  try {
    result = mapAttachment(attachment, held, direction, options)
  } catch (error) {
    held.release()
    throw error
  }
  if (result instanceof Promise)
    return attachment.buffer.whileAlive(result.finally(() => held.release()))
  held.release()
  return Promise.resolve(result)
}
