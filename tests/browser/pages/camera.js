// A worker with a queue: does what the page asks, and answers with a message each.
import { createFrameQueue } from '/dist/threads/index.js'

let queue

const commands = {
  create(options) {
    queue = createFrameQueue(options)
  },
  port: () => queue.port(),
  async publish(count) {
    for (let i = 0; i < count; i++) {
      const frame = await queue.dequeue({ timeoutMs: 20_000 })
      frame.bytes.fill((queue.stats().queued + 1) & 255)
      frame.queue()
    }
  },
  consumers: () => queue.consumers.length,
  close: () => queue.close(),
}

onmessage = async ({ data: { id, command, argument } }) => {
  try {
    postMessage({ id, value: await commands[command](argument) })
  } catch (error) {
    postMessage({ id, error: String(error) })
  }
}
postMessage({ id: 0 })
