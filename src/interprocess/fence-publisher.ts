import { DmaBufError, errnoNumber } from '../core/errors.js'
import { getFence, putFence, type Fence } from '../core/fence/fence.js'
import type { Timeline, TimelineObserver } from '../core/fence/timeline.js'
import type { FenceBoard, FenceSlot } from './fence-board.js'

/** One part of a board's slots is spared for timelines that go on after a failure: this one in so many. */
const SPARED = 8

/** Something of ours that is in a slot, until it is over. */
interface Published {
  at: FenceSlot
  /** Stops publishing it. */
  readonly stop: () => void
}

/**
 * Publishes timelines and fences of this program, of whatever kind, in a board's slots.
 *
 * Each keeps its slot until it is over. Whoever tells others of a slot pins it until they have looked.
 */
export class FencePublisher {
  readonly board: FenceBoard
  readonly #timelines = new Map<Timeline, Published>()
  readonly #fences = new Map<Fence, Published>()
  readonly #exhausted: () => void
  #closed = false

  /** @param exhausted - a failure has no slot to be told in: make room at once, by dismissing somebody */
  constructor(board: FenceBoard, exhausted: () => void) {
    this.board = board
    this.#exhausted = exhausted
  }

  /** A slot for a fence to come, with one pin; undefined where others keep them all. Asks them to look. */
  allocate(value = 0): FenceSlot | undefined {
    const { slots } = this.board.layout.shape
    const at = this.board.allocate(value, Math.floor(slots / SPARED))
    if (at === undefined) this.board.ringAll()
    return at
  }

  /**
   * Publishes a timeline until it ends; in the same slot for each call, but after failures.
   *
   * @returns with one pin more, which is the caller's
   * @throws {DmaBufError} the error it has ended with; EBUSY where others keep all slots
   */
  publishTimeline(timeline: Timeline): FenceSlot {
    if (timeline.end !== undefined) throw timeline.end
    const known = this.#timelines.get(timeline)
    const at = known?.at ?? this.allocate(timeline.value)
    if (at === undefined) throw this.busy()
    this.board.pin(at.slot)
    if (known !== undefined) return at
    const published: Published = { at, stop: () => observer[Symbol.dispose]() }
    const observer = timeline.observe(this.#observer(timeline, published))
    this.#timelines.set(timeline, published)
    return at
  }

  /**
   * Publishes a fence, as seqno 1 of a slot of its own, until it has signalled.
   *
   * @param into - a slot of allocate(), whose pin moves here; a new one where absent
   * @returns with one pin more, which is the caller's
   * @throws {DmaBufError} EBUSY where others keep all slots
   */
  publishFence(fence: Fence, into?: FenceSlot): FenceSlot {
    const known = this.#fences.get(fence)
    if (known !== undefined && into !== undefined) this.board.unpin(into.slot)
    const at = known?.at ?? into ?? this.allocate()
    if (at === undefined) throw this.busy()
    this.board.pin(at.slot)
    if (known === undefined) this.#publishWhenDone(fence, at)
    return at
  }

  /** What to say where there is no slot; the one who keeps most of them is in `details`. */
  busy(): DmaBufError {
    const { hoarder, layout } = this.board
    const whose = hoarder === undefined ? '' : `: member ${hoarder.member} keeps ${hoarder.slots}`
    const message = `All ${layout.shape.slots} fence slots are in use${whose}`
    return new DmaBufError('EBUSY', 'publish', message, { details: { ...hoarder } })
  }

  /** Stops publishing; what is pending stays so for the others. Idempotent. */
  close(): void {
    this.#closed = true
    for (const published of [...this.#timelines.values(), ...this.#fences.values()])
      published.stop()
    this.#timelines.clear()
    this.#fences.clear()
  }

  #publishWhenDone(fence: Fence, at: FenceSlot): void {
    const done = (): void => {
      this.#fences.delete(fence)
      putFence(fence)
      this.#publishOutcome(fence, at)
    }
    getFence(fence)
    const stop = (): void => {
      if (fence.removeCallback(done)) putFence(fence)
    }
    this.#fences.set(fence, { at, stop })
    if (!fence.addCallback(done)) done()
  }

  #publishOutcome(fence: Fence, { slot }: FenceSlot): void {
    if (this.#closed) return
    if (fence.error === undefined) this.board.signal(slot, 1)
    else this.board.end(slot, errnoNumber(fence.error.code))
    this.board.unpin(slot)
  }

  // Closed by another observer of the same progress, it may still be told of that.
  #observer(timeline: Timeline, published: Published): TimelineObserver {
    return {
      advanced: (value) => {
        if (!this.#closed) this.board.signal(published.at.slot, value)
      },
      failed: (value, error) => {
        if (!this.#closed) this.#failed(timeline, value, error)
      },
      ended: (error) => {
        if (!this.#closed) this.#end(timeline, published, error)
      },
    }
  }

  #failed(timeline: Timeline, seqno: number, error: DmaBufError): void {
    let next = this.#slotAfterFailure(seqno)
    if (next === undefined) {
      this.#exhausted()
      if (this.#closed) return
      next = this.board.allocate(seqno)
    }
    const published = this.#timelines.get(timeline)
    if (published === undefined) return
    if (next === undefined) {
      this.#end(timeline, published, error)
      return
    }
    this.board.fail(published.at.slot, { seqno, errno: errnoNumber(error.code), next })
    published.at = next
  }

  // Slots become scarce: whoever keeps some without need is asked to look in time.
  #slotAfterFailure(seqno: number): FenceSlot | undefined {
    const { slots } = this.board.layout.shape
    const next = this.board.allocate(seqno)
    if (next !== undefined && this.board.used * 4 > slots * 3 && next.slot % 64 === 0)
      this.board.ringAll()
    return next
  }

  #end(timeline: Timeline, published: Published, error: DmaBufError): void {
    const { at } = published
    published.stop()
    this.#timelines.delete(timeline)
    this.board.end(at.slot, errnoNumber(error.code))
    this.board.unpin(at.slot)
  }
}
