// Goal: what is no port is refused before anything is touched.
// Method: values that programs hand over by mistake.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFrameQueue } from '#src/linux/create-frame-queue.js'
import { openFramePort } from '#src/linux/open-frame-port.js'
import type { FramePort } from '#src/frames/frame-port.js'

test('openFramePort refuses what is no port with a TypeError', async () => {
  for (const wrong of [undefined, null, 3, {}, { dmabufPort: 2 }, { dmabufPort: 1 }])
    await assert.rejects(openFramePort(wrong as unknown as FramePort), TypeError)
})

test('openFramePort refuses a port that went through JSON, as to another process', async () => {
  await using queue = createFrameQueue({ lengthBytes: 4096 })
  const { inode: _, ...rest } = queue.port() as FramePort & { inode: bigint }
  const sent = JSON.parse(JSON.stringify(rest)) as FramePort
  await assert.rejects(openFramePort(sent), TypeError)
})

test('openFramePort checks its options before it opens the port', async () => {
  await using queue = createFrameQueue({ lengthBytes: 4096 })
  const port = queue.port()
  await assert.rejects(openFramePort(port, { maxHeld: 0 }), RangeError)
  await using stream = await openFramePort(port, { mode: 'latest' })
  assert.equal(stream.mode, 'latest')
})
