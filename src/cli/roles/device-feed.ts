import { openCapture, type Capture, type WantedPicture } from '../../devices/v4l2/index.js'
import { DmaBufError } from '../../core/errors.js'
import { openHeap } from '../../linux/index.js'
import type { Heap } from '../../core/heap/heap.js'
import { InputError } from '../media/input-error.js'
import { hasChannels } from '../media/channels.js'
import type { Feed } from './feed.js'

/** Which camera is played, and how. */
export interface DeviceOptions {
  readonly device: string
  readonly picture: WantedPicture
  readonly framesPerSecond: number | undefined
  /** Stops after so many. */
  readonly frames: number | undefined
  readonly buffers: number
}

/**
 * Opens a camera whose driver is to fill the frames itself: those of a heap of the kernel's, or where it cannot, or there
 * is none, those that it has. Nothing is copied either way.
 *
 * @throws {DmaBufError} what openCapture() throws; InputError where no picture can be made of its format
 */
export async function openDevice(options: DeviceOptions): Promise<Feed> {
  const { device, picture, framesPerSecond, buffers } = options
  const asked = {
    format: picture,
    buffers,
    ...(framesPerSecond === undefined ? {} : { framesPerSecond }),
  }
  const imported = await openCapture(device, { ...asked, memory: 'import' })
  const found = heapFor(imported)
  if (!(found instanceof DmaBufError))
    return feedOf(imported, found, `${found.name}, imported`, options)
  await imported.close()
  const capture = await openCapture(device, { ...asked, memory: 'export' })
  const memory = `the driver's own, exported (${found.message})`
  return feedOf(capture, capture.heap, memory, options)
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

function feedOf(capture: Capture, heap: Heap, memory: string, options: DeviceOptions): Feed {
  const { format, lengthBytes } = capture
  if (format.fourcc !== 'MJPG' && !hasChannels(format.fourcc)) {
    void capture.close()
    throw new InputError(`the viewers cannot show ${format.fourcc}: ask for another format`)
  }
  return {
    name: `${capture.name} (${capture.path})`,
    framesPerSecond: capture.framesPerSecond,
    queue: { format, lengthBytes, heap },
    memory,
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
