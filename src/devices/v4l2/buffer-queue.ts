import { DmaBufError } from '../../core/errors.js'
import { host } from '../../core/host.js'
import { FdWatch } from '../../linux/fd-watch.js'
import {
  decodeBuffer,
  decodeBufferPlane,
  decodeExportBuffer,
  decodeRequestBuffers,
  encodeBuffer,
  encodeBufferPlanes,
  encodeExportBuffer,
  encodeQueueType,
  encodeRequestBuffers,
  V4L2_BUF_FLAG_ERROR,
  V4L2_BUF_FLAG_TIMESTAMP_MASK,
  V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC,
  V4L2_BUFFER_PLANES_OFFSET,
  V4L2_MEMORY_DMABUF,
  V4L2_MEMORY_MMAP,
  VIDIOC_DQBUF,
  VIDIOC_EXPBUF,
  VIDIOC_QBUF,
  VIDIOC_QUERYBUF,
  VIDIOC_REQBUFS,
  VIDIOC_STREAMOFF,
  VIDIOC_STREAMON,
  type BufferPlane,
  type VideoBuffer,
} from '../../uapi/videodev2-buffers.js'
import { V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE } from '../../uapi/videodev2.js'
import { O_CLOEXEC, O_RDWR, POLLIN } from '../../uapi/file.js'
import { OwnedFd } from '../../linux/owned-fd.js'
import type { VideoNode } from './video-node.js'

/** Whose memory a queue's buffers are: the driver's, to export or to copy from, or dma-bufs that it imports. */
export type QueueMemoryKind = 'copy' | 'export' | 'import'

/** A buffer that the driver has filled. */
export interface FilledBuffer {
  readonly index: number
  /** Frames that the camera has given so far, those included for which there was no buffer. */
  readonly sequence: number
  /** Monotonic. */
  readonly timestampNs: number
  /** The driver says that what is in it is damaged. */
  readonly damaged: boolean
  /** For each piece of memory: how much of it is in use, from its start. */
  readonly bytesUsed: readonly number[]
  /** The same: bytes before the picture, of those in use. */
  readonly dataOffsets: readonly number[]
}

/** A piece of memory to fill. */
export interface PieceOfMemory {
  /** Of a dma-buf; what it is does not matter where the memory is the driver's. */
  readonly fd: number
  readonly lengthBytes: number
}

/** A driver's queue of buffers to fill: which it has, and which are filled. */
export class BufferQueue implements Disposable {
  readonly #node: VideoNode
  readonly #type: number
  readonly #pieceCount: number
  #memory = V4L2_MEMORY_MMAP
  readonly #watch: FdWatch
  #wake: (() => void) | undefined
  #streams = false
  /** How many buffers the driver has, filled ones included. */
  #given = 0

  constructor(node: VideoNode, type: number, pieceCount: number) {
    this.#node = node
    this.#watch = new FdWatch(node.fd)
    this.#type = type
    this.#pieceCount = pieceCount
  }

  get given(): number {
    return this.#given
  }

  /** Whether it was started, and not stopped since. */
  get streams(): boolean {
    return this.#streams
  }

  /**
   * Makes the queue's buffers.
   *
   * @returns how many there are: the driver may give fewer, or more
   * @throws {DmaBufError} EBUSY, ENOMEM; EINVAL where the driver does not know this kind of memory
   */
  request(kind: QueueMemoryKind, count: number): number {
    this.#memory = kind === 'import' ? V4L2_MEMORY_DMABUF : V4L2_MEMORY_MMAP
    const bytes = this.#requestBytes(count)
    const failed = this.#node.try(VIDIOC_REQBUFS, bytes)
    if (failed === 'EINVAL') throw this.#kindRefused(kind)
    if (failed !== undefined) throw this.#node.error(failed, 'buffers', 'make buffers of')
    const granted = decodeRequestBuffers(bytes).count
    if (granted > 0) return granted
    throw this.#node.error('ENOMEM', 'buffers', 'make buffers of')
  }

  /** A dma-buf of one piece of a buffer of the driver's; yours. @throws {DmaBufError} ENOTTY or EINVAL where it cannot */
  export(index: number, plane: number): OwnedFd {
    const bytes = encodeExportBuffer({
      type: this.#type,
      index,
      plane,
      flags: O_CLOEXEC | O_RDWR,
      fd: 0,
    })
    const failed = this.#node.try(VIDIOC_EXPBUF, bytes)
    if (failed === 'ENOTTY' || failed === 'EINVAL') throw this.#exportRefused(failed)
    if (failed !== undefined) throw this.#node.error(failed, 'buffers', 'export a buffer of')
    return OwnedFd.adopt(decodeExportBuffer(bytes).fd)
  }

  /** Where one piece of a buffer of the driver's is mapped. @throws {DmaBufError} what the driver says */
  whereToMap(
    index: number,
    piece: number,
  ): { readonly fd: OwnedFd; readonly offset: number; readonly lengthBytes: number } {
    const { bytes, addresses, planes } = this.#argument(index, this.#noPlanes())
    this.#node.call(VIDIOC_QUERYBUF, bytes, 'map the buffers of', addresses)
    const { fd } = this.#node
    if (this.#isSplit) {
      const { fdOrOffset, lengthBytes } = decodeBufferPlane(planes, piece)
      return { fd, offset: fdOrOffset, lengthBytes }
    }
    const { fdOrOffset, length } = decodeBuffer(bytes)
    return { fd, offset: fdOrOffset, lengthBytes: length }
  }

  /**
   * Gives the driver a buffer to fill.
   *
   * @param pieces - one for each piece of memory
   * @throws {DmaBufError} EINVAL, EFAULT where the driver cannot use that memory
   */
  give(index: number, pieces: readonly PieceOfMemory[]): void {
    const isImport = this.#memory === V4L2_MEMORY_DMABUF
    const planes = pieces.map(({ fd, lengthBytes }) => ({
      bytesUsed: 0,
      lengthBytes,
      fdOrOffset: isImport ? fd : 0,
      dataOffsetBytes: 0,
    }))
    const { bytes, addresses } = this.#argument(index, planes)
    const failed = this.#node.try(VIDIOC_QBUF, bytes, addresses)
    if (failed === undefined) this.#given++
    else if (isImport && MEMORY_REFUSED.has(failed)) throw this.#memoryRefused(failed, pieces)
    else throw this.#node.error(failed, 'queue', 'give a buffer to')
  }

  /**
   * A filled buffer; undefined where none is, yet.
   *
   * @throws {DmaBufError} ENODEV when the camera is gone, EIO
   */
  take(): FilledBuffer | undefined {
    if (this.#given === 0) return undefined
    const { bytes, addresses, planes } = this.#argument(0, this.#noPlanes())
    const failed = this.#node.try(VIDIOC_DQBUF, bytes, addresses)
    if (failed === 'EAGAIN') return undefined
    if (failed !== undefined) throw this.#node.error(failed, 'dequeue', 'get pictures of')
    this.#given--
    return filledBuffer(decodeBuffer(bytes), this.#isSplit ? planes : undefined, this.#pieceCount)
  }

  /** Begins, unless it has begun. @throws {DmaBufError} EPIPE, EIO, ENOSPC and what else the driver says */
  start(): void {
    if (this.#streams) return
    this.#node.call(VIDIOC_STREAMON, encodeQueueType(this.#type), 'start')
    this.#streams = true
  }

  /**
   * Settles when a picture or an error waits to be taken, or when wake() is called. Without a buffer the driver
   * has nothing to say, but that. One wait at a time.
   *
   * @throws {DmaBufError} ENOMEM, EMFILE where it cannot be waited for
   */
  async ready(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (this.#given > 0) this.#watchFor(resolve)
    })
  }

  /** Ends a wait. */
  wake(): void {
    const wake = this.#wake
    if (wake === undefined) return
    this.#wake = undefined
    this.#watch.forget(wake)
    wake()
  }

  /** Stops the camera: all buffers leave the driver's hands, filled or not. Never throws. */
  stop(): void {
    this.wake()
    if (this.#node.fd.closed) return
    this.#node.try(VIDIOC_STREAMOFF, encodeQueueType(this.#type))
    this.#streams = false
    this.#given = 0
  }

  /** All buffers leave the driver's hands, and are no buffers of the queue any more. Never throws. */
  [Symbol.dispose](): void {
    this.stop()
    this.#watch[Symbol.dispose]()
    if (!this.#node.fd.closed) this.#node.try(VIDIOC_REQBUFS, this.#requestBytes(0))
  }

  get #isSplit(): boolean {
    return this.#type === V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
  }

  #watchFor(wake: () => void): void {
    try {
      this.#watch.once(POLLIN, wake)
    } catch (error) {
      throw DmaBufError.is(error) ? this.#node.error(error.code, 'poll', 'wait for') : error
    }
  }

  #requestBytes(count: number): Uint8Array {
    return encodeRequestBuffers({
      count,
      type: this.#type,
      memory: this.#memory,
      capabilities: 0,
    })
  }

  #noPlanes(): BufferPlane[] {
    const none = { bytesUsed: 0, lengthBytes: 0, fdOrOffset: 0, dataOffsetBytes: 0 }
    return Array.from({ length: this.#pieceCount }, () => none)
  }

  // One piece of memory is described in the structure itself, several in an array that it refers to.
  #argument(
    index: number,
    planes: readonly BufferPlane[],
  ): { bytes: Uint8Array; addresses: (number | Uint8Array)[]; planes: Uint8Array } {
    const [first] = planes
    const array = encodeBufferPlanes(planes)
    const isSplit = this.#isSplit
    const bytes = encodeBuffer({
      ...EMPTY,
      index,
      type: this.#type,
      memory: this.#memory,
      fdOrOffset: isSplit ? 0 : (first?.fdOrOffset ?? 0),
      length: isSplit ? planes.length : (first?.lengthBytes ?? 0),
    })
    return { bytes, addresses: isSplit ? [V4L2_BUFFER_PLANES_OFFSET, array] : [], planes: array }
  }

  #kindRefused(kind: QueueMemoryKind): DmaBufError {
    const { path } = this.#node
    const fix =
      kind === 'import'
        ? `The driver of ${path} cannot fill other people's memory: open it with { memory: 'export' }`
        : `The driver of ${path} has no memory to share: it can only be read()`
    return new DmaBufError('EINVAL', 'buffers', fix, { details: { path } })
  }

  #exportRefused(code: string): DmaBufError {
    const { path } = this.#node
    const fix = `open it with { memory: 'import' }, or with { memory: 'copy' }, which copies each picture once`
    return new DmaBufError(
      code,
      'buffers',
      `The driver of ${path} cannot export its buffers: ${fix}`,
      { details: { path } },
    )
  }

  #memoryRefused(code: string, pieces: readonly PieceOfMemory[]): DmaBufError {
    const { path } = this.#node
    const sizes = pieces.map(({ lengthBytes }) => lengthBytes).join(' and ')
    return new DmaBufError(
      code,
      'queue',
      `The driver of ${path} cannot fill these buffers of ${sizes} bytes: they are no dma-bufs, too small, or ` +
        `not contiguous as its device needs; take another heap, or open it with { memory: 'export' }`,
      { details: { path } },
    )
  }
}

const MEMORY_REFUSED: ReadonlySet<string> = new Set([
  'EINVAL',
  'EFAULT',
  'EBADF',
  'ENOMEM',
  'EACCES',
])

const EMPTY: VideoBuffer = {
  index: 0,
  type: 0,
  bytesUsed: 0,
  flags: 0,
  field: 0,
  seconds: 0n,
  microseconds: 0n,
  sequence: 0,
  memory: 0,
  fdOrOffset: 0,
  length: 0,
}

function filledBuffer(
  buffer: VideoBuffer,
  planes: Uint8Array | undefined,
  pieceCount: number,
): FilledBuffer {
  const { index, sequence, flags } = buffer
  const isMonotonic = (flags & V4L2_BUF_FLAG_TIMESTAMP_MASK) === V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC
  const pieces =
    planes === undefined
      ? [{ bytesUsed: buffer.bytesUsed, dataOffsetBytes: 0 }]
      : Array.from({ length: pieceCount }, (_, piece) => decodeBufferPlane(planes, piece))
  const timestampNs = Number(buffer.seconds * 1_000_000_000n + buffer.microseconds * 1000n)
  return {
    index,
    sequence,
    timestampNs: isMonotonic ? timestampNs : host().nowNs(),
    damaged: (flags & V4L2_BUF_FLAG_ERROR) !== 0,
    bytesUsed: pieces.map(({ bytesUsed }) => bytesUsed),
    dataOffsets: pieces.map(({ dataOffsetBytes }) => dataOffsetBytes),
  }
}
