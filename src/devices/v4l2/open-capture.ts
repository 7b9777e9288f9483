import { DmaBufError } from '../../core/errors.js'
import type { Heap } from '../../core/heap/heap.js'
import { MAX_SIDE_PIXELS } from '../../core/frame/format.js'
import { VIDEO_MAX_FRAME } from '../../uapi/videodev2-buffers.js'
import { BufferQueue, type QueueMemoryKind } from './buffer-queue.js'
import { Capture } from './capture.js'
import { layOutPicture } from './lay-out-picture.js'
import { captureType, nodeKind, type VideoNodeKind } from './node-kind.js'
import { setFormat, setFrameRate, type WantedPicture } from './set-format.js'
import { VideoNode } from './video-node.js'

/** What a camera is asked for. */
export interface CaptureOptions {
  /** What is absent stays as the driver has it; of the fourccs, the one that is easiest to use is taken. */
  readonly format?: WantedPicture
  /** Frames a second; as the driver has it where absent. */
  readonly framesPerSecond?: number
  /** 1 to 32, 4 where absent. The driver may make it more. */
  readonly buffers?: number
  /**
   * 'export' (default): the driver's own memory. 'import': the driver fills dma-bufs of `heap`, or of a queue.
   * 'copy': each picture is copied once, from the driver's memory into that of `heap`, or of a queue: for drivers
   * that can do neither.
   */
  readonly memory?: QueueMemoryKind
  /**
   * Where the buffers come from. With memory 'import' `openHeap({ need: 'device' })` where absent, with 'copy'
   * `openMemfdHeap()`.
   */
  readonly heap?: Heap
}

/**
 * Opens a camera and sets what its pictures are. It runs from the first picture that is asked for.
 *
 * @param path - as listCameras() says
 * @returns owned: close() it, or hold it with `await using`
 * @throws {DmaBufError} ENOENT, EACCES, ENODEV; EINVAL where it is no camera, or does not offer that format or
 *   rate, saying what it offers; EBUSY, saying who uses it. {RangeError} for absurd numbers. As rejections
 * @example
 *   await using capture = await openCapture('/dev/video0', { format: { width: 640, height: 360 } })
 *   for await (using frame of capture) look(frame.plane(0))
 */
export async function openCapture(path: string, options: CaptureOptions = {}): Promise<Capture> {
  checkOptions(path, options)
  const { buffers = 4, memory = 'export', format = {}, framesPerSecond } = options
  const node = new VideoNode(path)
  try {
    const type = captureType(node.caps)
    if (type === undefined) throw noCamera(node)
    const driver = setFormat(node, type, format)
    const rate = setFrameRate(node, type, { framesPerSecond, format: driver })
    return new Capture({
      node,
      queue: new BufferQueue(node, type, driver.pieces.length),
      format: layOutPicture(driver),
      pieceLengths: driver.pieces.map(({ sizeImageBytes }) => sizeImageBytes),
      framesPerSecond: rate,
      memory,
      bufferCount: buffers,
      heap: options.heap,
    })
  } catch (error) {
    node[Symbol.dispose]()
    throw error
  }
}

function checkOptions(path: string, options: CaptureOptions): void {
  const { buffers = 4, memory = 'export', format = {}, framesPerSecond } = options
  if (typeof path !== 'string') throw new TypeError(`path must be a string: ${String(path)}`)
  if (!['copy', 'export', 'import'].includes(memory))
    throw new TypeError(`memory must be 'export', 'import' or 'copy': ${memory}`)
  if (!Number.isInteger(buffers) || buffers < 1 || buffers > VIDEO_MAX_FRAME)
    throw new RangeError(`buffers must be 1 to ${VIDEO_MAX_FRAME}: ${buffers}`)
  if (framesPerSecond !== undefined && !(framesPerSecond > 0 && framesPerSecond <= 1e6))
    throw new RangeError(`framesPerSecond must be above 0, at most 1000000: ${framesPerSecond}`)
  if (typeof format !== 'object')
    throw new TypeError(`format must be an object, { fourcc, width, height }: ${String(format)}`)
  const { fourcc, width, height } = format
  if (fourcc !== undefined && (typeof fourcc !== 'string' || !/^[\x20-\x7e]{4}$/.test(fourcc)))
    throw new TypeError(`fourcc must be four ASCII characters: ${fourcc}`)
  for (const side of [width, height])
    if (side !== undefined && (!Number.isInteger(side) || side < 1 || side > MAX_SIDE_PIXELS))
      throw new RangeError(`width and height must be 1 to ${MAX_SIDE_PIXELS} pixels: ${side}`)
}

const WORDS: Readonly<Record<VideoNodeKind, string>> = {
  camera: 'a camera without queues of buffers: it can only be read()',
  converter: 'a converter of pictures, as codecs and scalers are',
  metadata: 'metadata of another node',
  other: 'something else',
  output: 'an output, which takes pictures',
  radio: 'a radio',
  touch: 'a touch pad',
  vbi: 'teletext',
}

function noCamera(node: VideoNode): DmaBufError {
  const kind = nodeKind(node.caps)
  return new DmaBufError(
    'EINVAL',
    'openCapture',
    `${node.path} gives no pictures: it is ${WORDS[kind]} (${node.capability.card}); listCameras() tells which do`,
    { details: { path: node.path, kind } },
  )
}
