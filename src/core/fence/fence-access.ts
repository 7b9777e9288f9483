import type { DmaBufError } from '../errors.js'
import type { Sleeper } from './callback-queue.js'
import type { Fence } from './fence.js'
import type { FenceOps } from './fence-ops.js'

/** What the framework may do with a fence and its users may not. */
export interface FenceAccess {
  signal(
    this: void,
    fence: Fence,
    error: DmaBufError | undefined,
    timestampNs: number | undefined,
  ): boolean
  flags(this: void, fence: Fence): number
  setFlags(this: void, fence: Fence, flags: number): void
  ops(this: void, fence: Fence): FenceOps
  /** The stored error, also of a pending fence. */
  error(this: void, fence: Fence): DmaBufError | undefined
  setError(this: void, fence: Fence, error: DmaBufError): void
  /** Lets somebody sleep until a pending fence signals: woken before all who wait for it already. */
  addSleeper(this: void, fence: Fence, sleeper: Sleeper): void
  /** Takes a sleeper back; nothing where it was woken. */
  removeSleeper(this: void, fence: Fence, sleeper: Sleeper): void
  references(this: void, fence: Fence): number
  setReferences(this: void, fence: Fence, count: number): void
  /** Whether callbacks or sleepers wait for it. */
  isAwaited(this: void, fence: Fence): boolean
}

/** Granted by the class itself, once it exists: before there is any fence. */
export let access: FenceAccess

/** For the class of fences only. */
export function grantAccess(granted: FenceAccess): void {
  access = granted
}

/** A fence in a message. */
export function nameOf({ driverName, timelineName, seqno }: Fence): string {
  return `${driverName} ${timelineName} seqno ${seqno}`
}
