import { limitTime } from '../time-limit.js'
import type { AcquireContext } from './acquire-context.js'
import { lockError } from './lock-attempt.js'
import type { SharedRequest, SharedSide, SharedSight } from './shared-side.js'
import type { LockOptions, WwMutex } from './ww-mutex.js'

/** A lock of this process and the same lock between processes. */
export interface BothLocks {
  readonly mutex: WwMutex
  readonly side: SharedSide
}

/** How the shared lock is asked for: with the stamp of the context, or with a new one. */
export function sharedRequest(mutex: WwMutex, context: AcquireContext | undefined): SharedRequest {
  const stamp = context === undefined ? mutex.wwClass.takeStamp() : context.stamp
  return { stamp, isContext: context !== undefined }
}

/**
 * Takes both locks where both are free.
 *
 * @rule WW-16
 */
export function tryLockShared(
  { mutex, side }: BothLocks,
  context: AcquireContext | undefined,
): boolean {
  // The local one is held already.
  return trySide({ mutex, side }, sharedRequest(mutex, context)) === 'free'
}

/**
 * Tries the shared lock; releases the local one where that does not come to anything.
 *
 * @throws {DmaBufError} where the others are lost: the lock would keep out none of them
 */
function trySide({ mutex, side }: BothLocks, request: SharedRequest): SharedSight {
  let sight: SharedSight = 'busy'
  try {
    const seen = side.tryLock(request)
    if (side.lost !== undefined) throw side.lost
    sight = seen
  } finally {
    if (sight !== 'free') mutex.unlock()
  }
  return sight
}

/**
 * Takes the local lock, then the one between processes. Where that is not free the local one is released while it
 * is waited for: otherwise an older context of this process could wait for a younger one that waits for a stranger
 * who is older than both.
 *
 * @rule WW-3 … WW-14, RESV-33
 * @param isHeld - whether the local lock is held already
 * @throws as WwMutex.lock()
 */
export async function lockShared(
  locks: BothLocks,
  options: LockOptions & { readonly context?: AcquireContext | undefined },
  isHeld: boolean,
): Promise<void> {
  const { mutex, side } = locks
  const { context } = options
  const request = sharedRequest(mutex, context)
  const waiting = limitTime(options)
  for (let held = isHeld; ; held = false) {
    if (!held) await mutex.lock(context, waiting())
    const sight = trySide(locks, request)
    if (sight === 'free') return
    const mayGiveWay = context !== undefined && context.acquired > 0
    if (options.signal?.aborted === true) throw lockError('interrupted', options)
    const mustGiveWay =
      mayGiveWay &&
      (sight === 'older' || (await side.waitForLock(request, true, waiting())) === 'older')
    if (mustGiveWay) {
      mutex.giveWay(context)
      throw lockError('die')
    }
    if (!mayGiveWay) await side.waitForLock(request, false, waiting())
  }
}
