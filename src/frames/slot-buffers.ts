import type { DmaBuf } from '../core/buffer/buffer.js'

/** The buffer that a slot of a queue has, or had. */
export interface SlotBuffer {
  readonly slot: number
  /** Counts the slot's buffers, from 1. */
  readonly serial: number
  /** Undefined: the slot has none any more. */
  readonly buffer: DmaBuf | undefined
}

interface Entry {
  readonly slot: number
  readonly serial: number
  readonly buffer: DmaBuf
  readonly lengthBytes: number
  holders: number
  isReplaced: boolean
}

/** A consumer's hold on a buffer; opaque. */
export type BufferHold = Pick<Entry, 'buffer'>

/**
 * The buffers of a queue as a consumer has them. A buffer that is replaced while frames of it are held
 * stays open until they are given back.
 */
export class SlotBuffers implements Disposable {
  readonly #current: (Entry | undefined)[] = []
  readonly #replaced = new Set<Entry>()

  /** What a slot has from now on. @param buffer - moved; undefined: nothing any more */
  put({ slot, serial, buffer }: SlotBuffer): void {
    const old = this.#current[slot]
    this.#current[slot] = buffer && {
      slot,
      serial,
      buffer,
      lengthBytes: buffer.lengthBytes,
      holders: 0,
      isReplaced: false,
    }
    if (old === undefined) return
    old.isReplaced = true
    if (old.holders === 0) old.buffer.close()
    else this.#replaced.add(old)
  }

  /** Bytes of a slot's buffer of that serial; undefined where it is not here. */
  lengthOf(slot: number, serial: number): number | undefined {
    const entry = this.#current[slot]
    return entry?.serial === serial ? entry.lengthBytes : undefined
  }

  /** Keeps a slot's buffer open until letGo(). */
  hold(slot: number): BufferHold {
    const entry = this.#current[slot]!
    entry.holders++
    return entry
  }

  letGo(hold: BufferHold): void {
    const entry = hold as Entry
    entry.holders--
    if (!entry.isReplaced || entry.holders > 0) return
    this.#replaced.delete(entry)
    entry.buffer.close()
  }

  /** Closes all of them, held or not. */
  [Symbol.dispose](): void {
    for (const entry of [...this.#current, ...this.#replaced]) entry?.buffer.close()
    this.#current.length = 0
    this.#replaced.clear()
  }
}
