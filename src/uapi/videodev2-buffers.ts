import { ioctlCommand, IOC_READ, IOC_WRITE } from './ioctl.js'
import { Struct } from './struct.js'
import { readMembers, writeMembers } from './members.js'

/** The driver has the memory, and lets it be mapped or exported. */
export const V4L2_MEMORY_MMAP = 1
/** The memory is that of dma-bufs. */
export const V4L2_MEMORY_DMABUF = 4
/** Buffers that a queue has at most, since ever. */
export const VIDEO_MAX_FRAME = 32

/** In the driver's hands. */
export const V4L2_BUF_FLAG_QUEUED = 0x2
/** Filled, and not taken yet. */
export const V4L2_BUF_FLAG_DONE = 0x4
/** What is in it is damaged. */
export const V4L2_BUF_FLAG_ERROR = 0x40
/** Which bits say what clock the time is of. */
export const V4L2_BUF_FLAG_TIMESTAMP_MASK = 0xe000
/** The time is CLOCK_MONOTONIC's. */
export const V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC = 0x2000
/** The last one before the format changes. */
export const V4L2_BUF_FLAG_LAST = 0x100000

/** The queue can have memory of its own. */
export const V4L2_BUF_CAP_SUPPORTS_MMAP = 1
/** The queue can use dma-bufs. */
export const V4L2_BUF_CAP_SUPPORTS_DMABUF = 4

/** Size of `struct v4l2_requestbuffers`. */
export const V4L2_REQUESTBUFFERS_BYTES = 20
/** Size of `struct v4l2_plane`. */
export const V4L2_PLANE_BYTES = 64
/** Size of `struct v4l2_buffer`, on 64-bit machines. */
export const V4L2_BUFFER_BYTES = 88
/** Offset of the address of the planes in `struct v4l2_buffer`. */
export const V4L2_BUFFER_PLANES_OFFSET = 64
/** Size of `struct v4l2_exportbuffer`. */
export const V4L2_EXPORTBUFFER_BYTES = 64

const magic = 'V'

function both(number: number, sizeBytes: number): number {
  return ioctlCommand({ direction: IOC_READ | IOC_WRITE, magic, number, sizeBytes })
}

/** Makes a queue's buffers, or with 0 takes them away. */
export const VIDIOC_REQBUFS = both(8, V4L2_REQUESTBUFFERS_BYTES)
/** Tells about a buffer. */
export const VIDIOC_QUERYBUF = both(9, V4L2_BUFFER_BYTES)
/** Gives the driver a buffer to fill. */
export const VIDIOC_QBUF = both(15, V4L2_BUFFER_BYTES)
/** Makes a dma-buf of a buffer of the driver's. */
export const VIDIOC_EXPBUF = both(16, V4L2_EXPORTBUFFER_BYTES)
/** Takes a filled buffer. */
export const VIDIOC_DQBUF = both(17, V4L2_BUFFER_BYTES)
/** Begins. The argument is the type of the queue. */
export const VIDIOC_STREAMON = ioctlCommand({
  direction: IOC_WRITE,
  magic,
  number: 18,
  sizeBytes: 4,
})
/** Ends, and takes all buffers out of the driver's hands. */
export const VIDIOC_STREAMOFF = ioctlCommand({
  direction: IOC_WRITE,
  magic,
  number: 19,
  sizeBytes: 4,
})

/** The bytes of STREAMON's and STREAMOFF's argument: the type of the queue. */
export function encodeQueueType(type: number): Uint8Array {
  return Struct.ofSize(4).setU32(0, type).bytes
}

const REQUEST = { count: 0, type: 4, memory: 8, capabilities: 12 } as const

/** `struct v4l2_requestbuffers`. */
export type RequestBuffers = Readonly<Record<keyof typeof REQUEST, number>>

/** `struct v4l2_requestbuffers` of its bytes. */
export function decodeRequestBuffers(bytes: Uint8Array): RequestBuffers {
  return readMembers(Struct.over(bytes, V4L2_REQUESTBUFFERS_BYTES), REQUEST)
}

/** The bytes of `struct v4l2_requestbuffers`. */
export function encodeRequestBuffers(request: RequestBuffers): Uint8Array {
  return writeMembers(Struct.ofSize(V4L2_REQUESTBUFFERS_BYTES), REQUEST, request).bytes
}

/** `struct v4l2_plane`: one piece of memory of a buffer. */
export interface BufferPlane {
  readonly bytesUsed: number
  readonly lengthBytes: number
  /** V4L2_MEMORY_DMABUF: a descriptor. V4L2_MEMORY_MMAP: where to map. */
  readonly fdOrOffset: number
  /** Bytes before the picture, of those used. */
  readonly dataOffsetBytes: number
}

const PLANE = { bytesUsed: 0, lengthBytes: 4, fdOrOffset: 8, dataOffsetBytes: 16 } as const

/** `struct v4l2_plane` of its bytes, the n-th of an array of them. @throws {RangeError} where there are fewer */
export function decodeBufferPlane(bytes: Uint8Array, index = 0): BufferPlane {
  const at = index * V4L2_PLANE_BYTES
  return readMembers(
    Struct.over(bytes.subarray(at, at + V4L2_PLANE_BYTES), V4L2_PLANE_BYTES),
    PLANE,
  )
}

/** The bytes of an array of `struct v4l2_plane`. */
export function encodeBufferPlanes(planes: readonly BufferPlane[]): Uint8Array {
  const struct = Struct.ofSize(planes.length * V4L2_PLANE_BYTES)
  planes.forEach((plane, index) => writeMembers(struct, PLANE, plane, index * V4L2_PLANE_BYTES))
  return struct.bytes
}

/** `struct v4l2_buffer`, without time codes and requests. */
export interface VideoBuffer {
  readonly index: number
  readonly type: number
  readonly bytesUsed: number
  readonly flags: number
  readonly field: number
  readonly seconds: bigint
  readonly microseconds: bigint
  readonly sequence: number
  readonly memory: number
  /** Of a queue with one piece of memory a picture: as in BufferPlane. */
  readonly fdOrOffset: number
  /** Bytes; or how many planes there are at the address. */
  readonly length: number
}

const BUFFER = {
  index: 0,
  type: 4,
  bytesUsed: 8,
  flags: 12,
  field: 16,
  sequence: 56,
  memory: 60,
  fdOrOffset: 64,
  length: 72,
} as const

/** `struct v4l2_buffer` of its bytes. */
export function decodeBuffer(bytes: Uint8Array): VideoBuffer {
  const struct = Struct.over(bytes, V4L2_BUFFER_BYTES)
  return {
    ...readMembers(struct, BUFFER),
    seconds: struct.u64(24),
    microseconds: struct.u64(32),
  }
}

/** The bytes of `struct v4l2_buffer`. */
export function encodeBuffer(buffer: VideoBuffer): Uint8Array {
  const struct = writeMembers(Struct.ofSize(V4L2_BUFFER_BYTES), BUFFER, buffer)
  return struct.setU64(24, buffer.seconds).setU64(32, buffer.microseconds).bytes
}

/** `struct v4l2_exportbuffer`. */
export interface ExportBuffer {
  readonly type: number
  readonly index: number
  readonly plane: number
  /** O_CLOEXEC and an access mode. */
  readonly flags: number
  /** Out: the new dma-buf's descriptor. */
  readonly fd: number
}

const EXPORT = { type: 0, index: 4, plane: 8, flags: 12 } as const

/** `struct v4l2_exportbuffer` of its bytes. */
export function decodeExportBuffer(bytes: Uint8Array): ExportBuffer {
  const struct = Struct.over(bytes, V4L2_EXPORTBUFFER_BYTES)
  return { ...readMembers(struct, EXPORT), fd: struct.s32(16) }
}

/** The bytes of `struct v4l2_exportbuffer`. */
export function encodeExportBuffer(request: ExportBuffer): Uint8Array {
  const struct = writeMembers(Struct.ofSize(V4L2_EXPORTBUFFER_BYTES), EXPORT, request)
  return struct.setS32(16, request.fd).bytes
}
