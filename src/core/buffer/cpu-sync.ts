import { DmaBufError } from '../errors.js'
import { host } from '../host.js'
import { usageToWaitFor } from '../reservation/usage.js'
import { checkWait } from '../wait.js'
import { warn } from '../warn.js'
import { directionOf, type Access, type Bytes, type CpuAccessOptions } from './access.js'
import type { BufferObject } from './buffer-object.js'
import { openView } from './cpu-access.js'
import type { Direction } from './device.js'
import { isPromise, reportRejection, reportThrown } from './exporter-calls.js'

/**
 * Lets the exporter prepare, then waits for pending work: for readers and writers before a write, for
 * writers before a read. Where the wait is interrupted the exporter's begin has run, and no end follows: begin
 * again.
 *
 * For whoever has no use for a CpuAccess: the SYNC ioctl, drivers.
 *
 * @kernel dma_buf_begin_cpu_access
 * @rule CPU-1, CPU-2, CPU-3, CPU-4, CPU-5
 * @param object - kept alive by the caller
 * @throws {DmaBufError} EINVAL without a buffer; what the exporter says; ETIMEDOUT; the reason of an aborted signal
 */
export async function beginSync(
  object: BufferObject | null | undefined,
  direction: Direction,
  options?: CpuAccessOptions,
): Promise<void> {
  if (object === undefined || object === null) refuse('beginCpuAccess', 'CPU-1')
  await startSync(object, direction, options)
}

// A promise only where something has to be waited for: it would cost more than all the rest.
function startSync(
  object: BufferObject,
  direction: Direction,
  options: CpuAccessOptions = {},
): void | Promise<void> {
  const { timeoutMs } = options
  if (timeoutMs !== undefined) checkWait({ timeoutMs })
  const endNs = timeoutMs === undefined ? Infinity : host().nowNs() + timeoutMs * 1e6
  const { ops, state } = object
  const prepared = ops.beginCpuAccess?.(direction, state, options)
  if (isPromise(prepared))
    return prepared.then(() => waitForFences(object, direction, { options, endNs }))
  if (object.isReadyFor(direction !== 'from-device')) return undefined
  return waitForFences(object, direction, { options, endNs })
}

async function waitForFences(
  object: BufferObject,
  direction: Direction,
  wait: { readonly options: CpuAccessOptions; readonly endNs: number },
): Promise<void> {
  const reservation = object.knownReservation
  if (reservation === undefined) return
  const usage = usageToWaitFor(direction !== 'from-device')
  const leftMs = Math.max(0, (wait.endNs - host().nowNs()) / 1e6)
  if ((await reservation.waitTimeout(usage, leftMs, wait.options)) > 0) return
  const message = `Still in use by devices after ${String(wait.options.timeoutMs)} ms: ${direction}`
  throw new DmaBufError('ETIMEDOUT', 'beginCpuAccess', message)
}

/**
 * Tells the exporter that the CPU is done. Never waits; nothing checks that it had begun.
 *
 * @kernel dma_buf_end_cpu_access
 * @rule CPU-6, CPU-7
 * @throws {DmaBufError} EINVAL without a buffer; what the exporter says
 */
export function endSync(object: BufferObject | null | undefined, direction: Direction): void {
  if (object === undefined || object === null) refuse('endCpuAccess', 'CPU-6')
  reportRejection('endCpuAccess', object.ops.endCpuAccess?.(direction, object.state))
}

/** Begins an access of that kind. @internal @returns a promise only where something has to be waited for */
export function beginAccess(
  object: BufferObject,
  access: Access,
  options?: CpuAccessOptions,
): void | Promise<void> {
  return startSync(object, directionOf(access), options)
}

/** Begins, lends until the promise settles, ends. @internal */
export async function lendAccess<T>(
  object: BufferObject,
  access: Access,
  use: (bytes: Bytes) => PromiseLike<T>,
  options: CpuAccessOptions & { readonly lengthBytes: number },
): Promise<T> {
  const direction = directionOf(access)
  const waiting = startSync(object, direction, options)
  if (waiting !== undefined) await waiting
  let result: T
  try {
    const view = openView(object, access, 'loan', options.lengthBytes)
    try {
      result = await use(view.bytes)
    } finally {
      view.end()
    }
  } catch (error) {
    // The first error is the one to know of.
    try {
      endSync(object, direction)
    } catch (second) {
      reportThrown('endCpuAccess', second)
    }
    throw error
  }
  endSync(object, direction)
  return result
}

function refuse(operation: string, rule: string): never {
  warn({ rule, message: `${operation} needs a buffer` })
  throw new DmaBufError('EINVAL', operation, 'There is no buffer', { rule })
}
