// A worker with a stream: does what the page asks, and answers with a message each.
import { openFramePort } from '/dist/threads/index.js'

let stream
const held = []

const commands = {
  async open({ port, options }) {
    stream = await openFramePort(port, options)
  },
  async read(count) {
    let wrong = 0
    let seen = 0
    for await (const frame of stream) {
      seen++
      if (!frame.bytes.every((byte) => byte === (frame.sequence & 255))) wrong++
      frame.release()
      if (seen === count) break
    }
    return { seen, wrong }
  },
  async hold() {
    held.push(await stream.receive())
  },
  close: () => stream.close(),
}

onmessage = async ({ data: { id, command, argument } }) => {
  try {
    postMessage({ id, value: await commands[command](argument) })
  } catch (error) {
    postMessage({ id, error: String(error) })
  }
}
postMessage({ id: 0 })
