import { putFence, tryGetFence, type Fence } from '../fence/fence.js'
import { warn } from '../warn.js'
import type { FenceList } from './fence-list.js'
import type { FenceTable } from './fence-table.js'
import { isDone } from './quiet-fence.js'
import { usageOrder, USAGES, type Usage } from './usage.js'

/** One fence of a reservation, as an iteration finds it. */
export interface FenceEntry {
  /** Borrowed: valid until the next step. */
  readonly fence: Fence
  /** What it was added as, which may be less than what was asked for. @rule RESV-24 */
  readonly usage: Usage
  /** The walk began, or began again: whoever gathers must throw away what was gathered. @rule RESV-22 */
  readonly isRestarted: boolean
}

/**
 * Walks the pending fences of a reservation that may change meanwhile, with a reference on the one it is
 * at. It begins again where the list was replaced, and does not where the list was changed in place.
 *
 * Left early it must be told by end(); a `for` loop and `using` do so.
 *
 * @kernel dma_resv_iter, dma_resv_for_each_fence_unlocked
 * @rule RESV-18, RESV-19, RESV-20, RESV-21
 */
export class UnlockedCursor implements FenceCursor {
  readonly #table: FenceTable
  readonly #limit: number
  #isBegun = false
  #isEnded = false
  #list: FenceList | undefined
  #count = 0
  #index = 0
  #fence: Fence | undefined
  #usage = 0
  #restarted = false

  constructor(table: FenceTable, usage: Usage) {
    this.#table = table
    this.#limit = usageOrder(usage)
  }

  get usage(): Usage {
    return USAGES[this.#usage]!
  }

  get isRestarted(): boolean {
    return this.#restarted
  }

  step(): Fence | undefined {
    if (this.#isEnded) return undefined
    this.#restarted = false
    if (!this.#isBegun || this.#list !== this.#table.list) this.#restart()
    this.#isBegun = true
    this.#walk()
    while (this.#list !== this.#table.list) {
      this.#restart()
      this.#walk()
    }
    return this.#fence
  }

  end(): void {
    this.#isEnded = true
    this.#drop()
  }

  #restart(): void {
    this.#list = this.#table.list
    this.#count = this.#list?.fences.length ?? 0
    this.#index = 0
    this.#restarted = true
  }

  #walk(): void {
    for (;;) {
      this.#drop()
      const list = this.#list
      // A list that became null ends the walk, where the kernel would return the last fence for ever.
      if (list === undefined || this.#index >= this.#count) return
      const index = this.#index++
      const usage = list.usages[index]!
      if (usage > this.#limit) continue
      const fence = tryGetFence(list.fences[index]!)
      if (fence === undefined) {
        this.#meetDead(list)
        continue
      }
      this.#fence = fence
      this.#usage = usage
      if (!isDone(fence)) return
    }
  }

  /** A fence without references: the list it stood in has been replaced, or somebody put it too often. */
  #meetDead(list: FenceList): void {
    if (this.#table.list !== list) this.#restart()
    else warn({ rule: 'RESV-20', message: 'A fence in a reservation was put too often: skipped' })
  }

  #drop(): void {
    const fence = this.#fence
    this.#fence = undefined
    if (fence !== undefined) putFence(fence)
  }

  [Symbol.dispose](): void {
    this.end()
  }

  [Symbol.iterator](): Iterator<FenceEntry> {
    return iterate(this)
  }
}

/** What says that the lock is still held. */
interface Proof {
  check(operation: string): void
}

/**
 * Walks all fences of a locked reservation in the order of the table, those that have signalled, too. It
 * takes no references: the lock keeps them.
 *
 * @kernel dma_resv_for_each_fence
 * @rule RESV-17, RESV-19
 */
export class LockedCursor implements FenceCursor {
  readonly #list: FenceList | undefined
  readonly #limit: number
  readonly #proof: Proof
  #index = 0
  #usage = 0
  #steps = 0

  constructor(table: FenceTable, usage: Usage, proof: Proof) {
    this.#list = table.list
    this.#limit = usageOrder(usage)
    this.#proof = proof
  }

  get usage(): Usage {
    return USAGES[this.#usage]!
  }

  get isRestarted(): boolean {
    return this.#steps === 1
  }

  step(): Fence | undefined {
    this.#proof.check('entries')
    this.#steps++
    const list = this.#list
    if (list === undefined) return undefined
    while (this.#index < list.fences.length) {
      const index = this.#index++
      this.#usage = list.usages[index]!
      if (this.#usage <= this.#limit) return list.fences[index]
    }
    return undefined
  }

  end(): void {
    this.#index = Number.POSITIVE_INFINITY
  }

  [Symbol.dispose](): void {
    this.end()
  }

  [Symbol.iterator](): Iterator<FenceEntry> {
    return iterate(this)
  }
}

/** One walk over the fences of a reservation: by step(), or in a `for` loop. @rule RESV-19, RESV-24 */
export interface FenceCursor extends Disposable, Iterable<FenceEntry> {
  /** What the fence of the last step was added as. @kernel dma_resv_iter_usage @rule RESV-24 */
  readonly usage: Usage
  /** Whether the last step began the walk, or began it anew. @kernel dma_resv_iter_is_restarted @rule RESV-19 */
  readonly isRestarted: boolean
  /**
   * The next fence, the first one at first; undefined at the end. Borrowed until the next step or end().
   *
   * @kernel dma_resv_iter_first, dma_resv_iter_next
   */
  step(): Fence | undefined
  /** Ends the walk and gives back its reference. Idempotent. @kernel dma_resv_iter_end @rule RESV-24 */
  end(): void
}

function iterate(cursor: FenceCursor): Iterator<FenceEntry> {
  return {
    next() {
      const fence = cursor.step()
      if (fence === undefined) return { done: true, value: undefined }
      const { usage, isRestarted } = cursor
      return { done: false, value: { fence, usage, isRestarted } }
    },
    return() {
      cursor.end()
      return { done: true, value: undefined }
    },
  }
}
