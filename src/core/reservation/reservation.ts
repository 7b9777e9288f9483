import { DmaBufError } from '../errors.js'
import type { Fence } from '../fence/fence.js'
import type { WaitOptions } from '../host.js'
import type { Task } from '../wait-graph.js'
import { checkWait } from '../wait.js'
import { warn } from '../warn.js'
import type { AcquireContext } from './acquire-context.js'
import { UnlockedCursor, type FenceCursor } from './cursor.js'
import { describeHolder, type HolderDescription } from './describe-holder.js'
import { FenceTable, TABLE } from './fence-table.js'
import { Held } from './held.js'
import { lockError } from './lock-attempt.js'
import { lockShared, tryLockShared } from './lock-shared.js'
import type { SharedSide } from './shared-side.js'
import { collectFences, setDeadlines, singletonOf, waitForAll } from './queries.js'
import { usageOrder, type Usage } from './usage.js'
import { WwClass } from './ww-class.js'
import { WwMutex } from './ww-mutex.js'

/** The class of all locks of reservations. @kernel reservation_ww_class @rule RESV-5, WW-1 */
export const reservationWwClass = new WwClass('reservation', 'wait-die')

/** How a reservation is to be locked. */
export interface ReservationLockOptions extends WaitOptions {
  /** Whoever locks several reservations does so under one context. */
  readonly context?: AcquireContext | undefined
  /** Who locks without a context: tells a deadlock with oneself from a wait for others. @rule PORT-6 */
  readonly task?: Task | undefined
}

const NO_OPTIONS: ReservationLockOptions = {}

/**
 * The fences of a buffer that others have to obey, and the lock under which they change. Looking at them
 * takes no lock.
 *
 * @kernel dma_resv
 * @rule RESV-1, RESV-5
 */
export class Reservation implements Disposable {
  /** @internal */
  readonly [TABLE] = new FenceTable()
  readonly #mutex = new WwMutex(reservationWwClass)

  /** Whether somebody holds the lock, in whichever process. @kernel dma_resv_is_locked */
  get isLocked(): boolean {
    return this.#mutex.locked || this[TABLE].side?.isLockedElsewhere === true
  }

  /** Whether somebody in this process holds the lock. @internal */
  get isLockedHere(): boolean {
    return this.#mutex.locked
  }

  /** Whether it was destroyed: it cannot be locked any more. */
  get destroyed(): boolean {
    return this[TABLE].closed
  }

  /** The context it is locked under, if there is one. @kernel dma_resv_locking_ctx */
  get lockingContext(): AcquireContext | undefined {
    return this.#mutex.context
  }

  /** Who holds the lock and who waits for it, for reports; undefined where it is free. */
  get lockHolder(): HolderDescription | undefined {
    return describeHolder(this.#mutex)
  }

  /**
   * Waits for the lock: alone, or with a context as one of several. A free lock is held when the call
   * returns, whatever the signal says.
   *
   * @kernel dma_resv_lock, dma_resv_lock_interruptible
   * @rule RESV-33, WW-3, WW-4, WW-5, WW-12, WW-13
   * @returns the proof that it is locked; releasing it unlocks
   * @throws {DmaBufError} EDEADLK: release all locks of the context, then lockSlow() this one; EALREADY: the
   *   context holds it; EINTR: the signal was aborted, its reason is the cause; ETIMEDOUT; why this process is no
   *   member any more of the domain that shares it. As rejections
   */
  lock(options: ReservationLockOptions = NO_OPTIONS): Promise<Held> {
    try {
      this[TABLE].checkOpen('lock')
      const { context } = options
      const attempt = this.#mutex.tryAcquire(context, options)
      const { side } = this[TABLE]
      if (side !== undefined && (attempt === 'acquired' || attempt === 'wait'))
        return this.#hold(this.#lockBoth(side, options, attempt))
      if (attempt === 'acquired') return Promise.resolve(new Held(this, this.#mutex))
      if (attempt === 'wait') return this.#hold(this.#mutex.wait(context, options))
      return Promise.reject(lockError(attempt, options))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Waits for the lock that answered EDEADLK, when all others of the context are released: it is not
   * answered EDEADLK again.
   *
   * @kernel dma_resv_lock_slow, dma_resv_lock_slow_interruptible
   * @rule RESV-33, WW-14, WW-15
   * @throws {DmaBufError} EINTR, ETIMEDOUT. As rejections
   */
  async lockSlow(
    context: AcquireContext,
    options: ReservationLockOptions = NO_OPTIONS,
  ): Promise<Held> {
    this[TABLE].checkOpen('lockSlow')
    const locking = this.#mutex.lockSlow(context, options)
    const { side } = this[TABLE]
    if (side === undefined) return this.#hold(locking)
    await locking
    return this.#hold(lockShared({ mutex: this.#mutex, side }, { ...options, context }, true))
  }

  /**
   * Takes the lock where it is free.
   *
   * @kernel dma_resv_trylock
   * @rule RESV-33, WW-16
   * @param task - who locks without a context
   * @returns undefined where it is held, by whomever
   */
  tryLock(context?: AcquireContext, task?: Task): Held | undefined {
    this[TABLE].checkOpen('tryLock')
    const mutex = this.#mutex
    if (!mutex.tryLock(context, task)) return undefined
    const { side } = this[TABLE]
    if (side !== undefined && !tryLockShared({ mutex, side }, context)) return undefined
    return new Held(this, mutex)
  }

  /**
   * As lock(), also where the processes that share the reservation are lost: to look, or to undo something.
   *
   * @internal
   */
  async lockHere(options: ReservationLockOptions = NO_OPTIONS): Promise<Held> {
    try {
      return await this.lock(options)
    } catch (error) {
      if (this[TABLE].closed || this[TABLE].side?.lost === undefined) throw error
      return this.#hold(this.#mutex.lock(options.context, options))
    }
  }

  /** As tryLock(), also where the processes that share the reservation are lost. @internal */
  tryLockHere(): Held | undefined {
    try {
      return this.tryLock()
    } catch (error) {
      if (this[TABLE].closed || this[TABLE].side?.lost === undefined) throw error
      return this.#mutex.tryLock() ? new Held(this, this.#mutex) : undefined
    }
  }

  async #lockBoth(
    side: SharedSide,
    options: ReservationLockOptions,
    attempt: 'acquired' | 'wait',
  ): Promise<void> {
    const mutex = this.#mutex
    if (attempt === 'wait') await mutex.wait(options.context, options)
    await lockShared({ mutex, side }, options, true)
  }

  async #hold(locking: Promise<void>): Promise<Held> {
    await locking
    return new Held(this, this.#mutex)
  }

  /**
   * Whether nothing up to a usage is pending. Asks the creators of fences, which may signal them.
   *
   * @kernel dma_resv_test_signaled
   * @rule RESV-31
   */
  isSignaled(usage: Usage): boolean {
    return this.#complete().isSignaled(usageOrder(usage))
  }

  /**
   * Waits until nothing up to a usage is pending, with or without the lock. What failed is finished, too.
   * A fence added meanwhile may or may not be waited for.
   *
   * @kernel dma_resv_wait_timeout
   * @rule RESV-29, RESV-30, FENCE-29
   * @throws {DmaBufError} ETIMEDOUT; the reason of an aborted signal
   */
  async wait(usage: Usage, options: WaitOptions = NO_OPTIONS): Promise<void> {
    const { timeoutMs = Number.POSITIVE_INFINITY } = options
    checkWait({ timeoutMs })
    if ((await this.waitTimeout(usage, timeoutMs, options)) > 0) return
    const message = `reservation wait timed out after ${timeoutMs} ms: waiting for ${usage}`
    throw new DmaBufError('ETIMEDOUT', 'reservation wait', message)
  }

  /**
   * Waits as wait() does, with the kernel's own results.
   *
   * @kernel dma_resv_wait_timeout
   * @rule RESV-29, RESV-30
   * @param timeoutMs - 0 and up; 0 only looks, `Infinity` is for ever
   * @returns milliseconds left, at least 1, all of them where nothing is pending; 0 where the time was over
   * @throws {DmaBufError} EINVAL for a negative time where something is pending; the reason of an aborted signal
   */
  async waitTimeout(
    usage: Usage,
    timeoutMs: number,
    options: Pick<WaitOptions, 'signal'> = NO_OPTIONS,
  ): Promise<number> {
    return waitForAll(this.#complete(), usage, timeoutMs, options)
  }

  /**
   * The pending fences up to a usage. Each comes with a reference that is the caller's: putFence() it.
   *
   * @kernel dma_resv_get_fences
   * @rule RESV-26, RESV-27
   * @throws {DmaBufError} ENOMEM
   */
  fences(usage: Usage): Fence[] {
    return collectFences(this.#complete(), usage, 'fences')
  }

  /**
   * One fence for all pending ones up to a usage, with a reference that is the caller's; undefined where
   * nothing is pending. Do not add it to a reservation: it may be an array.
   *
   * @kernel dma_resv_get_singleton
   * @rule RESV-28
   * @throws {DmaBufError} ENOMEM
   */
  singleton(usage: Usage): Fence | undefined {
    return singletonOf(this.#complete(), usage)
  }

  /**
   * Walks the pending fences up to a usage without the lock, while the reservation may change.
   *
   * @kernel dma_resv_for_each_fence_unlocked
   * @rule RESV-18, RESV-19
   */
  entries(usage: Usage): FenceCursor {
    return new UnlockedCursor(this.#refreshed(), usage)
  }

  /**
   * Tells the pending fences up to a usage by when they are wanted.
   *
   * @kernel dma_resv_set_deadline
   * @rule RESV-31
   * @param deadlineNs - monotonic; a past one means now
   */
  setDeadline(usage: Usage, deadlineNs: number): void {
    setDeadlines(this.#refreshed(), usage, deadlineNs)
  }

  /**
   * Makes this a reservation that other processes share, for good.
   *
   * @internal
   * @param side - moved here; made for the table of this reservation
   * @throws {DmaBufError} EBUSY where it is shared already
   */
  share(side: SharedSide): void {
    const table = this[TABLE]
    table.checkOpen('share')
    if (table.side !== undefined)
      throw new DmaBufError(
        'EBUSY',
        'share',
        'The reservation is shared already: in one domain only',
      )
    reservationWwClass.followClock()
    table.side = side
  }

  #refreshed(): FenceTable {
    const table = this[TABLE]
    table.side?.refresh()
    return table
  }

  /** For whoever relies on seeing all of them. */
  #complete(): FenceTable {
    const table = this.#refreshed()
    if (table.side?.lost !== undefined) throw table.side.lost
    return table
  }

  /**
   * Puts all fences and ends the reservation: it cannot be locked any more, and nothing is pending.
   * Whoever holds the lock is warned about, and can still release it. Idempotent.
   *
   * @kernel dma_resv_fini
   * @rule RESV-5
   */
  destroy(): void {
    if (this[TABLE].closed) return
    if (this.#mutex.locked)
      warn({ rule: 'RESV-5', message: 'A reservation was destroyed while it was locked' })
    this.#mutex.destroy()
    this[TABLE].side?.close()
    this[TABLE].close()
  }

  [Symbol.dispose](): void {
    this.destroy()
  }
}
