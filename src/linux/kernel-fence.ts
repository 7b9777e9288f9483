import { DmaBufError, errnoName } from '../core/errors.js'
import { allocateContext } from '../core/fence/context.js'
import type { FenceOps, FenceState } from '../core/fence/fence-ops.js'
import { Fence, signalFence } from '../core/fence/fence.js'
import { POLLIN } from '../uapi/file.js'
import type { FenceInfo } from '../uapi/sync-file.js'
import { FdWatch } from './fd-watch.js'
import type { OwnedFd } from './owned-fd.js'
import {
  readSyncFile,
  readSyncFileStatus,
  setSyncFileDeadline,
  type SyncFileDetails,
} from './sync-file-calls.js'

let look: (fence: Fence) => boolean
let watch: (fence: Fence) => boolean
let unwatch: (fence: Fence) => void
let release: (fence: Fence) => void
let states: (fence: Fence) => readonly FenceState[] | undefined
let deadline: (fence: Fence, deadlineNs: number) => void
let fdOf: (fence: KernelFence) => OwnedFd

/** The ops of all: only their names differ. */
const OPS = {
  owner: 'the kernel',
  enableSignaling: (fence: Fence) => watch(fence),
  disableSignaling: (fence: Fence) => unwatch(fence),
  isSignaled: (fence: Fence) => look(fence),
  setDeadline: (fence: Fence, deadlineNs: number) => deadline(fence, deadlineNs),
  release: (fence: Fence) => release(fence),
  states: (fence: Fence) => states(fence) ?? [],
}

/**
 * A fence of the kernel: work of a driver, or several pieces of it that signal as one. It is backed by the
 * descriptor of a sync_file, which it holds until its last reference is put.
 *
 * Only such a fence enters the kernel: one of this program's own could keep the kernel waiting for ever.
 *
 * Each has a context of its own: the kernel does not tell which of its fences are on one timeline.
 *
 * @kernel sync_file
 * @rule FENCE-41, SF-1
 */
export class KernelFence extends Fence {
  readonly #fd: OwnedFd
  #watch: FdWatch | undefined
  /** How the fences behind it stood when all were done. */
  #last: readonly FenceState[] | undefined

  static {
    look = (fence) => fence instanceof KernelFence && fence.#look()
    watch = (fence) => fence instanceof KernelFence && fence.#watchIt()
    unwatch = (fence) => fence instanceof KernelFence && fence.#unwatch()
    release = (fence) => fence instanceof KernelFence && fence.#release()
    states = (fence) => (fence instanceof KernelFence ? fence.#states() : undefined)
    deadline = (fence, deadlineNs) => {
      if (fence instanceof KernelFence) setSyncFileDeadline(syncFileOf(fence), deadlineNs)
    }
    fdOf = (fence) => fence.#fd
  }

  /** @internal Use importSyncFile(). @param fd - moved @param details - as the kernel gave them just now */
  constructor(fd: OwnedFd, details: SyncFileDetails) {
    super({ ...OPS, ...namesOf(details.fences) }, allocateContext(), 1)
    this.#fd = fd
    if (details.status !== 0) this.#signal(details)
  }

  // Asks the kernel, and signals where its fence has.
  #look(): boolean {
    const fd = syncFileOf(this)
    if (readSyncFileStatus(fd) === 0) return false
    this.#signal(readSyncFile(fd))
    return true
  }

  #watchIt(): boolean {
    if (this.#look()) return false
    this.#watchOnce((this.#watch = new FdWatch(this.#fd, 'a sync file')))
    return true
  }

  #watchOnce(watch: FdWatch): void {
    watch.once(POLLIN, () => this.#ready(watch))
  }

  // Called by the event loop.
  #ready(watch: FdWatch): void {
    try {
      // Readable is not signalled: it is looked at again then.
      if (!this.#look()) this.#watchOnce(watch)
    } catch (error) {
      // Somebody closed the descriptor by its number.
      this.#unwatch()
      signalFence(this, error as DmaBufError)
    }
  }

  #unwatch(): void {
    this.#watch?.[Symbol.dispose]()
    this.#watch = undefined
  }

  #release(): void {
    this.#unwatch()
    this.#fd.close()
  }

  #states(): readonly FenceState[] {
    return this.#last ?? readSyncFile(syncFileOf(this)).fences.map(stateOf)
  }

  #signal({ status, fences }: SyncFileDetails): void {
    this.#unwatch()
    this.#last = fences.map(stateOf)
    // An array that nobody waited for does not know that one of its fences failed.
    const failed = status < 0 ? errorOf(status) : this.#last.find(({ error }) => error)?.error
    let latestNs = 0
    for (const { timestampNs = 0 } of this.#last) latestNs = Math.max(latestNs, timestampNs)
    signalFence(this, failed, latestNs > 0 ? latestNs : undefined)
  }
}

/** The sync_file of a fence, borrowed. @throws {DmaBufError} EBADF where the fence was released */
export function syncFileOf(fence: KernelFence): OwnedFd {
  const fd = fdOf(fence)
  if (!fd.closed) return fd
  const message = 'The fence of the kernel was released: hold a reference, or its sync file open'
  throw new DmaBufError('EBADF', 'fence', message, { rule: 'FENCE-8' })
}

/** Whether a fence is one of the kernel's, and so may be given back to it. @rule FENCE-41 */
export function isKernelFence(fence: Fence): fence is KernelFence {
  return fence instanceof KernelFence
}

/**
 * A fence over a sync_file.
 *
 * @param fd - moved: closed when the last reference is put, or now if this throws
 * @returns with one reference, the caller's
 * @throws {DmaBufError} EINVAL where it is no sync_file; EBADF
 */
export function openKernelFence(fd: OwnedFd): {
  readonly fence: KernelFence
  readonly name: string
} {
  try {
    const details = readSyncFile(fd)
    return { fence: new KernelFence(fd, details), name: details.name }
  } catch (error) {
    fd.close()
    throw error
  }
}

function namesOf(fences: readonly FenceInfo[]): Pick<FenceOps, 'driverName' | 'timelineName'> {
  const [first, ...more] = fences
  if (first === undefined) return { driverName: 'kernel', timelineName: 'done' }
  if (more.length > 0) return { driverName: 'kernel', timelineName: `${fences.length} fences` }
  return { driverName: first.driverName, timelineName: first.timelineName }
}

function stateOf({ driverName, timelineName, status, timestampNs }: FenceInfo): FenceState {
  const names = { driverName, timelineName }
  if (status === 0) return { ...names, status: 'pending', error: undefined, timestampNs: undefined }
  const error = status < 0 ? errorOf(status) : undefined
  const state = error === undefined ? 'signaled' : 'error'
  return { ...names, status: state, error, timestampNs: Number(timestampNs) }
}

function errorOf(status: number): DmaBufError {
  return new DmaBufError(errnoName(-status), 'fence', 'The work of a driver failed')
}
