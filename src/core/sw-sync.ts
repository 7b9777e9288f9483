import { debug } from './debug.js'
import { DmaBufError } from './errors.js'
import { allocateContext } from './fence/context.js'
import { Fence, setFenceError, signalFence, tryGetFence, type FenceOps } from './fence/fence.js'

const INT_MAX = 2 ** 31 - 1
const UINT_MAX = 2 ** 32 - 1
/** What is kept of a name: TASK_COMM_LEN less its NUL. @rule SW-1 */
const NAME_LENGTH = 15

/** A fence that knows its timeline's ops, and by when it is wanted. */
class SwSyncFence extends Fence {
  /** The earliest deadline that was set. @rule SW-8 */
  deadlineNs: number | undefined = undefined
}

/** Timelines that are open, or whose fences live; held weakly, since nobody has to close or to put. */
const timelines = new Set<WeakRef<SwSyncTimeline>>()
const MIN_TIDIED = 64
let tidiedAt = MIN_TIDIED

// Those that nobody has any more are forgotten each time the list has doubled: cheap for each, however many.
function list(timeline: WeakRef<SwSyncTimeline>): void {
  timelines.add(timeline)
  if (timelines.size < tidiedAt) return
  for (const listed of timelines) if (listed.deref() === undefined) timelines.delete(listed)
  tidiedAt = Math.max(MIN_TIDIED, timelines.size * 2)
}

/**
 * A counter for tests that signals fences as it advances: a signed 32-bit number that wraps.
 *
 * It breaks the first law of fences on purpose: its fences wait for whoever holds it. Use it where no real
 * device is, never between programs that do not trust each other.
 *
 * @kernel sync_timeline, an open file of sw_sync
 * @rule SW-1, FENCE-41
 */
export class SwSyncTimeline implements Disposable {
  /** At most 15 characters. @rule SW-1 */
  readonly name: string
  readonly context = allocateContext(1)
  readonly #ops: FenceOps
  /** In wrapping order of their seqnos, all later than the value. @rule SW-5 */
  #pending: SwSyncFence[] = []
  /** Those before it have signalled: taken out together, so that each costs the same. */
  #first = 0
  readonly #listed = new WeakRef<SwSyncTimeline>(this)
  #value = 0
  #aliveCount = 0
  #closed = false

  /** @param name - of the program that opens it; cut to 15 characters */
  constructor(name: string) {
    if (typeof name !== 'string') throw new TypeError('Timeline name must be a string')
    this.name = name.slice(0, NAME_LENGTH)
    this.#ops = {
      driverName: 'sw_sync',
      timelineName: this.name,
      enableSignaling: () => true,
      isSignaled: (fence) => !this.#isLater(fence.seqno),
      release: (fence) => this.#released(fence),
      valueText: (fence) => String(fence.seqno),
      timelineValueText: () => String(this.#value),
      setDeadline: keepEarliest,
    }
    list(this.#listed)
  }

  /** Signed 32-bit; 0 at first. @rule SW-1 */
  get value(): number {
    return this.#value
  }

  /** Fences that wait for the value, first ones first; borrowed. @rule SW-5 */
  get pending(): readonly Fence[] {
    return this.#pending.slice(this.#first)
  }

  /**
   * The fence of a seqno: signalled at once where the value has it, and the pending one where there is one.
   *
   * @kernel SW_SYNC_IOC_CREATE_FENCE
   * @rule SW-2, SW-3, SW-4
   * @param seqno - unsigned 32-bit
   * @returns with a reference of yours
   * @throws {DmaBufError} EBADF after close(), ENOMEM; RangeError for another number
   */
  createFence(seqno: number): Fence {
    this.#open('createFence')
    checkUnsigned(seqno)
    if (debug.failAllocations)
      throw new DmaBufError('ENOMEM', 'createFence', 'No memory for a fence', { rule: 'SW-2' })
    const index = this.#placeOf(seqno)
    const same = this.#pending[index]
    if (same?.seqno === seqno) {
      const shared = tryGetFence(same)
      if (shared !== undefined) return shared
    }
    const fence = new SwSyncFence(this.#ops, this.context, seqno)
    this.#aliveCount++
    if (!fence.isSignaled()) this.#pending.splice(index, 0, fence)
    return fence
  }

  /**
   * Lets the value advance, and signals in order what it reaches.
   *
   * @kernel SW_SYNC_IOC_INC
   * @rule SW-6
   * @param amount - unsigned 32-bit; what is above INT_MAX goes in steps, so that no fence is overtaken
   * @throws {DmaBufError} EBADF after close(); RangeError for another number
   */
  increment(amount = 1): void {
    this.#open('increment')
    checkUnsigned(amount)
    let left = amount
    while (left > INT_MAX) {
      this.#advance(INT_MAX)
      left -= INT_MAX
    }
    this.#advance(left)
  }

  /** Ends the timeline: what is pending fails with ENOENT. Idempotent. @rule SW-7 */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    const message = `Timeline was closed: ${this.name}`
    for (let next = this.#shift(); next !== undefined; next = this.#shift()) {
      if (next.isSignaled()) continue
      setFenceError(next, new DmaBufError('ENOENT', 'sw_sync', message, { rule: 'SW-7' }))
      signalFence(next)
    }
    this.#unlist()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #open(operation: string): void {
    if (this.#closed) throw new DmaBufError('EBADF', operation, `Timeline is closed: ${this.name}`)
  }

  #isLater(seqno: number): boolean {
    return ((seqno - this.#value) | 0) > 0
  }

  // One by one, from the front: a callback may advance the timeline, too.
  #advance(step: number): void {
    this.#value = (this.#value + step) | 0
    for (;;) {
      const next = this.#pending[this.#first]
      if (next === undefined || this.#isLater(next.seqno)) return
      this.#shift()
      signalFence(next)
    }
  }

  #shift(): SwSyncFence | undefined {
    const first = this.#pending[this.#first]
    if (first === undefined) return undefined
    if (++this.#first * 2 >= this.#pending.length) {
      this.#pending = this.#pending.slice(this.#first)
      this.#first = 0
    }
    return first
  }

  // Where a seqno is, or would go: before the first one that is not earlier.
  #placeOf(seqno: number): number {
    const pending = this.#pending
    let low = this.#first
    let high = pending.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (((pending[middle]!.seqno - seqno) | 0) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #released(fence: Fence): void {
    const index = this.#placeOf(fence.seqno)
    if (this.#pending[index] === fence) this.#pending.splice(index, 1)
    this.#aliveCount--
    this.#unlist()
  }

  #unlist(): void {
    if (!this.#closed || this.#aliveCount > 0) return
    timelines.delete(this.#listed)
  }
}

/**
 * By when a fence of such a timeline is wanted, of any timeline.
 *
 * @kernel SW_SYNC_GET_DEADLINE
 * @rule SW-8, SW-9
 * @returns monotonic nanoseconds, the earliest that was set
 * @throws {DmaBufError} EINVAL for a fence of another kind; ENOENT where no deadline was set
 */
export function swSyncDeadlineNs(fence: Fence): number {
  if (!(fence instanceof SwSyncFence))
    throw new DmaBufError('EINVAL', 'get deadline', 'Fence must be a plain one of sw_sync', {
      rule: 'SW-8',
    })
  if (fence.deadlineNs === undefined)
    throw new DmaBufError('ENOENT', 'get deadline', 'No deadline was set while it was pending', {
      rule: 'SW-8',
    })
  return fence.deadlineNs
}

/**
 * All timelines with their pending fences, oldest first, in the kernel's words.
 *
 * @kernel debugfs sync/info
 * @rule SW-11, PORT-12
 */
export function describeSwSync(): string {
  let text = 'objs:\n--------------\n'
  for (const listed of timelines) {
    const timeline = listed.deref()
    if (timeline === undefined) continue
    text += `${timeline.name}: ${timeline.value}\n`
    for (const fence of timeline.pending) text += describePending(fence, timeline)
    text += '\n'
  }
  // No sync_file is ever listed there.
  return `${text}fences:\n--------------\n`
}

const STATES = { pending: 'active', signaled: 'signaled', error: 'error' } as const

function describePending(fence: Fence, timeline: SwSyncTimeline): string {
  const state = STATES[fence.status]
  const { timestampNs } = fence
  const time = timestampNs === undefined ? '' : `@${secondsOf(timestampNs)}`
  return `  fence ${state}${time}: ${fence.seqno} / ${timeline.value}\n`
}

function secondsOf(timeNs: number): string {
  const seconds = Math.floor(timeNs / 1e9)
  return `${seconds}.${String(timeNs - seconds * 1e9).padStart(9, '0')}`
}

function keepEarliest(fence: Fence, deadlineNs: number): void {
  if (fence instanceof SwSyncFence)
    fence.deadlineNs = Math.min(deadlineNs, fence.deadlineNs ?? deadlineNs)
}

function checkUnsigned(value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > UINT_MAX)
    throw new RangeError(`Number must be an integer from 0 to ${UINT_MAX}: ${value}`)
}
