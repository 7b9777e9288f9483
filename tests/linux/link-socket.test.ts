// Goal: whole messages in order without ever blocking, paused at will, and exactly one end.
// Method: a socket of this class against a raw one in the same process.
import assert from 'node:assert/strict'
import { openSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { LinkSocket } from '#src/linux/link-socket.js'
import { createMemfd } from '#src/linux/memfd.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { exitAfterTests } from '../helpers/exit-after.js'
import { countResources, settled, until } from '../helpers/leaks.js'
import { RawPeer } from '../helpers/raw-peer.js'

exitAfterTests()

interface Heard {
  readonly messages: string[]
  readonly ends: unknown[]
  readonly fds: OwnedFd[]
}

function socketAndPeer(): { socket: LinkSocket; raw: RawPeer; heard: Heard } {
  const pair = new Int32Array(2)
  assert.equal(native().socketPair(pair), 0)
  const heard: Heard = { messages: [], ends: [], fds: [] }
  const socket = new LinkSocket(OwnedFd.adopt(pair[0]!), {
    message: (bytes, fds) => {
      heard.messages.push(new TextDecoder().decode(bytes))
      heard.fds.push(...fds)
    },
    ended: (how) => heard.ends.push(how),
  })
  return { socket, raw: new RawPeer(OwnedFd.adopt(pair[1]!)), heard }
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn()
}

test('LinkSocket hands on each message with its descriptors, in order', async () => {
  const { socket, raw, heard } = socketAndPeer()
  using fd = createMemfd('sent', 4096)
  raw.send(encode('a'))
  raw.send(encode('b'), [fd, fd])
  raw.send(encode('c'), [fd])
  await until(() => heard.messages.length === 3)
  assert.deepEqual(heard.messages, ['a', 'b', 'c'])
  assert.equal(heard.fds.length, 3)
  for (const each of heard.fds) each.close()
  socket.close()
  raw.fd.close()
})

test('LinkSocket.send leaves the descriptors to the caller', async () => {
  const { socket, raw } = socketAndPeer()
  using fd = createMemfd('sent', 4096)
  await socket.send(encode('x'), [fd])
  assert.equal(fd.closed, false)
  assert.deepEqual(raw.receive(), encode('x'))
  socket.close()
  raw.fd.close()
})

test('LinkSocket.pause stops reading, so that the peer’s queue fills, and goes on where it was', async () => {
  const { socket, raw, heard } = socketAndPeer()
  socket.pause(true)
  socket.pause(true)
  let sent = 0
  while (raw.send(encode(String(sent))) > 0) sent++
  await turns()
  assert.deepEqual(heard.messages, [])
  socket.pause(false)
  await until(() => heard.messages.length === sent)
  assert.deepEqual(
    heard.messages,
    Array.from({ length: sent }, (_, i) => String(i)),
  )
  socket.close()
  raw.fd.close()
})

test('LinkSocket that is paused reads what is left when the peer goes, then ends once', async () => {
  const { socket, raw, heard } = socketAndPeer()
  socket.pause(true)
  raw.send(encode('last'))
  await turns()
  raw.fd.close()
  await until(() => heard.ends.length > 0)
  assert.deepEqual(heard.messages, ['last'])
  await turns()
  assert.deepEqual(heard.ends, ['end'])
  socket.close()
})

test('LinkSocket.pump reads everything that has arrived, without the event loop', () => {
  const { socket, raw, heard } = socketAndPeer()
  for (const text of ['a', 'b', 'c']) raw.send(encode(text))
  socket.pump()
  assert.deepEqual(heard.messages, ['a', 'b', 'c'])
  raw.fd.close()
  socket.pump()
  assert.deepEqual(heard.ends, ['end'])
  socket.pump()
  assert.deepEqual(heard.ends, ['end'])
  socket.close()
})

test('LinkSocket: a message longer than the longest ends it with EPROTO', async () => {
  const { socket, raw, heard } = socketAndPeer()
  raw.send(new Uint8Array(65536))
  raw.send(new Uint8Array(65537))
  await until(() => heard.ends.length > 0)
  assert.equal(heard.messages.length, 1)
  assert.equal((heard.ends[0] as { code: string }).code, 'EPROTO')
  socket.close()
  raw.fd.close()
})

test('LinkSocket.stop reads no more, and close() gives the descriptor back', async () => {
  await settled()
  const before = countResources()
  const { socket, raw, heard } = socketAndPeer()
  socket.stop()
  raw.send(encode('unheard'))
  await turns()
  assert.deepEqual(heard.messages, [])
  assert.deepEqual(heard.ends, [])
  socket.close()
  socket.close()
  raw.fd.close()
  assert.deepEqual(countResources(), before)
})

test('LinkSocket: sends that wait fail with EPIPE at close(), and ends are not told then', async () => {
  const { socket, raw, heard } = socketAndPeer()
  const sends = Array.from({ length: 1000 }, () => socket.send(encode('x'), []))
  const results = Promise.allSettled(sends)
  await turns()
  socket.close()
  const failed = (await results).filter(({ status }) => status === 'rejected')
  assert.ok(failed.length > 0)
  for (const result of failed)
    assert.equal((result as { reason: { code: string } }).reason.code, 'EPIPE')
  raw.fd.close()
  await turns()
  assert.deepEqual(heard.ends, [])
})

test('LinkSocket.send fails with EPIPE when the peer has gone, reset or not', async () => {
  for (const unread of [false, true]) {
    const { socket, raw } = socketAndPeer()
    if (unread) await socket.send(encode('unread'), [])
    raw.fd.close()
    await assert.rejects(socket.send(encode('x'), []), { code: 'EPIPE', message: /peer has gone/ })
    socket.close()
  }
})

test('LinkSocket closes and refuses a descriptor that cannot be watched', () => {
  const fd = OwnedFd.adopt(openSync('/proc/self/exe', 'r'))
  const events = { message() {}, ended() {} }
  assert.throws(() => new LinkSocket(fd, events), {
    code: 'EPERM',
    message: /Cannot watch a socket/,
  })
  assert.equal(fd.closed, true)
})

test('LinkSocket.trySend sends now or says that there is no room, and keeps nothing', async () => {
  const { socket, raw } = socketAndPeer()
  let sent = 0
  while (socket.trySend(encode(String(sent)), [])) sent++
  assert.ok(sent > 0)
  assert.equal(socket.trySend(encode('again'), []), false)
  for (let i = 0; i < sent; i++)
    assert.equal(new TextDecoder().decode(raw.receive() as Uint8Array), String(i))
  assert.ok((raw.receive() as number) < 0, 'Nothing that found no room comes later')
  assert.equal(socket.trySend(encode('room'), []), true)
  await turn()
  socket.close()
  raw[Symbol.dispose]()
})

test('LinkSocket.onceWritable calls back once when there is room again, and never after the end', async () => {
  const { socket, raw } = socketAndPeer()
  while (socket.trySend(encode('fill'), []));
  let calls = 0
  socket.onceWritable(() => calls++)
  for (let i = 0; i < 10; i++) await turn()
  assert.equal(calls, 0)
  while (typeof raw.receive() !== 'number');
  await until(() => calls === 1)
  for (let i = 0; i < 10; i++) await turn()
  assert.equal(calls, 1)
  while (socket.trySend(encode('fill'), []));
  socket.onceWritable(() => calls++)
  socket.close()
  raw[Symbol.dispose]()
  for (let i = 0; i < 10; i++) await turn()
  assert.equal(calls, 1)
})

test('LinkSocket.trySend keeps the order: it waits behind sends that wait', async () => {
  const { socket, raw } = socketAndPeer()
  while (socket.trySend(encode('fill'), []));
  const waiting = socket.send(encode('first'), [])
  raw.receive()
  assert.equal(socket.trySend(encode('second'), []), false)
  while (typeof raw.receive() !== 'number');
  await waiting
  assert.equal(socket.trySend(encode('second'), []), true)
  assert.equal(new TextDecoder().decode(raw.receive() as Uint8Array), 'first')
  assert.equal(new TextDecoder().decode(raw.receive() as Uint8Array), 'second')
  socket.close()
  raw[Symbol.dispose]()
})

test('LinkSocket.pump comes back though the peer never stops sending', () => {
  const { socket, raw, heard } = socketAndPeer()
  const push = heard.messages.push.bind(heard.messages)
  // Whoever takes one finds the next, as from a peer that is faster than we are.
  heard.messages.push = (text) => {
    if (heard.messages.length < 5000) raw.send(encode('more'))
    return push(text)
  }
  raw.send(encode('first'))
  socket.pump()
  assert.ok(heard.messages.length < 1000, `${heard.messages.length} messages`)
  socket.close()
  raw.fd.close()
})

test('LinkSocket.pump of a paused socket takes only so much, however often it is called', () => {
  const { socket, raw, heard } = socketAndPeer()
  socket.pause(true)
  for (let round = 0; round < 50; round++) {
    for (let i = 0; i < 100; i++) raw.send(encode('x'))
    socket.pump()
  }
  assert.ok(heard.messages.length < 1000, `${heard.messages.length} messages`)
  assert.ok(heard.messages.length >= 300, `${heard.messages.length} messages`)
  socket.close()
  raw.fd.close()
})
