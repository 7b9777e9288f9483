// A driver of a camera in memory, behind the calls that VideoNode makes: its buffers are memfds, and a pipe is readable
// while it has a picture. NV12 and YUYV, sides in steps of 16 from 16 to 640, 30 frames a second or 15.
import { readSync, writeSync } from 'node:fs'
import { DmaBufError } from '#src/core/errors.js'
import { BufferQueue } from '#src/devices/v4l2/buffer-queue.js'
import { Capture } from '#src/devices/v4l2/capture.js'
import { layOutPicture } from '#src/devices/v4l2/lay-out-picture.js'
import { setFormat } from '#src/devices/v4l2/set-format.js'
import type { VideoNode } from '#src/devices/v4l2/video-node.js'
import { createMemfd } from '#src/linux/memfd.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { Struct } from '#src/uapi/struct.js'
import * as buffers from '#src/uapi/videodev2-buffers.js'
import * as formats from '#src/uapi/videodev2-formats.js'
import { fourccNumber, fourccText, V4L2_BUF_TYPE_VIDEO_CAPTURE } from '#src/uapi/videodev2.js'

const FOURCCS = ['NV12', 'YUYV']
const STEP_PIXELS = 16
const MAX_PIXELS = 640
const BUFFER_BYTES = 65_536
const RATES = [30, 15]

type Answer = string | undefined

export class FakeCamera implements Disposable {
  readonly path = '/dev/video-fake'
  readonly capability = { card: 'Fake' }
  readonly fd: OwnedFd
  readonly #bell: OwnedFd
  /** Buffers to fill, by index, in their order. */
  readonly queued: number[] = []
  /** The error of the next call of a request. */
  readonly failures = new Map<number, string>()
  /** Buffers that it makes at most. */
  maxBuffers = 32
  bufferCount = 0
  streams = false
  /** How many buffers it had when it was started last. */
  queuedAtStart = 0
  #pix = { width: 64, height: 32, fourcc: 'NV12' }
  #rate = 30
  readonly #filled: {
    readonly index: number
    readonly sequence: number
    readonly flags: number
  }[] = []
  #sequence = 0

  constructor() {
    const ends = new Int32Array(2)
    native().pipe(ends)
    this.fd = OwnedFd.adopt(ends[0]!)
    this.#bell = OwnedFd.adopt(ends[1]!)
  }

  /** As the code under test sees it. */
  get node(): VideoNode {
    return this as unknown as VideoNode
  }

  /** A capture of it. */
  capture(options: { buffers?: number; fourcc?: string } = {}): Capture {
    const format = setFormat(this.node, V4L2_BUF_TYPE_VIDEO_CAPTURE, { fourcc: options.fourcc })
    return new Capture({
      node: this.node,
      queue: new BufferQueue(this.node, V4L2_BUF_TYPE_VIDEO_CAPTURE, 1),
      format: layOutPicture(format),
      pieceLengths: format.pieces.map(({ sizeImageBytes }) => sizeImageBytes),
      framesPerSecond: 30,
      memory: 'export',
      bufferCount: options.buffers ?? 3,
      heap: undefined,
    })
  }

  /** Takes a picture; it is lost where no buffer waits for it. */
  shoot(flags = 0): void {
    const sequence = this.#sequence++
    const index = this.streams ? this.queued.shift() : undefined
    if (index === undefined) return
    this.#filled.push({ index, sequence, flags })
    writeSync(this.#bell.number, '.')
  }

  try(request: number, bytes: Uint8Array): Answer {
    const failure = this.failures.get(request)
    this.failures.delete(request)
    if (failure !== undefined) return failure
    const handler = this.#handlers.get(request)
    return handler === undefined ? 'ENOTTY' : handler(bytes)
  }

  call(request: number, bytes: Uint8Array, what: string): void {
    const failed = this.try(request, bytes)
    if (failed !== undefined) throw this.error(failed, 'ioctl', what)
  }

  error(code: string, operation: string, what = 'use'): DmaBufError {
    return new DmaBufError(code, operation, `Cannot ${what} ${this.path}`)
  }

  [Symbol.dispose](): void {
    this.fd.close()
    this.#bell.close()
  }

  readonly #handlers = new Map<number, (bytes: Uint8Array) => Answer>([
    [formats.VIDIOC_ENUM_FMT, (bytes) => this.#listFormat(new Struct(bytes))],
    [formats.VIDIOC_ENUM_FRAMESIZES, (bytes) => this.#listSize(new Struct(bytes))],
    [formats.VIDIOC_ENUM_FRAMEINTERVALS, (bytes) => this.#listRate(new Struct(bytes))],
    [formats.VIDIOC_G_FMT, (bytes) => this.#answerFormat(bytes, this.#pix)],
    [formats.VIDIOC_TRY_FMT, (bytes) => this.#answerFormat(bytes, this.#nearest(bytes))],
    [
      formats.VIDIOC_S_FMT,
      (bytes) => this.#answerFormat(bytes, (this.#pix = this.#nearest(bytes))),
    ],
    [formats.VIDIOC_G_PARM, (bytes) => this.#answerRate(bytes)],
    [formats.VIDIOC_S_PARM, (bytes) => this.#setRate(bytes)],
    [buffers.VIDIOC_REQBUFS, (bytes) => this.#request(new Struct(bytes))],
    [buffers.VIDIOC_QUERYBUF, (bytes) => this.#tellPlace(bytes)],
    [buffers.VIDIOC_EXPBUF, (bytes) => this.#export(new Struct(bytes))],
    [buffers.VIDIOC_QBUF, (bytes) => void this.queued.push(buffers.decodeBuffer(bytes).index)],
    [buffers.VIDIOC_DQBUF, (bytes) => this.#dequeue(bytes)],
    [buffers.VIDIOC_STREAMON, () => this.#begin()],
    [buffers.VIDIOC_STREAMOFF, () => this.#stop()],
  ])

  #listFormat(struct: Struct): Answer {
    const fourcc = FOURCCS[struct.u32(0)]
    if (fourcc === undefined) return 'EINVAL'
    struct.setName(12, `Format ${fourcc}`).setU32(44, fourccNumber(fourcc))
    return undefined
  }

  #listSize(struct: Struct): Answer {
    if (struct.u32(0) > 0) return 'EINVAL'
    struct.setU32(8, formats.V4L2_FRMSIZE_TYPE_STEPWISE)
    const range = [STEP_PIXELS, MAX_PIXELS, STEP_PIXELS]
    for (const [index, value] of [...range, ...range].entries())
      struct.setU32(12 + 4 * index, value)
    return undefined
  }

  #listRate(struct: Struct): Answer {
    const rate = RATES[struct.u32(0)]
    if (rate === undefined) return 'EINVAL'
    struct.setU32(16, formats.V4L2_FRMIVAL_TYPE_DISCRETE).setU32(20, 1).setU32(24, rate)
    return undefined
  }

  #nearest(bytes: Uint8Array): { width: number; height: number; fourcc: string } {
    const { width, height, pixelFormat } = formats.decodePixFormat(bytes)
    const side = (pixels: number): number =>
      Math.min(MAX_PIXELS, Math.max(1, Math.round(pixels / STEP_PIXELS)) * STEP_PIXELS)
    const fourcc = FOURCCS.find((name) => name === fourccText(pixelFormat)) ?? 'NV12'
    return { width: side(width), height: side(height), fourcc }
  }

  #answerFormat(
    bytes: Uint8Array,
    { width, height, fourcc }: { width: number; height: number; fourcc: string },
  ): Answer {
    // Rows are aligned, as drivers like them.
    const bytesPerLine = (fourcc === 'YUYV' ? 2 : 1) * width + 32
    const lines = fourcc === 'NV12' ? 1.5 * height : height
    const pix = {
      ...{ width, height, pixelFormat: fourccNumber(fourcc), bytesPerLine },
      ...{ sizeImageBytes: bytesPerLine * lines + 100, field: 1, colorspace: 0, priv: 0, flags: 0 },
      ...{ ycbcrEncoding: 0, quantization: 0, transferFunction: 0 },
    }
    bytes.set(formats.encodePixFormat(pix))
    return undefined
  }

  #answerRate(bytes: Uint8Array): Answer {
    const now = formats.decodeCaptureParameters(bytes)
    const capability = formats.V4L2_CAP_TIMEPERFRAME
    const rate = { numerator: 1, denominator: this.#rate, capability }
    bytes.set(formats.encodeCaptureParameters({ ...now, ...rate }))
    return undefined
  }

  #setRate(bytes: Uint8Array): Answer {
    const { numerator, denominator } = formats.decodeCaptureParameters(bytes)
    const wanted = denominator / numerator
    this.#rate = RATES.reduce((a, b) => (Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a))
    return this.#answerRate(bytes)
  }

  #request(struct: Struct): Answer {
    if (struct.u32(8) !== buffers.V4L2_MEMORY_MMAP) return 'EINVAL'
    this.bufferCount = Math.min(struct.u32(0), this.maxBuffers)
    struct.setU32(0, this.bufferCount)
    return undefined
  }

  #tellPlace(bytes: Uint8Array): Answer {
    const now = buffers.decodeBuffer(bytes)
    bytes.set(
      buffers.encodeBuffer({ ...now, fdOrOffset: now.index * BUFFER_BYTES, length: BUFFER_BYTES }),
    )
    return undefined
  }

  #export(struct: Struct): Answer {
    struct.setS32(16, createMemfd('fake', BUFFER_BYTES).release())
    return undefined
  }

  #dequeue(bytes: Uint8Array): Answer {
    const picture = this.#filled.shift()
    if (picture === undefined) return 'EAGAIN'
    readSync(this.fd.number, new Uint8Array(1))
    const flags = picture.flags | buffers.V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC
    const now = buffers.decodeBuffer(bytes)
    const time = { seconds: 2n, microseconds: 5n }
    bytes.set(
      buffers.encodeBuffer({ ...now, ...picture, ...time, flags, bytesUsed: this.#sizeBytes }),
    )
    return undefined
  }

  get #sizeBytes(): number {
    const bytes = formats.encodeFormatType(V4L2_BUF_TYPE_VIDEO_CAPTURE)
    this.#answerFormat(bytes, this.#pix)
    return formats.decodePixFormat(bytes).sizeImageBytes
  }

  #begin(): Answer {
    this.streams = true
    this.queuedAtStart = this.queued.length
    return undefined
  }

  #stop(): Answer {
    this.streams = false
    this.queued.length = 0
    this.#filled.length = 0
    return undefined
  }
}
