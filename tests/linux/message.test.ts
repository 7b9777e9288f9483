// Goal: descriptors of a message belong to whoever takes them, and are closed if nobody does.
// Method: messages over memfds, without a link.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemfd } from '#src/linux/memfd.js'
import { Message } from '#src/linux/message.js'

const BYTES = new Uint8Array([1, 2, 3])

test('Message.takeFds gives the descriptors once, open', () => {
  const fds = [createMemfd('a', 4096), createMemfd('b', 4096)]
  const message = new Message(BYTES, fds)
  const taken = message.takeFds()
  assert.deepEqual(taken, fds)
  assert.deepEqual(message.takeFds(), [])
  message[Symbol.dispose]()
  assert.ok(taken.every((fd) => !fd.closed))
  for (const fd of taken) fd.close()
})

test('Message closes what nobody took, and keeps its bytes', () => {
  const fd = createMemfd('a', 4096)
  const message = new Message(BYTES, [fd])
  {
    using received = message
    assert.equal(received.bytes, BYTES)
  }
  assert.equal(fd.closed, true)
  assert.deepEqual(message.takeFds(), [])
  message[Symbol.dispose]()
})
