import type { Fence } from '../fence/fence.js'
import { lockAll, type HeldAll, type LockAllOptions } from './lock-all.js'
import { putAll } from './quiet-fence.js'
import type { Reservation } from './reservation.js'
import { usageToWaitFor, type Usage } from './usage.js'

/** What a piece of work does to one buffer. */
export interface BufferUse {
  readonly reservation: Reservation
  /** Whether it changes what is in the buffer. Saying so where it only reads waits more than it must. */
  readonly write: boolean
  /**
   * The program synchronises this use itself, by sync files or timelines: only memory management is waited
   * for, and others need not wait for the work.
   */
  readonly explicit?: boolean | undefined
}

/** Up to which usage a piece of work waits: never for less than memory management. @rule RESV-3, RESV-35, RESV-36 */
export function usageToObey({ write, explicit }: Omit<BufferUse, 'reservation'>): Usage {
  return explicit === true ? 'kernel' : usageToWaitFor(write)
}

/** As what the fence of a piece of work is added. @rule RESV-2, RESV-34 */
export function usageToPublish({ write, explicit }: Omit<BufferUse, 'reservation'>): Usage {
  if (explicit === true) return 'bookkeep'
  return write ? 'write' : 'read'
}

/**
 * Starts a piece of work on buffers, in the order that never waits for itself: locks all of them, reserves
 * a slot in each, gathers what the work has to wait for, starts it, and adds its fence, which cannot fail.
 * Where anything fails before the start, nothing has changed.
 *
 * Waits for locks, never for fences: the work itself waits for what it depends on.
 *
 * @rule RESV-34, RESV-35, RESV-36, RESV-37, RESV-38
 * @param uses - one buffer may be used several times
 * @param start - gets the fences to wait for, borrowed: take a reference of what is needed after the call.
 *   Returns the fence that signals when the work is done, with a reference
 * @returns that fence, with that reference
 * @throws what lockAll() and Held.reserve() throw; what `start` throws: nothing was started then
 */
export async function submit(
  uses: readonly BufferUse[],
  start: (dependencies: readonly Fence[]) => Fence,
  options?: LockAllOptions,
): Promise<Fence> {
  using held = await lockAll(
    uses.map(({ reservation }) => reservation),
    options,
  )
  reserveSlots(uses, held)
  const dependencies: Fence[] = []
  try {
    // One by one: a call takes no hundred thousand arguments.
    for (const use of uses)
      for (const fence of use.reservation.fences(usageToObey(use))) dependencies.push(fence)
    const fence = start(dependencies)
    for (const use of uses) held.of(use.reservation).add(fence, usageToPublish(use))
    return fence
  } finally {
    putAll(dependencies)
  }
}

/** Reserving is no sum: whoever is used twice needs two slots at once. */
function reserveSlots(uses: readonly BufferUse[], held: HeldAll): void {
  const counts = new Map<Reservation, number>()
  for (const { reservation } of uses) counts.set(reservation, (counts.get(reservation) ?? 0) + 1)
  for (const [reservation, count] of counts) held.of(reservation).reserve(count)
}
