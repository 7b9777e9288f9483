import { getFence, isFlaggedSignaled, putFence, type Fence } from '../core/fence/fence.js'
import type { FenceTable } from '../core/reservation/fence-table.js'
import type { FenceSlot } from '../interprocess/fence-board.js'
import { FenceListWriter, type ListedFence } from '../interprocess/fence-lists.js'
import type { DomainGroup } from './domain-group.js'

/** One of our fences in a reservation, with its place in the order of usages. */
interface Placed {
  readonly fence: Fence
  readonly usage: number
}

/** The fences of this process in one shared buffer, as the other members see them. */
export class OwnFences {
  readonly #group: DomainGroup
  readonly #writer: FenceListWriter
  #table: FenceTable
  /** Kept for fences to come, so that adding one cannot fail. */
  readonly #spare: FenceSlot[] = []
  /** Ours in the table, with their slots once they have one. */
  #fences = new Map<Fence, FenceSlot | undefined>()
  #unplaced = 0
  /** Whether ours in the table may be others than those that are listed. */
  #isChanged = false
  #listed: readonly ListedFence[] = []
  /** What is still pending of a reservation that is gone, with references. */
  #pending: readonly Placed[] | undefined

  constructor(group: DomainGroup, buffer: number, table: FenceTable) {
    this.#group = group
    this.#table = table
    this.#writer = new FenceListWriter(group.words, group.layout.listAt(buffer))
  }

  /** How many are pending. */
  get count(): number {
    return this.#placed().length
  }

  /** Whether one more can be added now. */
  get hasSlot(): boolean {
    return this.#spare.length > this.#unplaced
  }

  /** Makes sure of slots for so many, and for one that replaces others. @throws {DmaBufError} EBUSY */
  reserve(slots: number): void {
    const { publisher } = this.#group
    while (this.#spare.length - this.#unplaced <= slots) {
      let at = publisher.allocate()
      if (at === undefined) {
        this.#group.trim()
        at = publisher.allocate()
      }
      if (at === undefined) throw publisher.busy()
      this.#spare.push(at)
    }
  }

  /** A fence in the table is ours. It takes one of the slots. */
  add(fence: Fence): void {
    this.#isChanged = true
    if (this.#fences.has(fence)) return
    this.#fences.set(fence, undefined)
    this.#unplaced++
  }

  /** Shows the others what was added. */
  publishChange(): void {
    if (this.#isChanged) this.publish()
  }

  /** Shows the others what is pending of ours now, and no more. */
  publish(): void {
    this.#isChanged = false
    const placed = this.#placed()
    const fences = new Map<Fence, FenceSlot>()
    const entries = placed.map(({ fence, usage }) => {
      const at = fences.get(fence) ?? this.#fences.get(fence) ?? this.#place(fence)
      fences.set(fence, at)
      return { ...at, seqno: 1, usage }
    })
    const before = this.#fences
    this.#fences = fences
    this.#unplaced = 0
    if (!isSame(entries, this.#listed)) {
      this.#writer.publish(entries)
      this.#listed = entries
    }
    // Only now: whoever reads the former list may look for them.
    for (const [fence, at] of before)
      if (at !== undefined && !fences.has(fence)) this.#group.publisher.board.unpin(at.slot)
  }

  /** The reservation is gone: calls back when the last of what is pending has signalled. */
  whenDone(done: () => void): void {
    this.publish()
    const pending = this.#placed()
    for (const { fence } of pending) getFence(fence)
    this.#pending = pending
    let left = pending.length + 1
    const count = (): void => {
      if (--left > 0 || this.#pending !== pending) return
      this.#pending = []
      this.publish()
      for (const { slot } of this.#spare.splice(0)) this.#group.publisher.board.unpin(slot)
      for (const { fence } of pending) putFence(fence)
      done()
    }
    for (const { fence } of pending) if (!fence.addCallback(count)) count()
    count()
  }

  /** Another reservation of the same buffer takes the place of the one that is gone. */
  moveTo(table: FenceTable): void {
    const pending = this.#pending ?? []
    this.#pending = undefined
    this.#table = table
    for (const { fence, usage } of pending) {
      table.insert(fence, usage)
      putFence(fence)
    }
  }

  /** The domain was left: nobody looks any more. */
  leave(): void {
    for (const { fence } of this.#pending ?? []) putFence(fence)
    this.#pending = undefined
    this.#fences.clear()
  }

  #place(fence: Fence): FenceSlot {
    // With a pin for our list.
    return this.#group.publisher.publishFence(fence, this.#spare.pop())
  }

  #placed(): readonly Placed[] {
    if (this.#pending !== undefined) return this.#pending.filter(({ fence }) => isPending(fence))
    const { list } = this.#table
    if (list === undefined) return []
    const placed: Placed[] = []
    for (let i = 0; i < list.fences.length; i++) {
      const fence = list.fences[i]!
      if (this.#fences.has(fence) && isPending(fence))
        placed.push({ fence, usage: list.usages[i]! })
    }
    return placed
  }
}

function isPending(fence: Fence): boolean {
  return !isFlaggedSignaled(fence)
}

function isSame(a: readonly ListedFence[], b: readonly ListedFence[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ slot, generation, usage }, i) => {
      const other = b[i]!
      return slot === other.slot && generation === other.generation && usage === other.usage
    })
  )
}
