import type { DmaBufError } from '../errors.js'
import type { WaitOptions } from '../host.js'
import type { Fence } from './fence.js'

/** How one fence stands. @rule SF-17, SF-18 */
export interface FenceState {
  readonly timelineName: string
  readonly driverName: string
  readonly status: Fence['status']
  /** What the work failed with; undefined unless the status is `error`. */
  readonly error: DmaBufError | undefined
  /** Monotonic time of signalling; undefined while pending. */
  readonly timestampNs: number | undefined
}

/**
 * What the creator of a fence supplies: one object for all fences of a timeline, since it is shared.
 *
 * All but `wait` is called inside calls of other code, so it must not wait. `isSignaled` and
 * `setDeadline` may throw into that call; what `enableSignaling` and `release` throw is reported as a
 * warning.
 *
 * @kernel dma_fence_ops
 * @rule FENCE-3
 */
export interface FenceOps {
  /** Mandatory: who made the fence. */
  readonly driverName: string
  /** Mandatory: which of its timelines the fence is on. */
  readonly timelineName: string
  /** Who has to finish the work where it is not this program, "process 123" say: for explain(). */
  readonly owner?: string
  /** Whether seqnos are compared as whole numbers; as wrapping 32-bit numbers where absent. @rule FENCE-6 */
  readonly use64BitSeqno?: boolean
  /**
   * Called once, when somebody first wants to be told. `false`: it is done already, or can never be
   * reported; the fence then signals at once. May set an error, or signal the fence itself, only if it
   * answers false. Without it the fence must signal by itself, always. Where it throws, the fence fails
   * with that.
   *
   * @rule FENCE-22, FENCE-23, FENCE-24
   */
  enableSignaling?(fence: Fence): boolean
  /**
   * Nobody waits any more for a pending fence, so that nobody need be told. `enableSignaling` is called again
   * for whoever waits next. Where it is absent, signalling stays enabled for ever, as in the kernel.
   */
  disableSignaling?(fence: Fence): void
  /** Whether the work is done though nobody told the fence yet; never true and later false. @rule FENCE-14 */
  isSignaled?(fence: Fence): boolean
  /**
   * Waits in place of the usual wait: answers with the milliseconds left, 0 where the time is over, and
   * rejects where it was interrupted or the wait itself failed.
   *
   * @rule FENCE-31
   * @param timeoutMs - `Infinity` is for ever
   */
  wait?(fence: Fence, timeoutMs: number, options: WaitOptions): number | Promise<number>
  /** Called once, when the last reference was put. @rule FENCE-8 */
  release?(fence: Fence): void
  /**
   * Somebody wants the fence by then. Called any number of times, for pending fences: keep the earliest.
   *
   * @rule FENCE-35
   * @param deadlineNs - monotonic; a past one means now
   */
  setDeadline?(fence: Fence, deadlineNs: number): void
  /** The pending fences that a container waits for, for explain(); none where absent. Borrowed. */
  waitsFor?(fence: Fence): Iterable<Fence>
  /** How the fences stand that it was made of elsewhere, in the kernel say: for SyncFile.info(). Itself where absent. */
  states?(fence: Fence): readonly FenceState[]
  /** The fence's value as text, for listings. */
  valueText?(fence: Fence): string
  /** The value of its timeline as text, for listings. */
  timelineValueText?(fence: Fence): string
}

/**
 * Called once, synchronously, when its fence signals: inside somebody else's call, so it must not wait.
 * What it throws is reported as a warning and keeps no other callback from running.
 *
 * @kernel dma_fence_func_t
 * @rule FENCE-12, PORT-4
 */
export type FenceCallback = (fence: Fence) => void
