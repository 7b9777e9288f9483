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

async function oneByOne(path: string): Promise<void> {
  await using capture = await openCapture(path)
  const { fourcc, width, height } = capture.format
  console.log(`${capture.name}: ${width}x${height} ${fourcc}`)
  let count = 0
  for await (using frame of capture) {
    console.log(`frame ${frame.sequence}, ${frame.missed} missed, begins with ${frame.bytes[0]}`)
    if (++count === 3) break
  }
}

// The queue is made of the driver's buffers: a viewer looks where the driver wrote.
async function intoQueue(path: string, socket: string): Promise<void> {
  await using capture = await openCapture(path, { buffers: 6 })
  const { format, lengthBytes, heap } = capture
  await using queue = await serveFrames(socket, { format, lengthBytes, heap, buffers: 6 })
  await using frames = await connectFrames(socket) // usually in another process
  const filling = capture.into(queue, { frames: 3 })
  for (let count = 0; count < 3; count++) {
    using frame = await frames.receive()
    console.log(`viewer: frame ${frame?.sequence} in buffer ${frame?.buffer.inode}`)
  }
  await filling
  console.log(`${queue.stats().bytesCopied} bytes copied`)
}
