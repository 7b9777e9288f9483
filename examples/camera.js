import { setTimeout as sleep } from 'node:timers/promises'
import { serveFrames } from 'dmabuf/linux'

const path = process.argv[2] ?? '/tmp/cam.sock'
const format = { fourcc: 'YU12', width: 640, height: 360 }
const queue = await serveFrames(path, { format, buffers: 5 })
try {
  for (let shade = 1; shade <= 200; shade++) {
    const frame = await queue.dequeue() // waits while every buffer is in use
    try {
      frame.plane(0).fill(shade) // the camera draws into the shared memory itself
      frame.plane(1).fill(128)
      frame.plane(2).fill(128)
      frame.queue() // publishes
    } finally {
      frame.cancel() // gives the buffer back unseen; nothing after queue()
    }
    await sleep(10)
  }
} finally {
  await queue.close()
}
