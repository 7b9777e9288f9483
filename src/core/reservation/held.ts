import { DmaBufError } from '../errors.js'
import { debug } from '../debug.js'
import { isFenceContainer } from '../fence/container.js'
import { Fence } from '../fence/fence.js'
import { warn } from '../warn.js'
import { LockedCursor, type FenceCursor } from './cursor.js'
import { TABLE, type FenceTable } from './fence-table.js'
import { copyList, describeTable } from './queries.js'
import { putAll } from './quiet-fence.js'
import type { Reservation } from './reservation.js'
import { usageOrder, type Usage } from './usage.js'
import type { WwMutex } from './ww-mutex.js'

/**
 * The proof that a reservation is locked, and what only its holder may do. Whatever needs the lock asks
 * for this; releasing it unlocks.
 *
 * @kernel dma_resv_lock, held
 * @rule RESV-33
 */
export class Held implements Disposable {
  /** What is locked. */
  readonly reservation: Reservation
  #mutex: WwMutex | undefined

  /** Made by locking a reservation, by nobody else. */
  constructor(reservation: Reservation, mutex: WwMutex) {
    this.reservation = reservation
    this.#mutex = mutex
  }

  /** Whether it was released: it proves nothing then. */
  get released(): boolean {
    return this.#mutex === undefined
  }

  /**
   * Makes sure that `slots` more fences can be added before the lock is released. It may fail, so it comes
   * before whatever cannot be undone. Two calls do not add up, and nothing survives the unlock.
   *
   * @kernel dma_resv_reserve_fences
   * @rule RESV-6, RESV-7, RESV-8, RESV-9
   * @param slots - integer, 1 and up
   * @throws {DmaBufError} EINVAL for 0, ENOMEM
   */
  reserve(slots: number): void {
    const table = this.#table('reserve')
    table.reserve(slots)
    table.side?.reserve(slots)
  }

  /**
   * Adds a fence with a reference of its own. Cannot fail once a slot is reserved. Nothing is waited for,
   * and nothing enabled; what the fence replaces was of its own context and not later, or had signalled.
   *
   * @kernel dma_resv_add_fence
   * @rule RESV-4, RESV-10, RESV-11, RESV-13, RESV-14, RESV-15
   * @throws {DmaBufError} ERR_DMABUF_BUG without a reserved slot
   */
  add(fence: Fence, usage: Usage): void {
    const table = this.#table('add')
    const order = usageOrder(usage)
    checkFence(fence)
    if (isFenceContainer(fence))
      warn({ rule: 'RESV-10', message: 'An array or chain was added: add its fences one by one' })
    const { side } = table
    side?.checkSlot()
    table.add(fence, order)
    side?.added(fence)
  }

  /**
   * Puts a fence into all slots of a context. Right only where its signal also ends what the old fences
   * stood for.
   *
   * @kernel dma_resv_replace_fences
   * @rule RESV-16
   */
  replace(context: number, fence: Fence, usage: Usage): void {
    const table = this.#table('replace')
    checkFence(fence)
    const order = usageOrder(usage)
    const { side } = table
    side?.checkSlot()
    table.replace(context, fence, order)
    side?.added(fence)
  }

  /**
   * All fences up to a usage in the order of the table, those that have signalled, too; borrowed.
   *
   * @kernel dma_resv_for_each_fence
   * @rule RESV-17, RESV-19, RESV-24
   */
  entries(usage: Usage): FenceCursor {
    return new LockedCursor(this.#table('entries'), usage, this)
  }

  /**
   * Takes over the pending fences of another reservation in place of all its own. The other one need not
   * be locked.
   *
   * @kernel dma_resv_copy_fences
   * @rule RESV-25
   * @throws {DmaBufError} ENOMEM; nothing has changed then
   */
  copyFrom(source: Reservation): void {
    const table = this.#table('copy')
    table.checkOpen('copy')
    source[TABLE].side?.refresh()
    const list = copyList(source[TABLE])
    const { side } = table
    if (side !== undefined && list !== undefined) {
      try {
        side.reserve(list.fences.length)
      } catch (error) {
        putAll(list.fences)
        throw error
      }
    }
    table.exchange(list)
    for (const fence of side === undefined ? [] : (list?.fences ?? [])) side?.added(fence)
    side?.replaced()
  }

  /**
   * A line of text for each fence but those that only keep books.
   *
   * @kernel dma_resv_describe
   * @rule RESV-32
   */
  describe(): string {
    return describeTable(this.#table('describe'))
  }

  /** Unlocks. Idempotent. @kernel dma_resv_unlock @rule RESV-9, RESV-33 */
  release(): void {
    const mutex = this.#mutex
    if (mutex === undefined) return
    this.#mutex = undefined
    const table = this.reservation[TABLE]
    if (debug.resetSlots) table.forgetSpareSlots()
    table.side?.unlock()
    mutex.unlock()
  }

  [Symbol.dispose](): void {
    this.release()
  }

  /**
   * Does nothing while the lock is held.
   *
   * @throws {DmaBufError} EINVAL after the release
   */
  check(operation: string): void {
    if (this.#mutex !== undefined) return
    throw new DmaBufError('EINVAL', operation, 'The lock was released: lock the reservation again')
  }

  #table(operation: string): FenceTable {
    this.check(operation)
    return this.reservation[TABLE]
  }
}

/**
 * Does nothing if `held` proves that `reservation` is locked.
 *
 * @kernel dma_resv_assert_held
 * @rule C-2, C-8
 * @throws {DmaBufError} EINVAL where it was released, or is the proof of another reservation
 */
export function checkHeld(held: Held, reservation: Reservation, operation: string): void {
  if (!(held instanceof Held)) throw new TypeError('Held must come from locking a reservation')
  held.check(operation)
  if (held.reservation === reservation) return
  throw new DmaBufError('EINVAL', operation, 'Another reservation is locked: lock the right one')
}

function checkFence(fence: Fence): void {
  if (!(fence instanceof Fence)) throw new TypeError('Fence must be a fence')
}
