// Goal: a link carries messages and descriptors in order, and its end is told from a death.
// Method: both ends in this process; where a peer has to lie, the other end is a raw socket.
import assert from 'node:assert/strict'
import { fstatSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { encodeMessage, HEADER_BYTES, MessageType } from '#src/interprocess/link-message.js'
import { linkPair } from '#src/linux/link-pair.js'
import { Link, type LinkEnd } from '#src/linux/link.js'
import { createMemfd } from '#src/linux/memfd.js'
import type { OwnedFd } from '#src/linux/owned-fd.js'
import { exitAfterTests } from '../helpers/exit-after.js'
import { runFixture } from '../helpers/fixture.js'
import { countResources, settled, until } from '../helpers/leaks.js'
import { rawPair } from '../helpers/raw-peer.js'

exitAfterTests()

const MAX_BYTES = 65536 - HEADER_BYTES
const ENCODER = new TextEncoder()
const DECODER = new TextDecoder()

function pair(): [Link, Link] {
  const [here, fd] = linkPair()
  return [here, new Link(fd, here.peer)]
}

async function closeAll(...links: readonly Link[]): Promise<void> {
  for (const link of links) await link.close()
}

async function textOf(link: Link): Promise<string | undefined> {
  const message = await link.receive()
  return message === undefined ? undefined : DECODER.decode(message.bytes)
}

function memfds(count: number): OwnedFd[] {
  const first = createMemfd('sent', 4096)
  const more = Array.from({ length: count - 1 }, () => first.dup())
  return [first, ...more]
}

async function endOf(link: Link): Promise<LinkEnd> {
  return new Promise((resolve) => {
    link.onEnd(resolve)
  })
}

test('Link.send and receive: messages arrive whole, in order, in both directions', async () => {
  const [here, there] = pair()
  for (const text of ['a', '', 'ccc']) await here.send(ENCODER.encode(text))
  await there.send(ENCODER.encode('back'))
  assert.equal(await textOf(there), 'a')
  assert.equal(await textOf(there), '')
  assert.equal(await textOf(there), 'ccc')
  assert.equal(await textOf(here), 'back')
  await closeAll(here, there)
})

test('Link.send sends a copy: the bytes may be used again at once', async () => {
  const [here, there] = pair()
  const bytes = ENCODER.encode('first')
  const sent = here.send(bytes)
  bytes.fill(0)
  await sent
  assert.equal(await textOf(there), 'first')
  await closeAll(here, there)
})

test('Link.send takes messages of up to 65528 bytes', async () => {
  const [here, there] = pair()
  await here.send(new Uint8Array(MAX_BYTES).fill(7))
  const message = await there.receive()
  assert.equal(message?.bytes.length, MAX_BYTES)
  assert.ok(message.bytes.every((byte) => byte === 7))
  await assert.rejects(here.send(new Uint8Array(MAX_BYTES + 1)), {
    name: 'RangeError',
    message: /at most 65528 bytes: 65529/,
  })
  await closeAll(here, there)
})

test('Link.send takes bytes only', async () => {
  const [here, there] = pair()
  for (const wrong of ['text', 5, undefined, [1, 2], new Float64Array(2), new ArrayBuffer(4)])
    await assert.rejects(here.send(wrong as unknown as Uint8Array), TypeError)
  await closeAll(here, there)
})

test('Link.send moves the descriptors: the handle is empty from the call on', async () => {
  const [here, there] = pair()
  const fd = createMemfd('sent', 4096)
  const { ino } = fstatSync(fd.number)
  const sent = here.send(new Uint8Array(1), [fd])
  assert.equal(fd.closed, true)
  await sent
  const message = await there.receive()
  const [received, ...rest] = message?.takeFds() ?? []
  assert.deepEqual(rest, [])
  assert.equal(fstatSync(received!.number).ino, ino)
  received?.close()
  await closeAll(here, there)
})

test('Link.send takes up to 253 descriptors', async () => {
  await settled()
  const before = countResources()
  const [here, there] = pair()
  await here.send(new Uint8Array(1), memfds(253))
  const message = await there.receive()
  const taken = message?.takeFds() ?? []
  assert.equal(taken.length, 253)
  for (const fd of taken) fd.close()
  await assert.rejects(here.send(new Uint8Array(1), memfds(254)), {
    name: 'RangeError',
    message: /at most 253 descriptors: 254/,
  })
  await closeAll(here, there)
  assert.deepEqual(countResources(), before)
})

test('Link.send that fails closes the descriptors all the same', async () => {
  await settled()
  const before = countResources()
  const [here, there] = pair()
  const closed = createMemfd('sent', 4096)
  closed.close()
  await assert.rejects(here.send(new Uint8Array(1), [...memfds(2), closed, ...memfds(2)]), {
    code: 'EBADF',
  })
  await assert.rejects(here.send(new Uint8Array(MAX_BYTES + 1), memfds(3)), RangeError)
  await here.close()
  await assert.rejects(here.send(new Uint8Array(1), memfds(3)), { code: 'EPIPE' })
  await there.close()
  assert.deepEqual(countResources(), before)
})

test('Link.send waits while the peer does not read, and nothing is lost or out of order', async () => {
  const [here, there] = pair()
  const count = 5000
  let done = 0
  const sends = Array.from({ length: count }, async (_, i) => {
    await here.send(ENCODER.encode(String(i)))
    done++
  })
  for (let i = 0; i < 50; i++) await turn()
  // The socket and 64 unread messages took some; the rest waits here.
  assert.ok(done > 64 && done < count / 2, `done ${done}`)
  const stuck = done
  for (let i = 0; i < 50; i++) await turn()
  assert.equal(done, stuck)
  for (let i = 0; i < count; i++) {
    if (i % 100 === 0) await turn()
    assert.equal(await textOf(there), String(i))
  }
  await Promise.all(sends)
  await closeAll(here, there)
})

test('Link.send gives up on timeout or signal, and what it gave up is never sent', async () => {
  const [here, there] = pair()
  const stop = new AbortController()
  const waiting: Promise<void>[] = []
  const fits = 1000
  const filling = Array.from({ length: fits }, () => here.send(ENCODER.encode('fill')))
  await assert.rejects(here.send(ENCODER.encode('late'), [], { timeoutMs: 20 }), {
    code: 'ETIMEDOUT',
  })
  const fds = memfds(2)
  waiting.push(here.send(ENCODER.encode('never'), fds, { signal: stop.signal }))
  waiting.push(here.send(ENCODER.encode('last')))
  stop.abort(new Error('enough'))
  await assert.rejects(waiting[0]!, /enough/)
  assert.ok(fds.every((fd) => fd.closed))
  for (let i = 0; i < fits; i++) assert.equal(await textOf(there), 'fill')
  assert.equal(await textOf(there), 'last')
  await Promise.all(filling)
  await closeAll(here, there)
})

test('Link.receive gives up on timeout or signal, and the next message is not lost to it', async () => {
  const [here, there] = pair()
  await assert.rejects(there.receive({ timeoutMs: 0 }), { code: 'ETIMEDOUT' })
  await assert.rejects(there.receive({ timeoutMs: 5 }), { code: 'ETIMEDOUT' })
  const stop = new AbortController()
  const waiting = there.receive({ signal: stop.signal })
  stop.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  await assert.rejects(there.receive({ signal: AbortSignal.abort(new Error('before')) }), /before/)
  await assert.rejects(there.receive({ timeoutMs: -1 }), RangeError)
  await here.send(ENCODER.encode('kept'))
  assert.equal(await textOf(there), 'kept')
  await closeAll(here, there)
})

test('Link.receive: several readers are served in the order they asked', async () => {
  const [here, there] = pair()
  const readers = [textOf(there), textOf(there), textOf(there)]
  for (const text of ['1', '2', '3']) await here.send(ENCODER.encode(text))
  assert.deepEqual(await Promise.all(readers), ['1', '2', '3'])
  await closeAll(here, there)
})

test('Link.close says goodbye: the peer reads what was sent, then the end, cleanly', async () => {
  const [here, there] = pair()
  await here.send(ENCODER.encode('one'))
  await here.send(ENCODER.encode('two'))
  await here.close()
  const seen: string[] = []
  for await (const message of there) seen.push(DECODER.decode(message.bytes))
  assert.deepEqual(seen, ['one', 'two'])
  assert.equal(there.end?.clean, true)
  assert.equal(await there.receive(), undefined)
  await there.close()
})

test('Link fails politely after its own close()', async () => {
  const [here, there] = pair()
  const reader = here.receive()
  await here.close()
  await assert.rejects(reader, { code: 'EBADF' })
  assert.equal(here.closed, true)
  await assert.rejects(here.receive(), { code: 'EBADF', message: /The link is closed/ })
  await assert.rejects(here.send(new Uint8Array(1)), {
    code: 'EPIPE',
    message: /The link is closed/,
  })
  here.keepAlive(true)
  here.pump()
  await here.close()
  await here[Symbol.asyncDispose]()
  await there.close()
})

test('Link.send fails with EPIPE once the peer has gone', async () => {
  const [here, there] = pair()
  await there.close()
  await endOf(here)
  await assert.rejects(here.send(new Uint8Array(1)), { code: 'EPIPE', message: /at its end/ })
  await here.close()
})

test('Link: sends that wait fail with EPIPE when the peer dies', async () => {
  const [here, raw] = rawPair()
  raw.hello()
  const sends = Array.from({ length: 1000 }, () => here.send(new Uint8Array(100)))
  const results = Promise.allSettled(sends)
  await turn()
  raw.fd.close()
  const failed = (await results).filter(({ status }) => status === 'rejected')
  assert.ok(failed.length > 100)
  for (const result of failed)
    assert.equal((result as { reason: { code: string } }).reason.code, 'EPIPE')
  await here.close()
})

test('Link: an end without goodbye is a death, for readers and listeners alike', async () => {
  const [here, raw] = rawPair()
  raw.hello()
  raw.user('last words')
  const ended = endOf(here)
  raw.fd.close()
  assert.equal(await textOf(here), 'last words')
  const expected = { code: 'EOWNERDEAD', message: /pid \d+\) died without a goodbye/ }
  await assert.rejects(here.receive(), expected)
  await assert.rejects(here.receive(), expected)
  const { clean, error } = await ended
  assert.equal(clean, false)
  assert.deepEqual(error.details, { pid: process.pid })
  await here.close()
})

test('Link: a goodbye behind a reset connection is still a goodbye', async () => {
  // A peer that closes with unread data of ours resets the connection: we read ECONNRESET first.
  const [here, raw] = rawPair()
  await here.send(ENCODER.encode('unread'))
  raw.hello()
  raw.user('before')
  raw.goodbye()
  raw.fd.close()
  assert.equal(await textOf(here), 'before')
  assert.equal(await here.receive(), undefined)
  assert.equal(here.end?.clean, true)
  await here.close()
})

test('Link: a reset connection without goodbye is a death', async () => {
  const [here, raw] = rawPair()
  await here.send(ENCODER.encode('unread'))
  raw.hello()
  raw.fd.close()
  await assert.rejects(here.receive(), { code: 'EOWNERDEAD' })
  await here.close()
})

test('Link.onEnd calls back once, also when the end is known already, and not after disposal', async () => {
  const [here, there] = pair()
  const calls: string[] = []
  here.onEnd(() => calls.push('before'))
  const disposed = here.onEnd(() => calls.push('disposed'))
  disposed[Symbol.dispose]()
  await there.close()
  await until(() => here.end !== undefined)
  here.onEnd(() => calls.push('after'))
  const late = here.onEnd(() => calls.push('disposed late'))
  late[Symbol.dispose]()
  await turn()
  assert.deepEqual(calls, ['before', 'after'])
  await here.close()
})

test('Link: a goodbye with an error says why, and is no clean end', async () => {
  const [here, raw] = rawPair()
  raw.hello()
  raw.send(encodeMessage(MessageType.goodbye, 13, ENCODER.encode('You may not')))
  await assert.rejects(here.receive(), { code: 'EACCES', message: 'EACCES: You may not' })
  assert.equal(here.end?.clean, false)
  await here.close()
  raw.fd.close()
})

test('Link: a goodbye with a number that is no error, or with what is no text, is told in plain words', async () => {
  const [here, raw] = rawPair()
  raw.hello()
  raw.send(encodeMessage(MessageType.goodbye, -536120250, new Uint8Array([0xff, 0x02, 0x7b])))
  const message = 'EPROTO: The peer has closed the link'
  await assert.rejects(here.receive(), { code: 'EPROTO', message })
  await here.close()
  raw.fd.close()
})

const GARBAGE: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['a single byte', new Uint8Array([1]), /garbage/],
  ['seven bytes', encodeMessage(MessageType.hello, 0, new Uint8Array(0)).slice(0, 7), /garbage/],
  ['text', ENCODER.encode('GET / HTTP/1.1\r\n\r\n'), /garbage/],
  ['another version', otherVersion(), /version 2, this is version 1: use the same package/],
  ['no hello', encodeMessage(MessageType.user, 0, new Uint8Array(1)), /did not say hello first/],
  ['another type', encodeMessage(99, 0, new Uint8Array(1)), /did not say hello first/],
  ['too long a message', new Uint8Array(65537), /more than 65536 bytes/],
]

function otherVersion(): Uint8Array {
  const bytes = encodeMessage(MessageType.hello, 0, new Uint8Array(0))
  bytes[2] = 2
  return bytes
}

for (const [name, bytes, reason] of GARBAGE) {
  test(`Link: ${name} instead of a hello is EPROTO, and its descriptors are closed`, async () => {
    await settled()
    const before = countResources()
    const [here, raw] = rawPair()
    const fd = createMemfd('sent', 4096)
    assert.ok(raw.send(bytes, [fd, fd, fd]) > 0)
    fd.close()
    await assert.rejects(here.receive(), { code: 'EPROTO', message: reason })
    assert.equal(here.end?.clean, false)
    await here.close()
    // The peer is told, in a message of its own protocol.
    raw.receive()
    const last = raw.receive()
    assert.ok(typeof last !== 'number' && last[3] === MessageType.goodbye)
    assert.match(DECODER.decode(last.subarray(8)), reason)
    raw.fd.close()
    assert.deepEqual(countResources(), before)
  })
}

test('Link: a type that this version does not know is EPROTO', async () => {
  const [here, raw] = rawPair()
  raw.hello()
  raw.user('fine')
  raw.send(encodeMessage(99, 0, new Uint8Array(1)))
  assert.equal(await textOf(here), 'fine')
  await assert.rejects(here.receive(), { code: 'EPROTO', message: /type 99/ })
  await here.close()
  raw.fd.close()
})

test('Link closes descriptors that come with a hello, a goodbye, or after it', async () => {
  await settled()
  const before = countResources()
  const [here, raw] = rawPair()
  const fd = createMemfd('sent', 4096)
  raw.hello([fd])
  raw.hello([fd])
  raw.goodbye([fd])
  raw.user('afterwards', [fd])
  fd.close()
  assert.equal(await here.receive(), undefined)
  assert.equal(await here.receive(), undefined)
  await settled()
  assert.deepEqual(countResources(), { ...before, fds: before.fds + 2 })
  await here.close()
  raw.fd.close()
  assert.deepEqual(countResources(), before)
})

test('Link.close closes descriptors of messages that nobody took', async () => {
  await settled()
  const before = countResources()
  const [here, there] = pair()
  for (let i = 0; i < 10; i++) await here.send(new Uint8Array(1), memfds(5))
  using taken = await there.receive()
  assert.ok(taken)
  there.pump()
  await there.close()
  await here.close()
  taken[Symbol.dispose]()
  assert.deepEqual(countResources(), before)
})

test('Link stops reading at 64 unread messages, and learns of a death all the same', async () => {
  const [here, raw] = rawPair()
  raw.hello()
  let sent = 0
  for (let i = 0; i < 20_000; i++) {
    if (raw.user(String(i)) > 0) sent++
    else if (i % 20 === 0) await turn()
  }
  // 64 in the link, some hundreds in the socket; then the kernel said EAGAIN.
  assert.ok(sent < 2000, `sent ${sent}`)
  const ended = endOf(here)
  raw.fd.close()
  assert.equal((await ended).error.code, 'EOWNERDEAD')
  for (let i = 0; i < sent; i++) assert.ok((await here.receive())?.bytes.length)
  await assert.rejects(here.receive(), { code: 'EOWNERDEAD' })
  await here.close()
})

test('Link without room for descriptors says EMFILE once, leaks none, and tells the sender', async () => {
  const { code, stdout, stderr } = await runFixture('many-fds.js', ['receive'], { maxFiles: 128 })
  assert.equal(code, 0, stderr)
  const [, error, open, again, told] = stdout.split('\n')
  assert.match(error ?? '', /^EMFILE: .*no room for its descriptors.*ulimit -n/)
  const [, before, after] = (open ?? '').split(' ')
  assert.equal(after, before)
  assert.equal(again, error)
  assert.equal(told, error)
})

test('Link.keepAlive(false) lets the process end; without it the link keeps it', async () => {
  const { code, stdout } = await runFixture('idle-link.js', ['unref'])
  assert.equal(code, 0)
  assert.equal(stdout, 'open')
  const kept = await runFixture('idle-link.js', ['ref'])
  assert.equal(kept.stdout, 'open\nclosed by the timer')
})

test('Link: a thousand of them, opened and closed, leave nothing', async () => {
  await settled()
  const before = countResources()
  for (let i = 0; i < 1000; i++) {
    const [here, there] = pair()
    await here.send(new Uint8Array(1), memfds(1))
    using _message = await there.receive()
    await closeAll(...(i % 2 === 0 ? [here, there] : [there, here]))
  }
  await settled()
  assert.deepEqual(countResources(), before)
})

test('Link.pump tells of an end soon, and at once where it is asked to', async () => {
  for (const tells of [false, true]) {
    const [here, raw] = rawPair()
    let isTold = false
    here.onEnd(() => (isTold = true))
    raw.hello()
    raw.fd.close()
    here.pump(tells)
    assert.equal(here.end?.error.code, 'EOWNERDEAD')
    assert.equal(isTold, tells)
    await turn()
    assert.equal(isTold, true)
    await here.close()
  }
})
