import {
  openCapture,
  type Capture,
  type QueueMemoryKind,
  type WantedPicture,
} from '../../devices/v4l2/index.js'
import { DmaBufError } from '../../core/errors.js'
import { openHeap, openMemfdHeap } from '../../linux/index.js'
import type { Heap } from '../../core/heap/heap.js'
import { InputError } from '../media/input-error.js'
import { hasChannels } from '../media/channels.js'
import type { Feed } from './feed.js'

/** Which camera is played, and how. */
export interface DeviceOptions {
  readonly device: string
  readonly picture: WantedPicture
  readonly framesPerSecond: number | undefined
  /** Whose memory; the first that works where absent. */
  readonly memory: QueueMemoryKind | undefined
  /** Stops after so many. */
  readonly frames: number | undefined
  readonly buffers: number
}

/**
 * Opens a camera whose driver is to fill the frames itself: those of a heap of the kernel's, or where it cannot, or there
 * is none, those that it has. Nothing is copied either way; where it can do neither each picture is, once, and said so.
 *
 * @throws {DmaBufError} what openCapture() throws, and why the memory that was asked for cannot be had; InputError where
 *   no picture can be made of its format
 */
export async function openDevice(options: DeviceOptions): Promise<Feed> {
  const { memory } = options
  if (memory !== undefined) return opened(await open(memory, options), options)
  const imported = await open('import', options)
  if (!isRefusal(imported)) return opened(imported, options)
  const exported = await open('export', options)
  if (!isRefusal(exported))
    return opened({ ...exported, what: `${exported.what} (${imported.message})` }, options)
  if (exported.code !== 'EINVAL' && exported.code !== 'ENOTTY') throw exported
  const copied = await open('copy', options)
  const what = 'copied: this driver neither imports nor exports'
  return opened(isRefusal(copied) ? copied : { ...copied, what }, options)
}

/** A camera, and where its pictures go. */
interface OpenedCamera {
  readonly capture: Capture
  readonly heap: Heap
  /** In words. */
  readonly what: string
}

function isRefusal(found: OpenedCamera | DmaBufError): found is DmaBufError {
  return found instanceof DmaBufError
}

/** @returns the camera, or why its driver cannot do it so; it is closed then */
async function open(
  memory: QueueMemoryKind,
  { device, picture, framesPerSecond, buffers }: DeviceOptions,
): Promise<OpenedCamera | DmaBufError> {
  const rate = framesPerSecond === undefined ? {} : { framesPerSecond }
  const capture = await openCapture(device, { format: picture, buffers, memory, ...rate })
  try {
    const found = placeFor(capture)
    if (isRefusal(found)) await capture.close()
    return found
  } catch (error) {
    await capture.close()
    throw error
  }
}

function placeFor(capture: Capture): OpenedCamera | DmaBufError {
  if (capture.memory === 'copy')
    return { capture, heap: openMemfdHeap(), what: "copied from the driver's own" }
  if (capture.memory === 'import') {
    const heap = heapFor(capture)
    return isHeap(heap) ? { capture, heap, what: `${heap.name}, imported` } : heap
  }
  const refused = capture.tryExport()
  return refused ?? { capture, heap: capture.heap, what: "the driver's own, exported" }
}

function isHeap(found: Heap | DmaBufError): found is Heap {
  return !(found instanceof DmaBufError)
}

function opened(found: OpenedCamera | DmaBufError, options: DeviceOptions): Feed {
  if (isRefusal(found)) throw found
  return feedOf(found, options)
}

/** A heap whose buffers the driver can fill, or why there is none. */
function heapFor(capture: Capture): Heap | DmaBufError {
  try {
    const heap = openHeap({ need: 'device' })
    const refused = capture.tryFill(heap)
    if (refused === undefined) return heap
    heap.close()
    return refused
  } catch (error) {
    if (DmaBufError.is(error)) return error
    throw error
  }
}

function feedOf({ capture, heap, what }: OpenedCamera, options: DeviceOptions): Feed {
  const { format, lengthBytes } = capture
  if (format.fourcc !== 'MJPG' && !hasChannels(format.fourcc)) {
    void capture.close()
    throw new InputError(`the viewers cannot show ${format.fourcc}: ask for another format`)
  }
  return {
    name: `${capture.name} (${capture.path})`,
    framesPerSecond: capture.framesPerSecond,
    queue: { format, lengthBytes, heap },
    memory: what,
    play: async (queue, signal) => {
      const { frames } = options
      await capture.into(queue, { signal, ...(frames === undefined ? {} : { frames }) })
    },
    progress: () => {
      const { missed, damaged, framesPerSecond } = capture.stats()
      return { missed, damaged, ...(framesPerSecond === undefined ? {} : { framesPerSecond }) }
    },
    close: async () => {
      await capture.close()
      heap.close()
    },
  }
}
