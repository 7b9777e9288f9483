import type { Words } from '#src/interprocess/words.js'
import type { Random } from './random.js'
import type { Trace } from './trace.js'

/** Who accesses memory. */
export interface Accessor {
  readonly name: string
  readonly index: number
  /** The step of its last atomic load: what it reads later cannot be older. */
  acquiredAt: number
  /** Plain writes that the others do not see yet. */
  readonly pending: PendingWrite[]
}

/** A plain write that is still on its way. */
export interface PendingWrite {
  readonly page: Page
  readonly index: number
  value: number
}

/** What pages need to know of the simulation. */
export interface MemoryClock {
  readonly steps: number
  readonly random: Random
  readonly trace: Trace
  /** Whether plain accesses are seen out of order. */
  readonly isWeak: boolean
}

/** A page of words, as everybody sees it. */
export class Page {
  readonly name: string
  readonly words: Int32Array
  /** What each word was before, and when a plain write changed it. */
  readonly previous: Int32Array
  readonly changedAt: Float64Array
  /** The only one who writes. */
  readonly owner: Accessor

  constructor(name: string, length: number, owner: Accessor) {
    this.name = name
    this.words = new Int32Array(length)
    this.previous = new Int32Array(length)
    this.changedAt = new Float64Array(length)
    this.owner = owner
  }
}

/**
 * Shared words as one participant sees them.
 *
 * Atomic accesses are sequentially consistent. In weak mode plain writes come through one by one, in any
 * order, until the writer's next atomic store brings all of them; a plain read may find what was there at
 * any time since the reader's last atomic load.
 */
export class SharedWords implements Words {
  readonly length: number
  readonly #clock: MemoryClock
  readonly #page: Page
  readonly #by: Accessor

  constructor(clock: MemoryClock, page: Page, by: Accessor) {
    this.#clock = clock
    this.#page = page
    this.#by = by
    this.length = page.words.length
  }

  load(index: number): number {
    this.#by.acquiredAt = this.#clock.steps
    if (this.#page.owner === this.#by) settleWord(this.#by, this.#page, index)
    const value = this.#present(index)
    this.#log('load', index, value)
    return value
  }

  store(index: number, value: number): void {
    this.#checkOwner(index)
    settleAll(this.#by, this.#clock.steps)
    this.#page.words[index] = value
    this.#log('store', index, value)
  }

  read(index: number): number {
    const page = this.#page
    let value = this.#present(index)
    if (page.owner === this.#by) value = ownValue(this.#by, page, index) ?? value
    else if (this.#clock.isWeak) value = this.#weakValue(index)
    this.#log('read', index, value)
    return value
  }

  write(index: number, value: number): void {
    this.#checkOwner(index)
    this.#log('write', index, value)
    if (!this.#clock.isWeak) {
      commit(this.#page, index, value | 0, this.#clock.steps)
      return
    }
    const { pending } = this.#by
    const same = pending.find((one) => one.page === this.#page && one.index === index)
    if (same === undefined) pending.push({ page: this.#page, index, value: value | 0 })
    else same.value = value | 0
    if (this.#clock.random.chance(0.3)) settleOne(this.#by, this.#clock)
  }

  #weakValue(index: number): number {
    const page = this.#page
    if (page.owner.pending.length > 0 && this.#clock.random.chance(0.25))
      settleOne(page.owner, this.#clock)
    const isFresh = page.changedAt[index]! > this.#by.acquiredAt
    if (isFresh && this.#clock.random.chance(0.25)) return page.previous[index]!
    return page.words[index]!
  }

  #present(index: number): number {
    const value = this.#page.words[index]
    if (value === undefined) throw new RangeError(`${this.#page.name} has no word ${index}`)
    return value
  }

  #checkOwner(index: number): void {
    this.#present(index)
    if (this.#page.owner !== this.#by)
      throw new Error(
        `${this.#by.name} writes word ${index} of ${this.#page.name}, which is not its own`,
      )
  }

  #log(kind: 'load' | 'store' | 'read' | 'write', index: number, value: number): void {
    const { trace, steps } = this.#clock
    trace.mix((this.#by.index << 16) ^ index, value)
    if (!trace.keepsText) return
    trace.say({
      step: steps,
      who: this.#by.name,
      what: `${kind} ${this.#page.name}[${index}] = ${value}`,
    })
  }
}

/** Brings one plain write through, any of them. */
export function settleOne(by: Accessor, clock: MemoryClock): void {
  const { pending } = by
  const at = clock.random.below(pending.length)
  const { page, index, value } = pending[at]!
  pending[at] = pending.at(-1)!
  pending.pop()
  commit(page, index, value, clock.steps)
}

/** Brings all plain writes through, as an atomic store does. */
export function settleAll(by: Accessor, step: number): void {
  const { pending } = by
  for (let i = 0; i < pending.length; i++) {
    const { page, index, value } = pending[i]!
    commit(page, index, value, step)
  }
  pending.length = 0
}

function settleWord(by: Accessor, page: Page, index: number): void {
  const at = by.pending.findIndex((one) => one.page === page && one.index === index)
  if (at < 0) return
  commit(page, index, by.pending[at]!.value, by.acquiredAt)
  by.pending.splice(at, 1)
}

function ownValue(by: Accessor, page: Page, index: number): number | undefined {
  return by.pending.find((one) => one.page === page && one.index === index)?.value
}

function commit(page: Page, index: number, value: number, step: number): void {
  page.previous[index] = page.words[index]!
  page.words[index] = value
  page.changedAt[index] = step
}
