// Goal: a message arrives as it was sent, and garbage is refused in words.
// Method: round trips over random bytes, and bytes that are no message.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DmaBufError } from '#src/core/errors.js'
import {
  decodeMessage,
  encodeMessage,
  HEADER_BYTES,
  LINK_VERSION,
  MAX_MESSAGE_BYTES,
  MessageType,
} from '#src/interprocess/link-message.js'

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text))

test('decodeMessage gives back what encodeMessage was given', () => {
  const argument = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  fc.assert(
    fc.property(fc.nat(255), argument, fc.uint8Array(), (type, number, payload) => {
      const message = decodeMessage(encodeMessage(type, number, payload))
      assert.deepEqual(message, { type, argument: number, payload: new Uint8Array(payload) })
    }),
  )
})

test('A message is its header, little-endian, then the payload', () => {
  assert.deepEqual(
    [...encodeMessage(MessageType.user, -2, bytesOf('ab'))],
    [0x0f, 0xdb, LINK_VERSION, 3, 0xfe, 0xff, 0xff, 0xff, 97, 98],
  )
})

test('Message types differ', () => {
  const types = Object.values(MessageType)
  assert.equal(new Set(types).size, types.length)
})

test('encodeMessage takes up to 65528 bytes', () => {
  const most = MAX_MESSAGE_BYTES - HEADER_BYTES
  assert.equal(most, 65528)
  assert.equal(encodeMessage(3, 0, new Uint8Array(most)).length, MAX_MESSAGE_BYTES)
  assert.throws(() => encodeMessage(3, 0, new Uint8Array(most + 1)), RangeError)
})

test('decodeMessage reads a part of a buffer, and copies the payload', () => {
  const buffer = new Uint8Array(64)
  buffer.set(encodeMessage(3, 9, bytesOf('payload')), 5)
  const message = decodeMessage(buffer.subarray(5, 5 + HEADER_BYTES + 7))
  buffer.fill(0)
  assert.equal(Buffer.from(message.payload).toString(), 'payload')
  assert.equal(message.argument, 9)
})

test('decodeMessage refuses less than a header with EPROTO', () => {
  const message = encodeMessage(3, 0, new Uint8Array(0))
  assert.equal(decodeMessage(message).payload.length, 0)
  for (const length of [0, 1, HEADER_BYTES - 1])
    assert.throws(() => decodeMessage(message.slice(0, length)), { code: 'EPROTO' })
})

test('decodeMessage refuses another version with both numbers', () => {
  for (const version of [0, LINK_VERSION + 1, 255]) {
    const message = encodeMessage(3, 0, new Uint8Array(0))
    message[2] = version
    assert.throws(() => decodeMessage(message), {
      code: 'EPROTO',
      message: new RegExp(`version ${version}, this is version ${LINK_VERSION}`),
    })
  }
})

test('Random bytes are a message or EPROTO, nothing else', () => {
  const almost = fc.uint8Array({ maxLength: 40 }).map((bytes) => {
    const message = new Uint8Array([0x0f, 0xdb, ...bytes])
    return message
  })
  fc.assert(
    fc.property(fc.oneof(almost, fc.uint8Array({ maxLength: 40 })), (bytes) => {
      try {
        const { payload } = decodeMessage(new Uint8Array(bytes))
        assert.equal(payload.length, bytes.length - HEADER_BYTES)
      } catch (error) {
        assert.ok(DmaBufError.is(error, 'EPROTO'), String(error))
      }
    }),
  )
})
