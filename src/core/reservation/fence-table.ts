import { bug, DmaBufError } from '../errors.js'
import { getFence, isFlaggedSignaled, type Fence } from '../fence/fence.js'
import { isLaterOrSame } from '../fence/order.js'
import { warn } from '../warn.js'
import { allocateList, FenceList, grownSlots } from './fence-list.js'
import { isDone, putAll } from './quiet-fence.js'
import type { SharedSide } from './shared-side.js'

/** Where a reservation keeps its fences; not part of what a program may use. */
export const TABLE = Symbol('fence table')

/**
 * The fences of one reservation and how they come and go. It knows nothing of locks: who may change it is
 * checked by whoever holds it.
 *
 * Creators of fences are asked while it changes, and may throw or even change it themselves. Nothing is
 * remembered across such a question, and nothing they throw gets in between.
 *
 * @kernel dma_resv
 * @rule RESV-6, RESV-14, RESV-16
 */
export class FenceTable {
  /** Undefined until the first slot is reserved: most buffers never get a fence. */
  list: FenceList | undefined = undefined
  /** Whether its reservation was destroyed: no fence comes in any more. */
  closed = false
  /** What keeps it the same in several processes; undefined for nearly all. */
  side: SharedSide | undefined = undefined

  /**
   * Makes room for `slots` more fences than there are now. Only where the list has to grow, fences that
   * have signalled are dropped from it.
   *
   * @kernel dma_resv_reserve_fences
   * @rule RESV-6, RESV-7, RESV-8
   */
  reserve(slots: number): void {
    checkSlots(slots)
    this.checkOpen('reserve')
    if (hasRoom(this.list, slots)) return
    // Asking may run code of others. Afterwards only what is known is looked at, so that no fence added
    // by such code is lost.
    const asked = this.list?.fences ?? []
    for (let i = 0; i < asked.length; i++) isDone(asked[i]!)
    this.#grow(slots)
  }

  #grow(slots: number): void {
    const old = this.list
    if (hasRoom(old, slots)) return
    const list = allocateList(grownSlots(old, slots), 'reserve')
    const dropped: Fence[] = []
    const count = old?.fences.length ?? 0
    for (let i = 0; i < count; i++) {
      const fence = old!.fences[i]!
      if (isFlaggedSignaled(fence)) dropped.push(fence)
      else append(list, fence, old!.usages[i]!)
    }
    this.list = list
    putAll(dropped)
  }

  /**
   * Adds a fence with a reference of its own: into the first slot whose fence it stands for as well, or
   * that has signalled, and otherwise into a new one.
   *
   * @kernel dma_resv_add_fence
   * @rule RESV-10, RESV-11, RESV-13, RESV-14, RESV-15
   */
  add(fence: Fence, usage: number): void {
    const index = this.#slotFor(fence, usage)
    const list = this.list
    if (list === undefined) bug('RESV-11', 'add', 'No slot was reserved: call reserve() first')
    if (index >= 0) {
      const old = list.fences[index]!
      list.fences[index] = getFence(fence)
      list.usages[index] = usage
      putAll([old])
      return
    }
    if (list.fences.length >= list.capacity)
      bug(
        'RESV-11',
        'add',
        `No slot is left: call reserve() in the same lock hold: ${list.capacity}`,
      )
    append(list, getFence(fence), usage)
  }

  /** The first slot a new fence may take over; -1 where there is none. */
  #slotFor(fence: Fence, usage: number): number {
    const list = this.list
    if (list === undefined) return -1
    const { fences, usages } = list
    for (let i = 0; i < fences.length; i++) {
      const old = fences[i]!
      if (old.context === fence.context && usages[i]! >= usage && isLaterOrSame(fence, old))
        return i
      if (!isDone(old)) continue
      // Whoever was asked may have changed the table: then the search begins anew.
      if (this.list !== list || fences[i] !== old) return this.#slotFor(fence, usage)
      return i
    }
    return this.list === list ? -1 : this.#slotFor(fence, usage)
  }

  /**
   * Puts a fence into every slot of a context; without such a slot nothing happens.
   *
   * @kernel dma_resv_replace_fences
   * @rule RESV-16
   */
  replace(context: number, fence: Fence, usage: number): void {
    const list = this.list
    if (list === undefined) return
    const replaced: Fence[] = []
    for (let i = 0; i < list.fences.length; i++) {
      const old = list.fences[i]!
      if (old.context !== context) continue
      list.fences[i] = getFence(fence)
      list.usages[i] = usage
      replaced.push(old)
    }
    putAll(replaced)
  }

  /** Adds a fence of another process, with a reference of its own: no slot has to be reserved, none is used up. */
  insert(fence: Fence, usage: number): void {
    const list = (this.list ??= new FenceList(0))
    const index = list.fences.findIndex(isFlaggedSignaled)
    if (index >= 0) {
      const old = list.fences[index]!
      list.fences[index] = getFence(fence)
      list.usages[index] = usage
      putAll([old])
      return
    }
    list.capacity++
    append(list, getFence(fence), usage)
  }

  /** Takes a fence of another process out, wherever it stands. Whoever walks the table begins anew. */
  remove(fence: Fence): void {
    const old = this.list
    if (!old?.fences.includes(fence)) return
    const list = new FenceList(old.capacity)
    const dropped: Fence[] = []
    old.fences.forEach((other, i) => {
      if (other === fence) dropped.push(other)
      else append(list, other, old.usages[i]!)
    })
    this.list = list
    putAll(dropped)
  }

  /**
   * Whether no fence up to `limit` is pending.
   *
   * @kernel dma_resv_test_signaled
   * @rule RESV-31
   */
  isSignaled(limit: number): boolean {
    const list = this.list
    if (list === undefined) return true
    const { fences, usages } = list
    const count = fences.length
    for (let i = 0; i < count; i++) {
      if (usages[i]! > limit) continue
      const done = isDone(fences[i]!)
      if (this.list !== list) return this.isSignaled(limit)
      if (!done) return false
    }
    return true
  }

  /** Puts another list in place, or none; all fences of the former are put. @rule RESV-5, RESV-25 */
  exchange(list: FenceList | undefined): void {
    const old = this.list
    this.list = list
    if (old !== undefined) putAll(old.fences)
  }

  /** Puts all fences, and lets none in again. @kernel dma_resv_fini @rule RESV-5 */
  close(): void {
    this.closed = true
    this.exchange(undefined)
  }

  /** @throws {DmaBufError} EINVAL after close() */
  checkOpen(operation: string): void {
    if (!this.closed) return
    throw new DmaBufError('EINVAL', operation, 'The reservation was destroyed', { rule: 'RESV-5' })
  }

  /** Forgets reserved slots that no fence took. @kernel dma_resv_reset_max_fences @rule RESV-9 */
  forgetSpareSlots(): void {
    if (this.list !== undefined) this.list.capacity = this.list.fences.length
  }
}

// The length of the fences is the count: a slot is whole before it counts. @rule RESV-12
function append(list: FenceList, fence: Fence, usage: number): void {
  list.usages.push(usage)
  list.fences.push(fence)
}

function hasRoom(list: FenceList | undefined, slots: number): boolean {
  return list !== undefined && list.fences.length + slots <= list.capacity
}

function checkSlots(slots: number): void {
  if (slots === 0) {
    const message = 'Reserve at least one slot'
    warn({ rule: 'RESV-6', message })
    throw new DmaBufError('EINVAL', 'reserve', message, { rule: 'RESV-6' })
  }
  if (!Number.isInteger(slots) || slots < 1)
    throw new RangeError(`Slots must be an integer from 1: ${slots}`)
}
