// What goes on after the frame's scope (zlib here; sharp, fs and sockets alike) borrows it with lend().
import assert from 'node:assert/strict'
import { promisify } from 'node:util'
import { gunzipSync, gzip } from 'node:zlib'
import { connectFrames, inheritLink, linkPair, serveFrames } from 'dmabuf/linux'

const compress = promisify(gzip)
const lengthBytes = 100_000

// Both ends of the queue in one process: a link is as good as a socket path.
const [link, fd] = linkPair()
await using queue = await serveFrames(link, { lengthBytes, buffers: 4 })
await using frames = await connectFrames(inheritLink(fd), { maxHeld: 2 })

for (const value of [1, 2]) {
  using frame = await queue.dequeue()
  frame.bytes.fill(value)
  frame.queue()
}

const jobs: Promise<Uint8Array>[] = []
for (let count = 0; count < 2; count++) {
  using frame = await frames.receive({ timeoutMs: 10_000 })
  assert.ok(frame !== undefined)
  jobs.push(frame.lend((bytes) => compress(bytes))) // not awaited
}
assert.equal(frames.held, 2) // both scopes are left, both frames still ours

const compressed = await Promise.all(jobs)
assert.equal(frames.held, 0) // the loans are settled: the camera may have its buffers back
for (const [index, bytes] of compressed.entries())
  assert.deepEqual(gunzipSync(bytes), Buffer.alloc(lengthBytes, index + 1))
console.log(`compressed 2 frames of ${lengthBytes} bytes from shared memory: byte-exact`)
