// Goal: an offer arrives as it was sent, and garbage is refused.
// Method: round trips of random offers; payloads cut short or with lengths that lie.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  decodeFenceOffer,
  encodeFenceOffer,
  MAX_NAME_BYTES,
} from '#src/interprocess/fence-message.js'

const name = (length: number): Uint8Array => new Uint8Array(length).fill(65)

test('An offer survives its message, names up to 200 bytes', () => {
  const word = fc.integer({ min: 0, max: 2 ** 32 - 1 })
  const text = fc.uint8Array({ maxLength: MAX_NAME_BYTES })
  fc.assert(
    fc.property(word, word, text, text, (slot, generation, driverName, timelineName) => {
      const offer = { slot, generation, driverName, timelineName }
      assert.deepEqual(decodeFenceOffer(encodeFenceOffer(offer)), offer)
    }),
  )
})

test('Names are cut to 200 bytes, whoever sends more', () => {
  const offer = { slot: 1, generation: 2, driverName: name(201), timelineName: name(201) }
  const bytes = encodeFenceOffer(offer)
  assert.equal(bytes.length, 12 + 400)
  const longer = new Uint8Array(bytes.length + 9)
  longer.set(bytes)
  assert.equal(decodeFenceOffer(longer).timelineName.length, MAX_NAME_BYTES)
})

test('decodeFenceOffer refuses what is too short, and a name that is longer than the message', () => {
  const offer = { slot: 1, generation: 2, driverName: name(5), timelineName: name(0) }
  const bytes = encodeFenceOffer(offer)
  assert.equal(decodeFenceOffer(bytes).driverName.length, 5)
  for (let length = 0; length < bytes.length; length++)
    assert.throws(() => decodeFenceOffer(bytes.subarray(0, length)), { code: 'EPROTO' })
  const lying = new Uint8Array(600)
  new DataView(lying.buffer).setUint32(8, MAX_NAME_BYTES + 1, true)
  assert.throws(() => decodeFenceOffer(lying), { code: 'EPROTO' })
})
