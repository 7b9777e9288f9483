import type { Segment } from '../buffer/sg-table.js'
import { defer } from '../deferred.js'
import { putFence, type Fence } from '../fence/fence.js'

/** Memory that can be put behind page frames. */
export interface Backing {
  /** The bytes themselves, for a device of this process to read and write. */
  deviceBytes(offset: number, lengthBytes: number): Uint8Array
}

/** Whoever gave the page frames, and takes them back. */
interface Frames {
  give(segments: readonly Segment[]): void
}

/**
 * Where one buffer's memory is, for as long as it stays there.
 *
 * @rule ATT-32
 */
export class Placement {
  /** Runs of page frames, lowest first; together they are the buffer, in order. */
  readonly segments: readonly Segment[]
  readonly #frames: Frames
  #mappings = 0
  #freed = false
  #retired = false
  #fences = 0

  /** @internal Use PageFrames.place(). */
  constructor(frames: Frames, segments: readonly Segment[]) {
    this.#frames = frames
    this.segments = segments
  }

  /** Mappings that a device may use now: without one, no device reaches the memory. */
  get mappings(): number {
    return this.#mappings
  }

  get freed(): boolean {
    return this.#freed
  }

  /** Notes one more mapping. */
  map(): void {
    this.#mappings++
  }

  /** Notes that a mapping is gone. */
  unmap(): void {
    this.#mappings--
    this.#freeIfUnused()
  }

  /**
   * Gives the page frames back as soon as nobody uses them: neither a mapping, nor the work of a fence.
   *
   * @rule ATT-31
   * @param fences - with a reference each, which moves here
   */
  retire(fences: readonly Fence[]): void {
    this.#retired = true
    this.#fences = fences.length
    for (const fence of fences) {
      const done = (): void => {
        // Not inside the signal of the fence, which may hold its last other reference.
        defer(() => {
          putFence(fence)
          this.#fences--
          this.#freeIfUnused()
        })
      }
      if (!fence.addCallback(done)) done()
    }
    this.#freeIfUnused()
  }

  /** Gives the page frames back. Idempotent. */
  free(): void {
    if (this.#freed) return
    this.#freed = true
    this.#frames.give(this.segments)
  }

  #freeIfUnused(): void {
    if (this.#retired && this.#mappings === 0 && this.#fences === 0) this.free()
  }
}
