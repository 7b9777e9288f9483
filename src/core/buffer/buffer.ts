import { DmaBufError } from '../errors.js'
import { unwatchLeaks, watchLeaks } from '../leak-watch.js'
import type { Access, Bytes } from './access.js'
import { BufferObject, type ExportInfo } from './buffer-object.js'
import { CpuAccess, openView } from './cpu-access.js'

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

  /** @internal Use a heap, or exportBuffer(). */
  constructor(object: BufferObject) {
    object.get()
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
    return new DmaBuf(this.#open('dup'))
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
   * Begins CPU access; the exporter may have to wait for its device first.
   *
   * @rule CPU-1, CPU-3
   * @returns owned: end it, or hold it with `using`
   * @throws {DmaBufError} EBADF after close(); what the exporter says
   */
  async beginCpuAccess(access: Access): Promise<CpuAccess> {
    const object = this.#open('beginCpuAccess')
    checkAccess(access)
    object.get()
    try {
      await object.ops.beginCpuAccess?.(access)
      return new CpuAccess(object, access)
    } finally {
      object.put()
    }
  }

  /**
   * Begins CPU access where nothing has to be waited for: the hot path.
   *
   * @param lengthBytes - how much of it, from the start; all where absent
   * @returns owned; undefined where the exporter must wait: use beginCpuAccess()
   */
  tryBeginCpuAccess(access: Access, lengthBytes = this.#object.lengthBytes): CpuAccess | undefined {
    const object = this.#open('tryBeginCpuAccess')
    checkAccess(access)
    checkLength(lengthBytes, object.lengthBytes)
    if (object.ops.beginCpuAccess !== undefined) return undefined
    return new CpuAccess(object, access, lengthBytes)
  }

  /**
   * Lends the memory to code that goes on after this call: the access lasts until the promise that `use`
   * returns settles, and keeps the buffer alive that long, even past close().
   *
   * @param lengthBytes - how much of it, from the start; all where absent
   * @returns what `use` resolves to
   */
  async lend<T>(
    access: Access,
    use: (bytes: Bytes) => PromiseLike<T>,
    lengthBytes = this.#object.lengthBytes,
  ): Promise<T> {
    const object = this.#open('lend')
    checkAccess(access)
    checkLength(lengthBytes, object.lengthBytes)
    object.get()
    try {
      if (object.ops.beginCpuAccess !== undefined) await object.ops.beginCpuAccess(access)
      try {
        const view = openView(object, access, 'loan', lengthBytes)
        try {
          return await use(view.bytes)
        } finally {
          view.end()
        }
      } finally {
        object.ops.endCpuAccess?.(access)
      }
    } finally {
      object.put()
    }
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
 * @rule BUF-1, BUF-2, BUF-7
 * @throws {DmaBufError} EINVAL where an op that must be there is missing
 */
export function exportBuffer(info: ExportInfo): DmaBuf {
  const { ops, lengthBytes } = info
  if (typeof ops?.openView !== 'function' || typeof ops.release !== 'function')
    throw new DmaBufError('EINVAL', 'exportBuffer', 'Exporter needs openView and release', {
      rule: 'BUF-2',
    })
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 0)
    throw new RangeError(`lengthBytes must be a safe integer from 0: ${lengthBytes}`)
  if (info.name !== undefined) checkName(info.name, 'exportBuffer')
  return new DmaBuf(new BufferObject(info))
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
