// The same queue over a SharedArrayBuffer: runs in browsers, and in Node without native code.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { closeFramePort, createFrameQueue, openFramePort } from 'dmabuf/threads'

/** @param {{ port: import('dmabuf/threads').FramePort }} data */
async function work({ port }) {
  const frames = await openFramePort(port)
  const frame = await frames.receive()
  parentPort?.postMessage(frame?.bytes[0])
  await frames.receive({ timeoutMs: 60_000 })
}

if (isMainThread) {
  const queue = createFrameQueue({ lengthBytes: 4096, buffers: 3 })
  const port = queue.port()
  const worker = new Worker(new URL(import.meta.url), { workerData: { port } })
  // Not every runtime tells when a thread dies: whoever made it does.
  worker.on('exit', () => closeFramePort(port))
  const said = once(worker, 'message')
  await new Promise((resolve) => queue.watchConsumers(() => resolve(undefined)))
  const gone = new Promise((resolve) => {
    queue.watchConsumers(({ heldAtEnd }) => resolve(heldAtEnd))
  })
  const frame = await queue.dequeue()
  frame.bytes.fill(42)
  frame.queue()
  assert.deepEqual(await said, [42])
  await worker.terminate()
  assert.equal(await gone, 1)
  console.log('the worker saw 42, and the frame it died with is free again')
  await queue.close()
} else await work(workerData)
