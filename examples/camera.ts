import { setTimeout as sleep } from 'node:timers/promises'
import { serveFrames } from 'dmabuf/linux'

const path = process.argv[2] ?? '/tmp/cam.sock'
const format = { fourcc: 'YU12', width: 640, height: 360 }
await using queue = await serveFrames(path, { format, buffers: 5 })

for (let shade = 1; shade <= 200; shade++) {
  using frame = await queue.dequeue() // waits while every buffer is in use
  frame.plane(0).fill(shade) // the camera draws into the shared memory itself
  frame.plane(1).fill(128)
  frame.plane(2).fill(128)
  frame.queue() // publishes; a scope left without it gives the buffer back unseen
  await sleep(10)
}
