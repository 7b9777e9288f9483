// What goes on after release() (zlib here; sharp, fs and sockets alike) borrows the frame with lend().
import assert from 'node:assert/strict'
import { promisify } from 'node:util'
import { gunzipSync, gzip } from 'node:zlib'
import { connectFrames, inheritLink, linkPair, serveFrames } from 'dmabuf/linux'

const compress = promisify(gzip)
const lengthBytes = 100_000

// Both ends of the queue in one process: a link is as good as a socket path.
const [link, fd] = linkPair()
const queue = await serveFrames(link, { lengthBytes, buffers: 4 })
try {
  const frames = await connectFrames(inheritLink(fd), { maxHeld: 2 })
  try {
    for (const value of [1, 2]) {
      const frame = await queue.dequeue()
      try {
        frame.bytes.fill(value)
        frame.queue()
      } finally {
        frame.cancel()
      }
    }

    const jobs = []
    for (let count = 0; count < 2; count++) {
      const frame = await frames.receive({ timeoutMs: 10_000 })
      assert.ok(frame !== undefined)
      try {
        jobs.push(frame.lend((bytes) => compress(bytes))) // not awaited
      } finally {
        frame.release()
      }
    }
    assert.equal(frames.held, 2) // both are released, both still ours

    const compressed = await Promise.all(jobs)
    assert.equal(frames.held, 0) // the loans are settled: the camera may have its buffers back
    for (const [index, bytes] of compressed.entries())
      assert.deepEqual(gunzipSync(bytes), Buffer.alloc(lengthBytes, index + 1))
    console.log(`compressed 2 frames of ${lengthBytes} bytes from shared memory: byte-exact`)
  } finally {
    await frames.close()
  }
} finally {
  await queue.close()
}
