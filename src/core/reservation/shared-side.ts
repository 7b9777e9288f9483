import type { DmaBufError } from '../errors.js'
import type { WaitOptions } from '../host.js'
import type { Fence } from '../fence/fence.js'

/** Who asks for a lock that several processes share. */
export interface SharedRequest {
  /** Of the acquire context, or a new one; microseconds that every process counts alike. Smaller is older. */
  readonly stamp: number
  /** Whether it may hold several locks. @rule WW-7 */
  readonly isContext: boolean
}

/** `free`: held now, or worth another try; `busy`: another process is in the way; `older`: so is an older context. */
export type SharedSight = 'free' | 'busy' | 'older'

/**
 * What makes a reservation one that several processes share: its fences are all of theirs, and its lock keeps out
 * theirs, too. Every call but waitForLock() is synchronous, and none but reserve() may fail.
 *
 * @rule RESV-33
 */
export interface SharedSide {
  /**
   * Why nobody else minds our locks and fences any more, though we did not leave: then the reservation cannot be
   * locked, nor waited for.
   */
  readonly lost: DmaBufError | undefined
  /** Puts what others have added into the table, and takes out what they replaced. Called before each look. */
  refresh(): void
  /** Takes the lock where no other process has it, and refreshes then. Only one caller at a time: the local lock is held. */
  tryLock(request: SharedRequest): SharedSight
  /**
   * Waits, with the local lock released, until another try is worth while.
   *
   * @param mayGiveWay - whether an older context in the way ends the wait with `older`
   * @throws as LockWaiter does: EINTR, ETIMEDOUT
   */
  waitForLock(
    request: SharedRequest,
    mayGiveWay: boolean,
    options: WaitOptions,
  ): Promise<'free' | 'older'>
  /** Publishes the fences that were added, then releases the lock. */
  unlock(): void
  /** Whether a member of another process holds the lock. */
  readonly isLockedElsewhere: boolean
  /** Makes sure that so many fences can be published. @throws {DmaBufError} ENOMEM */
  reserve(slots: number): void
  /** Makes sure that one more fence can be published, before it is added. @throws {DmaBufError} ERR_DMABUF_BUG */
  checkSlot(): void
  /** A fence of ours is in the table now, to be published at the unlock. */
  added(fence: Fence): void
  /** The whole table was replaced by fences of ours: those of others have to come in again. */
  replaced(): void
  /** The reservation was destroyed. */
  close(): void
}
