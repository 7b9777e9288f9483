// Goal: two versions of this package find what both speak, or refuse each other in one line.
// Method: every pair of small version ranges against the definition, and hellos that are none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageType } from '#src/interprocess/link-message.js'
import {
  agree,
  decodeHello,
  encodeHello,
  Feature,
  isTaken,
  OUR_HELLO,
  PROTOCOL_VERSION,
  type Hello,
} from '#src/interprocess/hello.js'

function hello(lowest: number, highest: number, features: Partial<Hello> = {}): Hello {
  return { lowest, highest, offered: 0, required: 0, ...features }
}

test('decodeHello gives back what encodeHello was given, also with more behind it', () => {
  const said = hello(3, 65535, { offered: 0xffffffff, required: 0x80000001 })
  const payload = encodeHello(said)
  assert.deepEqual(decodeHello(payload), said)
  assert.deepEqual(decodeHello(new Uint8Array([...payload, 1, 2, 3])), said)
})

test('A hello is two u16 and two u32, little-endian', () => {
  const said = hello(1, 0x0203, { offered: 0x04050607, required: 8 })
  assert.deepEqual([...encodeHello(said)], [1, 0, 3, 2, 7, 6, 5, 4, 8, 0, 0, 0])
})

test('decodeHello reads an empty hello as version 1 without features', () => {
  assert.deepEqual(decodeHello(new Uint8Array(0)), hello(1, 1))
})

test('decodeHello refuses fewer than 12 bytes and versions that are none with EPROTO', () => {
  const payload = encodeHello(OUR_HELLO)
  for (const length of [1, 11])
    assert.throws(() => decodeHello(payload.slice(0, length)), { code: 'EPROTO' })
  for (const [lowest, highest] of [
    [0, 1],
    [2, 1],
  ] as const)
    assert.throws(() => decodeHello(encodeHello(hello(lowest, highest))), {
      code: 'EPROTO',
      message: new RegExp(`versions ${lowest} to ${highest}`),
    })
})

test('agree takes the highest version that both speak, from either side', () => {
  const ranges = [1, 2, 3, 4].flatMap((low) =>
    [1, 2, 3, 4].filter((high) => high >= low).map((high) => hello(low, high)),
  )
  for (const ours of ranges)
    for (const theirs of ranges) {
      const common = [4, 3, 2, 1].find(
        (v) => v >= ours.lowest && v <= ours.highest && v >= theirs.lowest && v <= theirs.highest,
      )
      if (common === undefined) assert.throws(() => agree(ours, theirs), { code: 'EPROTO' })
      else assert.equal(agree(ours, theirs).version, common)
    }
})

test('agree names the versions of both sides in one line where they do not overlap', () => {
  assert.throws(() => agree(hello(1, 2), hello(3, 3)), {
    message:
      'EPROTO: The peer speaks version 3, this side versions 1 to 2: use packages that overlap',
  })
})

test('agree keeps the features that both sides offer', () => {
  const { features } = agree(
    hello(1, 1, { offered: 0x80000005 }),
    hello(1, 1, { offered: 0x80000006 }),
  )
  assert.equal(features, 0x80000004)
})

test('agree refuses a required feature that the other side lacks, in one line with its bits', () => {
  const needs = hello(1, 1, { offered: 7, required: 5 })
  const has = hello(1, 1, { offered: 1 })
  assert.throws(() => agree(has, needs), {
    code: 'EPROTO',
    message: /The peer needs features 0x4 that this side does not have/,
  })
  assert.throws(() => agree(needs, has), {
    code: 'EPROTO',
    message: /This side needs features 0x4 that the peer does not have/,
  })
  assert.equal(agree(needs, hello(1, 1, { offered: 5 })).features, 5)
})

test('This package speaks its own newest version, and the first', () => {
  assert.equal(agree(OUR_HELLO, OUR_HELLO).version, PROTOCOL_VERSION)
  assert.equal(agree(OUR_HELLO, decodeHello(new Uint8Array(0))).version, 1)
})

test('isTaken takes user messages of every version, and the others from version 2 on', () => {
  const { user, queueJoin, memberPage, domain } = MessageType
  for (const version of [1, 2, 3])
    assert.equal(isTaken(user, { version, features: Feature.ignoreUnknown }), true)
  for (const type of [queueJoin, memberPage, domain]) {
    assert.equal(isTaken(type, { version: 2, features: 0 }), true)
    assert.throws(() => isTaken(type, { version: 1, features: Feature.ignoreUnknown }), {
      code: 'EPROTO',
      message: new RegExp(`speaks version 1, messages of type ${type} need version 2`),
    })
  }
})

test('isTaken drops unknown types only where both sides said that they may be', () => {
  assert.equal(isTaken(200, { version: 2, features: Feature.ignoreUnknown }), false)
  assert.throws(() => isTaken(200, { version: 2, features: 0 }), { message: /type 200/ })
  assert.throws(() => isTaken(200, undefined), { message: /type 200/ })
})
