// Goal: links between versions agree or end in one line, and strange messages pass only where both said so.
// Method: raw peers that say what they like.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Feature, OUR_HELLO, PROTOCOL_VERSION } from '#src/interprocess/hello.js'
import { encodeMessage, MessageType } from '#src/interprocess/link-message.js'
import { exitAfterTests } from '../helpers/exit-after.js'
import { silentBell } from '../helpers/hostile.js'
import { countResources, settled } from '../helpers/leaks.js'
import { rawPair } from '../helpers/raw-peer.js'

exitAfterTests()

const UNKNOWN = encodeMessage(200, 0, new Uint8Array(3))

test('Link.agreement is undefined before the hello, then the highest common version', async () => {
  const [link, raw] = rawPair()
  assert.equal(link.agreement, undefined)
  raw.hello([], { ...OUR_HELLO, highest: PROTOCOL_VERSION + 7 })
  raw.user('first')
  await link.receive()
  assert.deepEqual(link.agreement, {
    version: PROTOCOL_VERSION,
    features: OUR_HELLO.offered,
  })
  await link.close()
  raw[Symbol.dispose]()
})

test('Link carries user messages to and from a peer of the first version', async () => {
  const [link, raw] = rawPair()
  raw.hello()
  raw.user('old')
  const message = await link.receive()
  assert.equal(Buffer.from(message!.bytes).toString(), 'old')
  assert.equal(link.agreement?.version, 1)
  await link.send(new Uint8Array(2))
  await link.close()
  raw[Symbol.dispose]()
})

test('Link ends with EPROTO naming the versions of both, and tells the peer', async () => {
  const [link, raw] = rawPair()
  raw.hello([], { lowest: 9, highest: 10, offered: 0, required: 0 })
  const message = /The peer speaks versions 9 to 10, this side versions 1 to \d+: use/
  await assert.rejects(link.receive(), { code: 'EPROTO', message })
  await link.close()
  raw.receive()
  const goodbye = raw.receive() as Uint8Array
  assert.equal(goodbye[3], MessageType.goodbye)
  assert.match(Buffer.from(goodbye.subarray(8)).toString(), message)
  raw[Symbol.dispose]()
})

test('Link ends with EPROTO where the peer requires a feature that it lacks', async () => {
  const [link, raw] = rawPair()
  raw.hello([], { ...OUR_HELLO, offered: 0x40000001, required: 0x40000000 })
  await assert.rejects(link.receive(), { code: 'EPROTO', message: /features 0x40000000/ })
  await link.close()
  raw[Symbol.dispose]()
})

test('Link ends with EPROTO where the peer lacks a feature that it requires', async () => {
  const ours = { ...OUR_HELLO, offered: 3, required: 2 }
  const [link, raw] = rawPair(ours)
  raw.hello([], OUR_HELLO)
  await assert.rejects(link.receive(), { code: 'EPROTO', message: /This side needs features 0x2/ })
  await link.close()
  raw[Symbol.dispose]()
})

test('Link ends with EPROTO for a hello that is none', async () => {
  const [link, raw] = rawPair()
  raw.send(encodeMessage(MessageType.hello, 0, new Uint8Array(5)))
  await assert.rejects(link.receive(), { code: 'EPROTO', message: /hello has 5 bytes/ })
  await link.close()
  raw[Symbol.dispose]()
})

test('Link drops messages of unknown types, with their descriptors, where both sides offered that', async () => {
  await settled()
  const before = countResources()
  const [link, raw] = rawPair()
  raw.hello([], { ...OUR_HELLO, offered: Feature.ignoreUnknown })
  const bell = silentBell()
  raw.send(UNKNOWN, [bell])
  raw.user('next')
  const message = await link.receive()
  assert.equal(Buffer.from(message!.bytes).toString(), 'next')
  bell.close()
  await link.close()
  raw[Symbol.dispose]()
  await settled()
  assert.deepEqual(countResources(), before)
})

test('Link ends with EPROTO at a message of an unknown type where either side did not offer that', async () => {
  const [link, raw] = rawPair()
  raw.hello([], { ...OUR_HELLO, offered: 0 })
  raw.send(UNKNOWN)
  await assert.rejects(link.receive(), { code: 'EPROTO', message: /type 200/ })
  const [strict, other] = rawPair({ ...OUR_HELLO, offered: 0 })
  other.hello([], OUR_HELLO)
  other.send(UNKNOWN)
  await assert.rejects(strict.receive(), { code: 'EPROTO', message: /type 200/ })
  for (const each of [link, strict]) await each.close()
  for (const each of [raw, other]) each[Symbol.dispose]()
})

test('A second hello changes nothing', async () => {
  const [link, raw] = rawPair()
  raw.hello([], OUR_HELLO)
  raw.hello([], { lowest: 9, highest: 9, offered: 0, required: 4 })
  raw.user('still')
  const message = await link.receive()
  assert.equal(Buffer.from(message!.bytes).toString(), 'still')
  assert.equal(link.agreement?.version, PROTOCOL_VERSION)
  await link.close()
  raw[Symbol.dispose]()
})

test('Link ends with EPROTO at a message about fences, queues or domains of a peer of the first version', async () => {
  await settled()
  const before = countResources()
  for (const type of [MessageType.memberPage, MessageType.queueJoin, MessageType.domain]) {
    const [link, raw] = rawPair()
    const bell = silentBell()
    raw.hello()
    raw.send(encodeMessage(type, 0, new Uint8Array(32)), [bell])
    bell.close()
    const message = new RegExp(`speaks version 1, messages of type ${type} need version 2`)
    await assert.rejects(link.next(type), { code: 'EPROTO', message })
    await link.close()
    raw[Symbol.dispose]()
  }
  await settled()
  assert.deepEqual(countResources(), before)
})
