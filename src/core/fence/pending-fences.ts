import type { Fence } from './fence.js'

/** How much of the array may be behind its start before it is moved down. */
const MIN_TAKEN = 1024

/**
 * The pending fences of a timeline, in the order of their seqnos, and of their coming where those are
 * equal.
 *
 * Almost always the newest seqno comes last and the oldest goes first, so that is a queue, constant time
 * each; what comes out of order goes to a heap beside it.
 */
export class PendingFences {
  #queue: (Fence | undefined)[] = []
  #start = 0
  /** Each is smaller than what was last in the queue when it came, and goes before that. */
  readonly #late = new LateFences()

  get isEmpty(): boolean {
    return this.#start === this.#queue.length && this.#late.first === undefined
  }

  /** The lowest seqno; undefined where none is pending. */
  get firstSeqno(): number | undefined {
    const first = this.#queue[this.#start]?.seqno
    const late = this.#late.first?.seqno
    return first === undefined || (late !== undefined && late < first) ? late : first
  }

  add(fence: Fence): void {
    const queue = this.#queue
    const isLate = this.#start < queue.length && queue[queue.length - 1]!.seqno > fence.seqno
    if (isLate) this.#late.add(fence)
    else queue.push(fence)
  }

  /** Takes the first one out, where its seqno is at most this. */
  takeUpTo(seqno: number): Fence | undefined {
    const first = this.#queue[this.#start]
    const late = this.#late.first
    // Of equal ones that in the queue came first: the late one had a greater one before it.
    if (late !== undefined && (first === undefined || late.seqno < first.seqno))
      return late.seqno <= seqno ? this.#late.take() : undefined
    if (first === undefined || first.seqno > seqno) return undefined
    this.#queue[this.#start++] = undefined
    this.#trim()
    return first
  }

  // Half of it at a time at least: each fence is moved down once, on average.
  #trim(): void {
    const taken = this.#start
    if (taken === this.#queue.length) this.#queue.length = 0
    else if (taken >= MIN_TAKEN && taken * 2 >= this.#queue.length)
      this.#queue = this.#queue.slice(taken)
    else return
    this.#start = 0
  }
}

interface Late {
  readonly fence: Fence
  readonly serial: number
}

/** A binary heap by seqno, and by coming where those are equal. */
class LateFences {
  readonly #heap: Late[] = []
  #serial = 0

  get first(): Fence | undefined {
    return this.#heap[0]?.fence
  }

  add(fence: Fence): void {
    const heap = this.#heap
    const added = { fence, serial: this.#serial++ }
    let place = heap.push(added) - 1
    while (place > 0) {
      const parent = (place - 1) >> 1
      if (!isBefore(added, heap[parent]!)) break
      heap[place] = heap[parent]!
      place = parent
    }
    heap[place] = added
  }

  take(): Fence {
    const heap = this.#heap
    const { fence } = heap[0]!
    const moved = heap.pop()!
    if (heap.length > 0) this.#sink(moved)
    return fence
  }

  #sink(moved: Late): void {
    const heap = this.#heap
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, moved)) break
      heap[place] = heap[child]!
      place = child
    }
    heap[place] = moved
  }
}

function isBefore(a: Late, b: Late): boolean {
  return a.fence.seqno === b.fence.seqno ? a.serial < b.serial : a.fence.seqno < b.fence.seqno
}
