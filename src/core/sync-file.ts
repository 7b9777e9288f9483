import { debug } from './debug.js'
import { DmaBufError } from './errors.js'
import { access } from './fence/fence-access.js'
import type { FenceState } from './fence/fence-ops.js'
import { Fence, getFence, putFence } from './fence/fence.js'
import { mergeFences } from './fence/merge.js'
import { unwrapFences } from './fence/unwrap.js'
import type { WaitOptions } from './host.js'
import { waitFor } from './wait.js'
import { warnThrown } from './warn.js'

export type { FenceState } from './fence/fence-ops.js'

/** What a sync_file waits for. @kernel SYNC_IOC_FILE_INFO @rule SF-14, SF-18 */
export interface SyncFileInfo {
  readonly name: string
  /**
   * That of the first fence in order that is pending or failed; `signaled` without one. So a failed fence
   * behind a pending one does not show yet.
   */
  readonly status: Fence['status']
  readonly error: DmaBufError | undefined
  /** One per fence after unwrapping, signalled ones included. @rule SF-15 */
  readonly fences: readonly FenceState[]
}

/** What all handles of a sync_file share. */
class SyncFileObject {
  readonly fence: Fence
  readonly name: string
  /** How often each is to be called. */
  readonly waiters = new Map<() => void, number>()
  #references = 0
  #isArmed = false
  readonly #wakeAll = (): void => {
    for (const [wake, times] of [...this.waiters])
      for (let time = 0; time < times; time++) callWaker(wake)
  }

  /** Takes the caller's reference on the fence over. */
  constructor(fence: Fence, name: string) {
    this.fence = fence
    this.name = name
  }

  get(): void {
    this.#references++
  }

  put(): void {
    if (--this.#references > 0) return
    if (this.#isArmed) this.fence.removeCallback(this.#wakeAll)
    putFence(this.fence)
  }

  // One callback for all that wait, added by the first: it enables signalling, and holds no reference here.
  arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    if (!this.fence.addCallback(this.#wakeAll)) this.#wakeAll()
  }
}

/**
 * A handle on one fence as it travels between programs: owned by whoever holds it, duplicated by dup().
 * It never changes which fence it is.
 *
 * Forgetting close() costs nothing but the fence's `release`.
 *
 * @kernel sync_file, and the descriptor it is installed in
 * @rule SF-1
 */
export class SyncFile implements Disposable {
  readonly #object: SyncFileObject
  #closed = false

  /** @internal Use createSyncFile(). */
  constructor(object: SyncFileObject) {
    object.get()
    this.#object = object
  }

  /** The fence, borrowed. @throws {DmaBufError} EBADF after close(). @rule SF-1, SF-3 */
  get fence(): Fence {
    return this.#open('fence').fence
  }

  /**
   * The name it was given by merge(); otherwise one made of its fence.
   *
   * @kernel sync_file_get_name
   * @rule SF-7, API-6
   */
  get name(): string {
    const { name, fence } = this.#object
    if (name !== '') return name
    return `${fence.driverName}-${fence.timelineName}${fence.context}-${fence.seqno}`
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * A sync_file that waits for both fences; the two stay as they are.
   *
   * @kernel SYNC_IOC_MERGE
   * @rule SF-11
   * @param other - may be this one
   * @param name - absent or empty: made of the fence
   * @returns a new handle, yours to close
   * @throws {DmaBufError} EBADF after close() of either; ENOMEM
   */
  merge(other: SyncFile, name = ''): SyncFile {
    const { fence } = this.#open('merge')
    checkMemory('merge')
    return new SyncFile(new SyncFileObject(mergeFences([fence, other.fence]), name))
  }

  /** How it stands, and each of its fences. @kernel SYNC_IOC_FILE_INFO @rule SF-15, SF-18 */
  info(): SyncFileInfo {
    const { fence } = this.#open('info')
    const fences = [...unwrapFences(fence)].flatMap(statesOf)
    const worst = fences.find((state) => state.status !== 'signaled')
    const { status = 'signaled', error } = worst ?? {}
    return { name: this.name, status, error, fences }
  }

  /**
   * Hints by when the fence is wanted.
   *
   * @kernel SYNC_IOC_SET_DEADLINE
   * @rule SF-20
   * @param deadlineNs - monotonic; any number
   */
  setDeadline(deadlineNs: number): void {
    this.#open('setDeadline').fence.setDeadline(deadlineNs)
  }

  /**
   * Whether the fence signalled, with or without an error. The first call enables signalling.
   *
   * @kernel sync_file_poll
   * @rule SF-4, SF-5
   * @param wake - called, synchronously, when to look again, until stopPolling(); must not wait
   */
  poll(wake?: () => void): boolean {
    const object = this.#open('poll')
    if (wake !== undefined) object.waiters.set(wake, (object.waiters.get(wake) ?? 0) + 1)
    object.arm()
    return object.fence.isSignaled()
  }

  /** Ends what one poll() began with that function; nothing where there was none. */
  stopPolling(wake: () => void): void {
    const { waiters } = this.#object
    const times = waiters.get(wake) ?? 0
    if (times > 1) waiters.set(wake, times - 1)
    else waiters.delete(wake)
  }

  /**
   * Settles when the fence signals, with or without an error: ask info() or the fence then. Closing this
   * handle meanwhile changes nothing.
   *
   * @rule SF-4, SF-6
   * @throws {DmaBufError} ETIMEDOUT; EBADF after close(); the reason of an aborted signal
   */
  async ready(options: WaitOptions = {}): Promise<void> {
    using file = this.dup()
    let wake = (): void => {}
    try {
      await waitFor<undefined>('sync file', options, (waiter) => {
        wake = () => waiter.resolve(undefined)
        if (file.poll(wake)) wake()
        return () => {}
      })
    } finally {
      file.stopPolling(wake)
    }
  }

  /** Another handle on the same sync_file, yours to close. @throws {DmaBufError} EBADF after close() */
  dup(): SyncFile {
    return new SyncFile(this.#open('dup'))
  }

  /** Gives this handle back. Idempotent. Never throws, never waits. @rule SF-6 */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#object.put()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #open(operation: string): SyncFileObject {
    if (this.#closed) throw new DmaBufError('EBADF', operation, 'Sync file handle is closed')
    return this.#object
  }
}

/**
 * Wraps a fence for its way to another program.
 *
 * @kernel sync_file_create
 * @rule SF-1, API-6
 * @param fence - borrowed: the file takes a reference of its own
 * @param name - absent or empty: made of the fence when asked for. @rule SF-7
 * @returns the first handle, yours to close
 * @throws {DmaBufError} ENOMEM
 */
export function createSyncFile(fence: Fence, name = ''): SyncFile {
  if (!(fence instanceof Fence)) throw new TypeError('Fence must be a fence')
  checkMemory('createSyncFile')
  return new SyncFile(new SyncFileObject(getFence(fence), name))
}

// Before any reference is taken.
function checkMemory(operation: string): void {
  if (debug.failAllocations)
    throw new DmaBufError('ENOMEM', operation, 'No memory for a sync file', { rule: 'SF-1' })
}

function statesOf(fence: Fence): readonly FenceState[] {
  return access.ops(fence).states?.(fence) ?? [stateOf(fence)]
}

function stateOf(fence: Fence): FenceState {
  // The status first: it may notice that the work is done.
  const { driverName, timelineName, status } = fence
  const { error, timestampNs } = fence
  return { driverName, timelineName, status, error, timestampNs }
}

function callWaker(wake: () => void): void {
  try {
    wake()
  } catch (error) {
    warnThrown('Somebody woken by a sync file threw', error)
  }
}
