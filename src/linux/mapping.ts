import { isMainThread } from 'node:worker_threads'
import type { Access, Bytes, CpuView, ViewLifetime } from '../core/buffer/access.js'
import { countCopiedBytes } from '../core/buffer/copied-bytes.js'
import { isEscaped, isHeld, RevocableBytes } from '../core/buffer/revocable-bytes.js'
import { DmaBufError, errnoName } from '../core/errors.js'
import { ArrayWords, type Words } from '../interprocess/words.js'
import { MapMode, native, type MappingHandle } from './native.js'
import { NativeWords } from './native-words.js'
import type { OwnedFd } from './owned-fd.js'

/**
 * One mmap of a whole descriptor, populated, kept as long as its buffer.
 *
 * Views of it are made per access and taken back by detaching; the memory is unmapped when the mapping is
 * closed and no view is left. A view that was moved to another thread keeps it mapped for good.
 */
export class Mapping implements Disposable {
  readonly lengthBytes: number
  readonly handle: MappingHandle
  readonly #isReadOnly: boolean
  #closed = false
  #lingers = false
  #loans = 0
  #lent: ArrayBuffer | undefined
  #wordsBuffer: ArrayBuffer | undefined
  /** A view that nobody has: for the next bracket of as many bytes. */
  #spare: ArrayBuffer | undefined

  /** @param mode - one of MapMode */
  constructor(fd: OwnedFd, lengthBytes: number, mode: number) {
    const handle = native().map(fd.number, lengthBytes, mode)
    if (typeof handle === 'number')
      throw new DmaBufError(errnoName(-handle), 'mmap', `Cannot map ${lengthBytes} bytes`)
    this.handle = handle
    this.lengthBytes = lengthBytes
    this.#isReadOnly = mode === MapMode.readOnly
  }

  /**
   * A view for an exporter: see ExporterOps.openView. Of memory that may only be read it is a copy, since a store
   * into the memory itself would end the process.
   *
   * @throws {DmaBufError} EACCES to write memory that may only be read
   */
  openView(access: Access, lifetime: ViewLifetime, lengthBytes: number): CpuView {
    if (this.#isReadOnly) {
      if (access === 'read') return this.#openCopy(access, lengthBytes)
      throw new DmaBufError('EACCES', 'bytes', 'The descriptor of this memory is for reading only')
    }
    const buffer =
      lifetime === 'loan'
        ? (this.#lent ??= this.#view(this.lengthBytes))
        : (this.#takeSpare(lengthBytes) ?? this.#view(lengthBytes))
    if (buffer === undefined) return this.#openCopy(access, lengthBytes)
    if (lifetime === 'bracket') return new BracketView(this, buffer)
    this.#loans++
    const bytes = new Uint8Array(buffer, 0, lengthBytes)
    const end = (): void => {
      this.#loans--
    }
    return { bytes, zeroCopy: true, end }
  }

  /** The mapping as words, which must not be used after close(). */
  words(): Words {
    this.#wordsBuffer ??= this.#view(this.lengthBytes, 1)
    if (this.#wordsBuffer === undefined) return new NativeWords(this.handle, this.lengthBytes)
    return new ArrayWords(this.#wordsBuffer)
  }

  /**
   * Gives the memory back as soon as no view of it is left.
   * @throws {DmaBufError} EBUSY with a loan alive
   */
  close(): void {
    if (this.#closed) return
    if (this.#loans > 0)
      throw new DmaBufError(
        'EBUSY',
        'munmap',
        `Memory is lent ${this.#loans} times: await the loans first`,
      )
    this.#closed = true
    this.#lent = undefined
    if (this.#wordsBuffer !== undefined) native().end(this.handle, this.#wordsBuffer)
    if (this.#spare !== undefined) native().end(this.handle, this.#spare)
    native().unmap(this.handle, this.#lingers ? 1 : 0)
  }

  /** Takes a bracket's view back: it is dead then, as are all views of its ArrayBuffer. @internal */
  takeBack(buffer: ArrayBuffer): void {
    if (transfer === undefined || this.#closed || this.#spare?.byteLength === buffer.byteLength)
      native().end(this.handle, buffer)
    // Somebody may have moved it away.
    else if (buffer.byteLength > 0) {
      if (this.#spare !== undefined) native().end(this.handle, this.#spare)
      this.#spare = transfer.call(buffer)
    }
  }

  /** @internal Lets the memory outlive close() until the views are collected. */
  linger(): void {
    this.#lingers = true
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #takeSpare(lengthBytes: number): ArrayBuffer | undefined {
    const spare = this.#spare
    if (this.#closed || spare?.byteLength !== lengthBytes) return undefined
    this.#spare = undefined
    return spare
  }

  /** @param kept - 1 where no program sees it: its thread may end with it */
  #view(lengthBytes: number, kept: 0 | 1 = 0): ArrayBuffer | undefined {
    if (this.#closed) throw new DmaBufError('EBADF', 'mmap', 'Memory is unmapped')
    const buffer = native().view(this.handle, lengthBytes, kept)
    if (typeof buffer === 'number')
      throw new DmaBufError(errnoName(-buffer), 'mmap', 'Cannot make a view of mapped memory')
    return buffer
  }

  #openCopy(access: Access, lengthBytes: number): CpuView {
    const bytes = new Uint8Array(lengthBytes)
    // For writing, too: what is not written keeps its value, as it does in the memory itself.
    this.#copy(bytes, 0)
    return {
      bytes,
      zeroCopy: false,
      end: () => {
        if (access !== 'read') this.#copy(bytes, 1)
      },
    }
  }

  #copy(bytes: Uint8Array, into: 0 | 1): void {
    const copied = native().copy(this.handle, 0, bytes, into)
    if (copied > 0) countCopiedBytes(copied)
  }
}

/**
 * Takes an ArrayBuffer away from whoever has it and gives another one over the same memory: without the
 * finalizer that each new view has. Undefined before Node 22, and in workers: one that is terminated could not tell a
 * view that nobody has from one that was moved to another thread.
 */
const transfer: ((this: ArrayBuffer) => ArrayBuffer) | undefined = isMainThread
  ? (ArrayBuffer.prototype as { transfer?: (this: ArrayBuffer) => ArrayBuffer }).transfer
  : undefined

const HANDLE = Symbol('dmabuf.handle')

interface Kept {
  [HANDLE]?: MappingHandle
}

class BracketView implements CpuView {
  readonly bytes: Bytes
  readonly zeroCopy = true
  readonly #mapping: Mapping
  readonly #buffer: ArrayBuffer

  constructor(mapping: Mapping, buffer: ArrayBuffer) {
    this.#mapping = mapping
    this.#buffer = buffer
    // Async code keeps what it was given until it is done, and so the handle, and so the addresses.
    ;(buffer as Kept)[HANDLE] = mapping.handle
    this.bytes = new RevocableBytes(buffer)
  }

  // Whoever took the ArrayBuffer may read it later, on another thread: it lives until it is collected.
  end(): void {
    if (isHeld(this.#buffer)) this.#mapping.linger()
    if (!isEscaped(this.#buffer)) this.#mapping.takeBack(this.#buffer)
  }
}

export { MapMode }
