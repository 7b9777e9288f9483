// A camera's frames, in the memory that its driver wrote them to, and the same memory in another process.
import { listCameras, openCapture } from 'dmabuf/devices/v4l2'
import { connectFrames, serveFrames } from 'dmabuf/linux'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const camera = listCameras().find(({ kind, problem }) => kind === 'camera' && !problem)
if (camera === undefined) {
  console.log('no camera here: plug one in, or load the virtual one (modprobe vivid)')
} else {
  const folder = await mkdtemp(join(tmpdir(), 'dmabuf-example-'))
  try {
    await oneByOne(camera.path)
    await intoQueue(camera.path, join(folder, 'cam.sock'))
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** @param {string} path */
async function oneByOne(path) {
  const capture = await openCapture(path)
  try {
    const { fourcc, width, height } = capture.format
    console.log(`${capture.name}: ${width}x${height} ${fourcc}`)
    let count = 0
    for await (const frame of capture) {
      console.log(`frame ${frame.sequence}, ${frame.missed} missed, begins with ${frame.bytes[0]}`)
      frame.release()
      if (++count === 3) break
    }
  } finally {
    await capture.close()
  }
}

/**
 * The queue is made of the driver's buffers: a viewer looks where the driver wrote.
 *
 * @param {string} path
 * @param {string} socket
 */
async function intoQueue(path, socket) {
  const capture = await openCapture(path, { buffers: 6 })
  const { format, lengthBytes, heap } = capture
  const queue = await serveFrames(socket, { format, lengthBytes, heap, buffers: 6 })
  const frames = await connectFrames(socket) // usually in another process
  try {
    const filling = capture.into(queue, { frames: 3 })
    for (let count = 0; count < 3; count++) {
      const frame = await frames.receive()
      console.log(`viewer: frame ${frame?.sequence} in buffer ${frame?.buffer.inode}`)
      frame?.release()
    }
    await filling
    console.log(`${queue.stats().bytesCopied} bytes copied`)
  } finally {
    await frames.close()
    await queue.close()
    await capture.close()
  }
}
