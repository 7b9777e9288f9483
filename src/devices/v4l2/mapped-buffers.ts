import { countCopiedBytes } from '../../core/buffer/copied-bytes.js'
import { DmaBufError, errnoName } from '../../core/errors.js'
import { MapMode, native, type MappingHandle } from '../../linux/native.js'
import type { BufferQueue, FilledBuffer } from './buffer-queue.js'
import type { BufferPieces } from './capture-buffers.js'

/** The driver's own buffers, mapped to be copied from: for drivers that share memory in no other way. */
export class MappedBuffers implements Disposable {
  /** By buffer, then by piece of memory. */
  readonly #mappings: MappingHandle[][] = []
  #bytesCopied = 0

  /**
   * Makes the queue's buffers, and maps them.
   *
   * @throws {DmaBufError} what request() of the queue throws; EPROTO where they are smaller than a picture; ENOMEM
   */
  constructor(
    queue: BufferQueue,
    wanted: { readonly count: number; readonly pieceLengths: readonly number[] },
  ) {
    const granted = queue.request('copy', wanted.count)
    try {
      for (let index = 0; index < granted; index++) {
        const mappings: MappingHandle[] = []
        this.#mappings.push(mappings)
        for (const [piece, lengthBytes] of wanted.pieceLengths.entries())
          mappings.push(map(queue, { index, piece, lengthBytes }))
      }
    } catch (error) {
      this[Symbol.dispose]()
      queue[Symbol.dispose]()
      throw error
    }
  }

  /** How many buffers there are. */
  get count(): number {
    return this.#mappings.length
  }

  /** Of all pictures so far. */
  get bytesCopied(): number {
    return this.#bytesCopied
  }

  /** Copies what a piece of a filled buffer begins with: as much as `target` has room for. */
  copyTo(where: { readonly index: number; readonly piece: number }, target: Uint8Array): void {
    const mapping = this.#mappings[where.index]?.[where.piece]
    if (mapping === undefined || target.length === 0) return
    const copied = native().copy(mapping, 0, target, 0)
    if (copied < 0)
      throw new DmaBufError(errnoName(-copied), 'copy', `Cannot copy ${target.length} bytes`)
    this.#bytesCopied += copied
    countCopiedBytes(copied)
  }

  /** Unmaps them. Idempotent. */
  [Symbol.dispose](): void {
    for (const mapping of this.#mappings.splice(0).flat()) native().unmap(mapping)
  }
}

/** Copies a picture into buffers of ours, a piece into each. @throws {DmaBufError} EAGAIN where somebody uses them */
export function copyPicture(
  from: MappedBuffers,
  { index, bytesUsed }: FilledBuffer,
  to: BufferPieces,
): void {
  for (const [piece, buffer] of to.entries()) {
    const lengthBytes = Math.min(bytesUsed[piece] ?? 0, buffer.lengthBytes)
    if (lengthBytes === 0) continue
    const access = buffer.tryBeginCpuAccess('write', lengthBytes)
    if (access === undefined)
      throw new DmaBufError('EAGAIN', 'copy', 'The buffer must be waited for')
    try {
      from.copyTo({ index, piece }, access.bytes)
    } finally {
      access.end()
    }
  }
}

function map(
  queue: BufferQueue,
  wanted: { readonly index: number; readonly piece: number; readonly lengthBytes: number },
): MappingHandle {
  const { fd, offset, lengthBytes } = queue.whereToMap(wanted.index, wanted.piece)
  if (lengthBytes < wanted.lengthBytes)
    throw new DmaBufError(
      'EPROTO',
      'mmap',
      `The driver made a buffer of ${lengthBytes} bytes for pictures of ${wanted.lengthBytes}`,
    )
  const mapping = native().map(fd.number, wanted.lengthBytes, MapMode.readOnly, offset)
  if (typeof mapping !== 'number') return mapping
  throw new DmaBufError(
    errnoName(-mapping),
    'mmap',
    `Cannot map ${wanted.lengthBytes} bytes of the driver's`,
  )
}
