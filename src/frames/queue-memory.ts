import type { DmaBuf } from '../core/buffer/buffer.js'
import { thrownText } from '../core/thrown.js'
import { warn } from '../core/warn.js'
import type { QueueProducer } from '../interprocess/queue-producer.js'
import type { SlotBuffer } from './slot-buffers.js'

/** Makes a buffer of a queue. */
export type AllocateBuffer = (lengthBytes: number) => DmaBuf

/**
 * The buffers of a queue as its producer has them: as many as the queue is deep, and one more for each that
 * a consumer keeps though it was told to leave. A slot gets a buffer of another size when it is free.
 */
export class QueueMemory implements Disposable {
  readonly #producer: QueueProducer
  readonly #allocate: AllocateBuffer
  readonly #changed: () => void
  readonly #depth: number
  readonly #slots: (SlotBuffer & { readonly requestedBytes: number })[] = []
  #lengthBytes: number
  /** So many buffers could not be had: not tried again. */
  #tooMany = Number.POSITIVE_INFINITY

  /**
   * @param memory.changed - called when a slot has another buffer, before it is used
   * @throws {DmaBufError} what `allocate` throws
   */
  constructor(
    producer: QueueProducer,
    memory: {
      readonly allocate: AllocateBuffer
      readonly depth: number
      readonly lengthBytes: number
      readonly changed: () => void
    },
  ) {
    this.#producer = producer
    this.#allocate = memory.allocate
    this.#changed = memory.changed
    this.#depth = memory.depth
    this.#lengthBytes = memory.lengthBytes
    try {
      for (let slot = 0; slot < memory.depth; slot++) this.#equip(slot)
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  /** What the slots have now, those that have lost their buffer included. */
  get slots(): readonly SlotBuffer[] {
    return this.#slots.filter((slot) => slot !== undefined)
  }

  /** Buffers that are there for the consumers that may stay. */
  get depth(): number {
    const { parkedCount, bufferCount } = this.#producer
    return bufferCount - parkedCount
  }

  /** The buffer of a slot that was taken. */
  bufferOf(slot: number): DmaBuf {
    return this.#slots[slot]!.buffer!
  }

  /**
   * Takes a free slot whose buffer has the right size; undefined where none is free.
   *
   * @param orAsk - where none is free ask to be rung at the next release, and look once more
   * @throws {DmaBufError} ENOMEM
   */
  take(orAsk = false): number | undefined {
    if (this.#producer.bufferCount !== this.#wanted) this.balance()
    const slot = orAsk ? this.#producer.takeOrAsk() : this.#producer.take()
    if (slot !== undefined) this.#fit(slot)
    return slot
  }

  /**
   * Gives empty slots buffers in place of those that leaving consumers keep, as far as memory goes; takes
   * away what is too much once they have given them back.
   */
  balance(): void {
    const wanted = this.#wanted
    const before = this.#producer.bufferCount
    if (before >= wanted) this.#tooMany = Number.POSITIVE_INFINITY
    while (this.#producer.bufferCount < wanted && wanted < this.#tooMany) this.#grow(wanted)
    while (this.#producer.bufferCount > wanted) {
      const slot = this.#producer.take()
      if (slot === undefined) break
      this.#strip(slot)
    }
    if (this.#producer.bufferCount !== before) this.#changed()
  }

  /**
   * Gives every free slot a buffer of another size now, and the others as they become free.
   *
   * @throws {DmaBufError} ENOMEM: nothing has changed then
   */
  resize(lengthBytes: number): void {
    const free: number[] = []
    const buffers: DmaBuf[] = []
    try {
      for (let slot = this.#takeOther(lengthBytes); slot !== undefined;) {
        free.push(slot)
        buffers.push(this.#allocate(lengthBytes))
        slot = this.#takeOther(lengthBytes)
      }
      this.#lengthBytes = lengthBytes
      this.#tooMany = Number.POSITIVE_INFINITY
      for (let i = 0; i < free.length; i++) this.#put(free[i]!, buffers[i]!)
    } catch (error) {
      for (const buffer of buffers) buffer.close()
      throw error
    } finally {
      for (const slot of free) this.#producer.cancel(slot)
    }
    if (free.length > 0) this.#changed()
  }

  /** Buffers there should be. */
  get #wanted(): number {
    return this.#depth + this.#producer.parkedCount
  }

  /** Closes all buffers. */
  [Symbol.dispose](): void {
    for (const slot of this.#slots) slot?.buffer?.close()
    this.#slots.length = 0
  }

  // Slots that already have the size stay as they are, and are not taken twice.
  #takeOther(lengthBytes: number): number | undefined {
    const same: number[] = []
    let slot = this.#producer.take()
    while (slot !== undefined && this.#slots[slot]!.requestedBytes === lengthBytes) {
      same.push(slot)
      slot = this.#producer.take()
    }
    for (const each of same) this.#producer.cancel(each)
    return slot
  }

  #fit(slot: number): void {
    if (this.#slots[slot]!.requestedBytes === this.#lengthBytes) return
    try {
      this.#equip(slot)
    } catch (error) {
      this.#producer.cancel(slot)
      throw error
    }
    this.#changed()
  }

  #grow(wanted: number): void {
    const slot = this.#producer.emptySlot()
    if (slot === undefined) {
      this.#tooMany = wanted
      return
    }
    try {
      this.#equip(slot)
    } catch (error) {
      this.#tooMany = wanted
      const message = `A buffer that a consumer keeps cannot be replaced: ${thrownText(error)}`
      warn({ rule: 'DMABUF_QUEUE_MEMORY', message })
    }
  }

  #equip(slot: number): void {
    this.#put(slot, this.#allocate(this.#lengthBytes))
  }

  #put(slot: number, buffer: DmaBuf): void {
    this.#slots[slot]?.buffer?.close()
    const requestedBytes = this.#lengthBytes
    this.#slots[slot] = { slot, serial: this.#producer.equip(slot), buffer, requestedBytes }
  }

  #strip(slot: number): void {
    const old = this.#slots[slot]!
    old.buffer?.close()
    this.#slots[slot] = { ...old, buffer: undefined }
    this.#producer.strip(slot)
  }
}
