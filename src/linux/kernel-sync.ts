import type { CpuAccessOptions } from '../core/buffer/access.js'
import type { Direction } from '../core/buffer/device.js'
import { DmaBufError } from '../core/errors.js'
import { host, type WaitOptions } from '../core/host.js'
import { checkWait, waitFor } from '../core/wait.js'
import {
  DMA_BUF_IOCTL_SYNC,
  DMA_BUF_SYNC_END,
  DMA_BUF_SYNC_READ,
  DMA_BUF_SYNC_RW,
  DMA_BUF_SYNC_START,
  DMA_BUF_SYNC_WRITE,
  encodeSync,
} from '../uapi/dma-buf.js'
import { POLLIN, POLLOUT } from '../uapi/file.js'
import type { KernelMemory } from './kernel-memory.js'
import { check, native, ONLY_IF_READY } from './native.js'

const EAGAIN = -11

/** Between two looks whether a thread is late, or stopped. */
const LATE_MS = 10

/** The access, as SYNC says it. @rule BUF-50 */
function flagsOf(direction: Direction): number {
  if (direction === 'from-device') return DMA_BUF_SYNC_READ
  return direction === 'to-device' ? DMA_BUF_SYNC_WRITE : DMA_BUF_SYNC_RW
}

/** What must be there before: readers wait for writers, writers for readers, too. @rule CPU-2 */
function eventsOf(direction: Direction): number {
  return direction === 'from-device' ? POLLIN : POLLOUT
}

/**
 * Waits on the event loop until nobody is in the way, then tells the kernel that the CPU begins.
 *
 * The kernel waits for fences in that call once more. One that is added between our look and the call, which is
 * about a microsecond, stops the thread that makes it until it signals; with `blocking: 'thread'` that is not ours.
 *
 * @kernel DMA_BUF_IOCTL_SYNC
 * @rule BUF-49, CPU-1, CPU-2
 * @throws {DmaBufError} what the exporter says; ETIMEDOUT; the reason of an aborted signal
 */
export function beginKernelAccess(
  direction: Direction,
  memory: KernelMemory,
  options: CpuAccessOptions = {},
): void | Promise<void> {
  checkWait(options)
  const { blocking = memory.isForeign ? 'thread' : 'loop' } = options
  if (blocking !== 'thread' && blocking !== 'loop')
    throw new TypeError(`blocking must be 'loop' or 'thread': ${String(blocking)}`)
  const onThread = blocking === 'thread'
  if (!onThread && tryBeginKernelAccess(direction, memory)) return undefined
  return begin(direction, memory, { options, onThread })
}

async function begin(
  direction: Direction,
  memory: KernelMemory,
  how: { readonly options: CpuAccessOptions; readonly onThread: boolean },
): Promise<void> {
  const { timeoutMs = Infinity, signal } = how.options
  const endNs = host().nowNs() + timeoutMs * 1e6
  for (;;) {
    const leftMs = Math.max(0, (endNs - host().nowNs()) / 1e6)
    const left: WaitOptions = { signal, timeoutMs: leftMs === Infinity ? undefined : leftMs }
    const result = how.onThread
      ? await tryOnThread(direction, memory, left)
      : tryHere(direction, memory)
    if (result === undefined || result >= 0) return
    if (result !== EAGAIN) check(result, 'beginCpuAccess', refused)
    await memory.watch.ready(eventsOf(direction), 'beginCpuAccess', left)
  }
}

/** The same where nothing has to be waited for. @returns false where something has to */
export function tryBeginKernelAccess(direction: Direction, memory: KernelMemory): boolean {
  const result = tryHere(direction, memory)
  if (result === undefined) return true
  if (result !== EAGAIN) check(result, 'beginCpuAccess', refused)
  return false
}

/** Tells the kernel that the CPU is done. @rule BUF-49, CPU-6 @throws {DmaBufError} what the exporter says */
export function endKernelAccess(direction: Direction, { fd }: KernelMemory): void {
  const result = native().sync(fd.number * 16 + (flagsOf(direction) | DMA_BUF_SYNC_END))
  if (result !== undefined) check(result, 'endCpuAccess', refused)
}

// Nobody can have added work to memory that nobody else has: there is nothing to look for.
function tryHere(direction: Direction, { fd, isForeign }: KernelMemory): number | undefined {
  return native().sync(fd.number * 16 + flagsOf(direction) + (isForeign ? ONLY_IF_READY : 0))
}

async function tryOnThread(
  direction: Direction,
  memory: KernelMemory,
  options: WaitOptions,
): Promise<number> {
  const { fd } = memory
  const ready = native().pollNow(fd.number, eventsOf(direction))
  if (ready <= 0) return ready < 0 ? ready : EAGAIN
  const begin = encodeSync(BigInt(flagsOf(direction) | DMA_BUF_SYNC_START))
  const call = native().ioctlOnThread(fd.number, DMA_BUF_IOCTL_SYNC, begin)
  if (typeof call === 'number') return call
  try {
    return await resultOf(call, direction, memory, options)
  } catch (error) {
    // Nobody waits for it any more, and nobody will end it.
    void call.then((result) => {
      if (result >= 0 && !fd.closed) endKernelAccess(direction, memory)
    })
    throw error
  }
}

/** The time that is given is for the work of others: while there is none, only the thread is late. */
async function resultOf(
  call: Promise<number>,
  direction: Direction,
  { fd }: KernelMemory,
  options: WaitOptions,
): Promise<number> {
  for (let left = options; ; left = { signal: options.signal, timeoutMs: LATE_MS }) {
    try {
      return await waitFor<number>('beginCpuAccess', left, ({ resolve }) => {
        void call.then(resolve)
        return () => undefined
      })
    } catch (error) {
      const isLate = DmaBufError.is(error, 'ETIMEDOUT') && !fd.closed
      if (!isLate || native().pollNow(fd.number, eventsOf(direction)) <= 0) throw error
    }
  }
}

function refused(): string {
  return 'The exporter of the buffer refused the access'
}
