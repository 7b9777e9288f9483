import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { serveFrames } from '#src/linux/index.js'
import { scratchFolder } from '../../helpers/dmabuf-command.js'

const PEER = fileURLToPath(import.meta.resolve('#src/cli/play/compare-peer.js'))

test('The peer answers once when it is ready and once for each frame, and ends with the queue', async () => {
  using folder = scratchFolder()
  const socket = join(folder.path, 'queue.sock')
  const queue = await serveFrames(socket, { lengthBytes: 64, buffers: 3 })
  const peer = fork(PEER, [socket], { serialization: 'advanced' })
  const exited = once(peer, 'exit')
  await once(peer, 'message')
  for (let frame = 0; frame < 3; frame++) {
    const answered = once(peer, 'message')
    ;(await queue.dequeue()).queue()
    const [{ us }] = (await answered) as [{ us: number }]
    assert.ok(us > 0)
  }
  await queue.close()
  assert.deepEqual(await exited, [0, null])
})

test('The peer exits with 1 where there is no queue', async () => {
  using folder = scratchFolder()
  const peer = fork(PEER, [join(folder.path, 'none')], { serialization: 'advanced' })
  assert.deepEqual(await once(peer, 'exit'), [1, null])
})
