import type { CpuAccessOptions } from '../core/buffer/access.js'
import type { Direction } from '../core/buffer/device.js'
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
import { check, native } from './native.js'

const EAGAIN = -11

/** What to say for each direction. Read by the kernel only, so that one array serves all calls. */
interface Sync {
  readonly begin: Uint8Array
  readonly end: Uint8Array
  /** What must be there before: readers wait for writers, writers for readers, too. @rule CPU-2 */
  readonly events: number
}

function syncOf(access: number, events: number): Sync {
  const flags = (bits: number): Uint8Array => encodeSync(BigInt(access | bits))
  return { begin: flags(DMA_BUF_SYNC_START), end: flags(DMA_BUF_SYNC_END), events }
}

const SYNCS: Readonly<Record<Direction, Sync>> = {
  'from-device': syncOf(DMA_BUF_SYNC_READ, POLLIN),
  'to-device': syncOf(DMA_BUF_SYNC_WRITE, POLLOUT),
  bidirectional: syncOf(DMA_BUF_SYNC_RW, POLLOUT),
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
export async function beginKernelAccess(
  direction: Direction,
  memory: KernelMemory,
  options: CpuAccessOptions = {},
): Promise<void> {
  checkWait(options)
  const { timeoutMs = Infinity, signal } = options
  const endNs = host().nowNs() + timeoutMs * 1e6
  const onThread = (options.blocking ?? (memory.isForeign ? 'thread' : 'loop')) === 'thread'
  for (;;) {
    const leftMs = Math.max(0, (endNs - host().nowNs()) / 1e6)
    const left: WaitOptions = { signal, timeoutMs: leftMs === Infinity ? undefined : leftMs }
    const result = onThread
      ? await tryOnThread(direction, memory, left)
      : tryHere(direction, memory)
    if (result !== EAGAIN) {
      check(result, 'beginCpuAccess', refused)
      return
    }
    await memory.watch.ready(SYNCS[direction].events, 'beginCpuAccess', left)
  }
}

/** The same where nothing has to be waited for. @returns false where something has to */
export function tryBeginKernelAccess(direction: Direction, memory: KernelMemory): boolean {
  const result = tryHere(direction, memory)
  if (result === EAGAIN) return false
  check(result, 'beginCpuAccess', refused)
  return true
}

/** Tells the kernel that the CPU is done. @rule BUF-49, CPU-6 @throws {DmaBufError} what the exporter says */
export function endKernelAccess(direction: Direction, { fd }: KernelMemory): void {
  const { end } = SYNCS[direction]
  check(native().ioctl(fd.number, DMA_BUF_IOCTL_SYNC, end), 'endCpuAccess', refused)
}

function tryHere(direction: Direction, { fd }: KernelMemory): number {
  const { begin, events } = SYNCS[direction]
  return native().ioctlWhenReady(fd.number, events, DMA_BUF_IOCTL_SYNC, begin)
}

async function tryOnThread(
  direction: Direction,
  memory: KernelMemory,
  options: WaitOptions,
): Promise<number> {
  const { begin, events } = SYNCS[direction]
  const { fd } = memory
  const ready = native().pollNow(fd.number, events)
  if (ready <= 0) return ready < 0 ? ready : EAGAIN
  const call = native().ioctlOnThread(fd.number, DMA_BUF_IOCTL_SYNC, begin)
  if (typeof call === 'number') return call
  return waitFor<number>('beginCpuAccess', options, (waiter) => {
    let isGivenUp = false
    void call.then((result) => {
      waiter.resolve(result)
      // Nobody waits for it any more, and nobody will end it.
      if (isGivenUp && result >= 0 && !fd.closed) endKernelAccess(direction, memory)
    })
    return () => {
      isGivenUp = true
    }
  })
}

function refused(): string {
  return 'The exporter of the buffer refused the access'
}
