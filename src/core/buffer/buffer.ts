import { DmaBufError } from '../errors.js'
import type { WaitOptions } from '../host.js'
import { unwatchLeaks, watchLeaks } from '../leak-watch.js'
import type { Reservation } from '../reservation/reservation.js'
import { warn } from '../warn.js'
import type { Access, Bytes } from './access.js'
import { directionOf, usageToBegin } from './access.js'
import { BufferObject } from './buffer-object.js'
import { beginCpuAccess, CpuAccess, endQuietly, openView } from './cpu-access.js'
import type { ExportInfo, ExporterOps } from './exporter.js'
import { POLL_IN, POLL_OUT, type PollWaiter } from './poll-queue.js'
import { pollBuffer, stopPolling, waitReady } from './poll.js'

let objectOf: (handle: DmaBuf, operation: string) => BufferObject

/** The object behind an open handle. @internal @throws {DmaBufError} EBADF after close() */
export function bufferObject(handle: DmaBuf, operation: string): BufferObject {
  return objectOf(handle, operation)
}

/**
 * A handle on a buffer, as a file descriptor is: owned by whoever holds it, duplicated by dup(), and the
 * last one closed (with no access or loan open) releases the memory.
 *
 * A handle that is collected without close() is reported with the stack that made it, never closed.
 *
 * @kernel dma_buf, and the descriptor that dma_buf_fd() makes for it
 * @rule BUF-15, BUF-18, BUF-20
 */
export class DmaBuf implements Disposable {
  readonly #object: BufferObject
  #closed = false

  static {
    objectOf = (handle, operation) => handle.#open(operation)
  }

  /** @internal Use a heap, or exportBuffer(). Takes over a reference. */
  constructor(object: BufferObject) {
    this.#object = object
    watchLeaks(this, `DmaBuf ${object.name ?? `inode ${object.inode}`} of ${object.exporterName}`)
  }

  /** Unique per buffer; the memory's own inode where it has one. @rule BUF-12 */
  get inode(): bigint {
    return this.#object.inode
  }

  get lengthBytes(): number {
    return this.#object.lengthBytes
  }

  get exporterName(): string {
    return this.#object.exporterName
  }

  /** Shared by all handles of the buffer; undefined until set. @rule BUF-10 */
  get name(): string | undefined {
    return this.#object.name
  }

  get closed(): boolean {
    return this.#closed
  }

  /**
   * Renames the buffer, at any time.
   *
   * @kernel DMA_BUF_SET_NAME
   * @rule BUF-52, BUF-53
   * @param name - at most 31 bytes of UTF-8, without NUL
   * @throws {DmaBufError} EINVAL for a longer one
   */
  setName(name: string): void {
    const object = this.#open('setName')
    checkName(name, 'setName')
    object.name = name
  }

  /** Another handle on the same buffer, yours to close. @rule BUF-18 */
  dup(): DmaBuf {
    const object = this.#open('dup')
    object.get()
    return new DmaBuf(object)
  }

  /** Gives this handle back. Idempotent. Never throws, never waits. @rule BUF-19 */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    unwatchLeaks(this)
    this.#object.put()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /**
   * The fences of the buffer and the lock under which they change; the exporter's own object where it has
   * one. Borrowed: it ends with the buffer.
   *
   * @rule BUF-8
   */
  get reservation(): Reservation {
    return this.#open('reservation').reservation
  }

  /**
   * Begins CPU access: waits for the exporter, then to read for writers, to write for everybody.
   *
   * @kernel DMA_BUF_IOCTL_SYNC with START
   * @rule CPU-1, CPU-2, CPU-3
   * @returns owned: end it, or hold it with `using`
   * @throws {DmaBufError} EBADF after close(); what the exporter says; ETIMEDOUT; the reason of an aborted signal
   */
  async beginCpuAccess(access: Access, options?: WaitOptions): Promise<CpuAccess> {
    const object = this.#open('beginCpuAccess')
    checkAccess(access)
    object.get()
    try {
      await beginCpuAccess(object, directionOf(access), options)
      return new CpuAccess(object, access)
    } finally {
      object.put()
    }
  }

  /**
   * Begins CPU access where nothing has to be waited for: the hot path.
   *
   * @param lengthBytes - how much of it, from the start; all where absent
   * @returns owned; undefined where a fence is pending or the exporter may wait: use beginCpuAccess()
   */
  tryBeginCpuAccess(access: Access, lengthBytes = this.#object.lengthBytes): CpuAccess | undefined {
    const object = this.#open('tryBeginCpuAccess')
    checkAccess(access)
    checkLength(lengthBytes, object.lengthBytes)
    if (object.ops.beginCpuAccess !== undefined) return undefined
    if (!object.isIdle(usageToBegin(directionOf(access)))) return undefined
    return new CpuAccess(object, access, lengthBytes)
  }

  /**
   * Lends the memory to code that goes on after this call: the access lasts until the promise that `use`
   * returns settles, and keeps the buffer alive that long, even past close().
   *
   * @param options.lengthBytes - how much of it, from the start; all where absent
   * @returns what `use` resolves to
   */
  async lend<T>(
    access: Access,
    use: (bytes: Bytes) => PromiseLike<T>,
    options: WaitOptions & { readonly lengthBytes?: number } = {},
  ): Promise<T> {
    const object = this.#open('lend')
    const { lengthBytes = object.lengthBytes } = options
    checkAccess(access)
    checkLength(lengthBytes, object.lengthBytes)
    object.get()
    try {
      // Without a turn in between where nothing has to be waited for: `use` is called at once then.
      const mayWait = object.ops.beginCpuAccess !== undefined
      if (mayWait || !object.isIdle(usageToBegin(directionOf(access))))
        await beginCpuAccess(object, directionOf(access), options)
      try {
        const view = openView(object, access, 'loan', lengthBytes)
        try {
          return await use(view.bytes)
        } finally {
          view.end()
        }
      } finally {
        endQuietly(object, access)
      }
    } finally {
      object.put()
    }
  }

  /**
   * Waits until the buffer may be read (nobody writes it) or written (nobody uses it). It says only that
   * devices are done: the bracket is still needed.
   *
   * @kernel poll with EPOLLIN, EPOLLOUT
   * @rule BUF-38, BUF-45, BUF-48
   * @throws {DmaBufError} ETIMEDOUT; the reason of an aborted signal
   */
  ready(to: 'read' | 'write', options: WaitOptions = {}): Promise<void> {
    return waitReady(this.#open('ready'), to === 'read' ? POLL_IN : POLL_OUT, options)
  }

  /**
   * Which of EPOLLIN (1) and EPOLLOUT (4) are true now. What is not wakes the waiter later.
   *
   * @kernel dma_buf_poll
   * @rule BUF-37, BUF-40
   */
  poll(events: number, waiter?: PollWaiter): Promise<number> {
    return pollBuffer(this.#open('poll'), events, waiter)
  }

  /** Wakes a waiter of poll() no more. */
  stopPolling(waiter: PollWaiter): void {
    stopPolling(this.#open('stopPolling'), waiter)
  }

  #open(operation: string): BufferObject {
    if (this.#closed)
      throw new DmaBufError('EBADF', operation, 'Buffer handle is closed', { rule: 'BUF-17' })
    return this.#object
  }
}

/**
 * Makes a buffer of memory that you own; the first handle on it is yours.
 *
 * @kernel dma_buf_export
 * @rule BUF-1, BUF-2, BUF-3, BUF-4, BUF-5, BUF-7
 * @throws {DmaBufError} EINVAL where the ops or the state are not whole; ENOENT where the owner is going away
 */
export function exportBuffer<P>(info: ExportInfo<P>): DmaBuf {
  checkOps(info)
  const { lengthBytes, owner } = info
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 0)
    throw new RangeError(`lengthBytes must be a safe integer from 0: ${lengthBytes}`)
  if (info.name !== undefined) checkName(info.name, 'exportBuffer')
  if (owner !== undefined && !owner.tryGet())
    throw new DmaBufError('ENOENT', 'exportBuffer', `${info.exporterName} is going away`, {
      rule: 'BUF-5',
    })
  return new DmaBuf(new BufferObject(info))
}

// In the kernel's order.
function checkOps<P>({ ops, state }: ExportInfo<P>): void {
  const { map, unmap, release, pin, unpin } =
    (ops as ExporterOps<P> | undefined) ?? ({} as Partial<ExporterOps<P>>)
  const isWhole = [map, unmap, release].every((op) => typeof op === 'function')
  if (state === undefined || state === null || !isWhole)
    refuse('BUF-2', 'Exporter needs a state and the ops map, unmap and release')
  if (ops.cachesMappings === true && (pin !== undefined || unpin !== undefined))
    refuse('BUF-3', 'Exporter that pins cannot have its mappings cached')
  if ((pin === undefined) !== (unpin === undefined))
    refuse('BUF-4', 'Exporter needs both pin and unpin, or neither')
}

function refuse(rule: string, message: string): never {
  warn({ rule, message })
  throw new DmaBufError('EINVAL', 'exportBuffer', message, { rule })
}

function checkLength(lengthBytes: number, most: number): void {
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 0 || lengthBytes > most)
    throw new RangeError(`lengthBytes must be an integer from 0 to ${most}: ${lengthBytes}`)
}

function checkAccess(access: Access): void {
  if (access !== 'read' && access !== 'write' && access !== 'readwrite')
    throw new TypeError(`Access must be 'read', 'write' or 'readwrite': ${String(access)}`)
}

function checkName(name: string, operation: string): void {
  if (typeof name !== 'string') throw new TypeError('Buffer name must be a string')
  if (utf8LengthBytes(name) > 31 || name.includes('\0'))
    throw new DmaBufError(
      'EINVAL',
      operation,
      `Name must be 31 bytes or less, without NUL: ${name}`,
    )
}

function utf8LengthBytes(text: string): number {
  let length = 0
  for (const character of text) {
    const point = character.codePointAt(0) ?? 0
    length += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
  }
  return length
}
