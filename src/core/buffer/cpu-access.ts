import { debug } from '../debug.js'
import { DmaBufError } from '../errors.js'
import { host, type WaitOptions } from '../host.js'
import { warn } from '../warn.js'
import { directionOf, usageToBegin, type Access, type Bytes, type CpuView } from './access.js'
import type { ViewLifetime } from './access.js'
import type { BufferObject } from './buffer-object.js'
import type { Direction } from './device.js'
import { guardView } from './stale-access.js'

/**
 * Makes memory ready for the CPU: the exporter's op first, then the fences. The memory is locked against
 * nobody.
 *
 * @kernel dma_buf_begin_cpu_access
 * @rule CPU-1, CPU-2, CPU-3, CPU-4, CPU-5, CPU-8
 * @throws {DmaBufError} what the exporter says; ETIMEDOUT; the reason of an aborted signal. Nothing is to be
 *   ended then, though the exporter's op may have run: begin again
 */
export async function beginCpuAccess(
  object: BufferObject,
  direction: Direction,
  options: WaitOptions = {},
): Promise<void> {
  const { timeoutMs, signal } = options
  const startNs = timeoutMs === undefined ? 0 : host().nowNs()
  if (object.ops.beginCpuAccess !== undefined)
    await object.ops.beginCpuAccess(direction, object.state)
  const usage = usageToBegin(direction)
  if (object.isIdle(usage)) return
  if (timeoutMs === undefined) return object.reservation.wait(usage, { signal })
  const passedMs = (host().nowNs() - startNs) / 1e6
  return object.reservation.wait(usage, { signal, timeoutMs: Math.max(0, timeoutMs - passedMs) })
}

/**
 * Gives memory back after the CPU used it. Never waits; nothing checks that it was begun.
 *
 * @kernel dma_buf_end_cpu_access
 * @rule CPU-6, CPU-7
 * @throws {DmaBufError} what the exporter says
 */
export function endCpuAccess(object: BufferObject, direction: Direction): void {
  object.ops.endCpuAccess?.(direction, object.state)
}

/**
 * One bracket of CPU access: the memory is yours to read or write until end().
 *
 * `bytes` is for code that is done before the bracket ends. What goes on afterwards (streams, zlib,
 * sharp, a socket) needs `lend()` instead.
 *
 * @kernel DMA_BUF_IOCTL_SYNC
 * @rule CPU-1, CPU-6
 */
export class CpuAccess implements Disposable {
  readonly access: Access
  readonly #object: BufferObject
  readonly #lengthBytes: number
  #view: CpuView | undefined
  #ended = false

  /** @internal */
  constructor(object: BufferObject, access: Access, lengthBytes = object.lengthBytes) {
    object.get()
    this.#object = object
    this.access = access
    this.#lengthBytes = lengthBytes
  }

  /**
   * The whole buffer, as the memory itself where `zeroCopy`. Dead after end(): length 0, and methods throw.
   * @throws {DmaBufError} EBADF after end(); EINVAL where the exporter gives the CPU no access
   */
  get bytes(): Bytes {
    return this.#open().bytes
  }

  /** False where the runtime forbids views of foreign memory: then `bytes` is a copy, written back at the end. */
  get zeroCopy(): boolean {
    return this.#open().zeroCopy
  }

  /** Ends the access and takes the view back. Idempotent. Never throws, never waits: what the exporter throws is a warning. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#view?.end()
    endQuietly(this.#object, this.access)
    this.#object.put()
  }

  [Symbol.dispose](): void {
    this.end()
  }

  #open(): CpuView {
    if (this.#ended)
      throw new DmaBufError('EBADF', 'bytes', 'CPU access has ended: begin another, or use lend()')
    return (this.#view ??= openView(this.#object, this.access, 'bracket', this.#lengthBytes))
  }
}

const EMPTY: CpuView = { bytes: new Uint8Array(0), zeroCopy: true, end() {} }

/** A view of an object's first bytes; one of no bytes needs no exporter. @internal */
export function openView(
  object: BufferObject,
  access: Access,
  lifetime: ViewLifetime,
  lengthBytes: number,
): CpuView {
  if (lengthBytes === 0) return EMPTY
  const { ops } = object
  if (ops.openView === undefined)
    throw new DmaBufError('EINVAL', 'bytes', `${object.exporterName} gives the CPU no access`, {
      rule: 'BUF-31',
    })
  const view = ops.openView(access, lifetime, lengthBytes, object.state)
  if (debug.staleAccess === 'ignore' || lifetime === 'loan') return view
  return guardView(view, access, object.name ?? `${object.exporterName} buffer ${object.inode}`)
}

/** Ends an access; what the exporter throws becomes a warning. @internal @rule CPU-6 */
export function endQuietly(object: BufferObject, access: Access): void {
  if (object.ops.endCpuAccess === undefined) return
  try {
    endCpuAccess(object, directionOf(access))
  } catch (error) {
    const stack = error instanceof Error ? error.stack : undefined
    const message = `endCpuAccess of ${object.exporterName} failed: ${String(error)}`
    warn({ rule: 'CPU-6', message, stack })
  }
}
