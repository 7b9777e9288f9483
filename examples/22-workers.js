// Frames for worker threads: a port is posted, opened there, and from then on nothing is sent per frame.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { createFrameQueue, openFramePort } from 'dmabuf/linux'

/** @param {{ port: import('dmabuf/linux').FramePort }} data */
async function work({ port }) {
  const frames = await openFramePort(port)
  for await (const frame of frames) {
    parentPort?.postMessage(frame.bytes.reduce((total, byte) => total + byte, 0))
    frame.release()
  }
  await frames.close()
}

if (isMainThread) {
  const queue = createFrameQueue({ lengthBytes: 4096, buffers: 4 })
  // One line, as with any value: piscina.run({ port: queue.port() }) is the same.
  const worker = new Worker(new URL(import.meta.url), { workerData: { port: queue.port() } })
  // A stream gets what is published after it was opened.
  await new Promise((resolve) => queue.watchConsumers(() => resolve(undefined)))
  /** @type {number[]} */
  const sums = []
  worker.on('message', (sum) => sums.push(sum))
  for (let value = 1; value <= 3; value++) {
    const frame = await queue.dequeue()
    frame.bytes.fill(value)
    frame.queue()
  }
  await queue.close() // ends the worker's loop
  await once(worker, 'exit')
  assert.deepEqual(sums, [4096, 8192, 12288])
  console.log(`the worker added up ${sums.length} frames`)
} else await work(workerData)
