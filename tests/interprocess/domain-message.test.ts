// Goal: messages of a domain arrive as they were sent, and what is none is refused.
// Method: all fields at their limits; payloads of other lengths.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  decodeDomain,
  DomainOp,
  encodeDomain,
  MAX_TEXT_BYTES,
} from '#src/interprocess/domain-message.js'
import { thrownCode } from '../helpers/error-code.js'

test('decodeDomain gives what encodeDomain was given, at the limits of every field', () => {
  const text = new Uint8Array(MAX_TEXT_BYTES).fill(65)
  const [index, generation, epoch, count, flags] = [1, 2, 3, 4, 2 ** 32 - 1]
  const fields = { index, generation, epoch, count, flags, length: 2 ** 53 - 1, text }
  const message = decodeDomain(encodeDomain(DomainOp.buffer, fields))
  assert.deepEqual(message, { op: DomainOp.buffer, ...fields })
})

test('encodeDomain leaves fields that are not given 0, and cuts a text that is too long', () => {
  const empty = decodeDomain(encodeDomain(DomainOp.welcome))
  const { text, ...numbers } = empty
  assert.deepEqual(numbers, {
    op: DomainOp.welcome,
    index: 0,
    generation: 0,
    epoch: 0,
    count: 0,
    flags: 0,
    length: 0,
  })
  assert.equal(text.length, 0)
  const long = new Uint8Array(MAX_TEXT_BYTES + 1)
  assert.equal(decodeDomain(encodeDomain(1, { text: long })).text.length, MAX_TEXT_BYTES)
})

test('decodeDomain refuses payloads that are too short or too long, and lengths that are none', () => {
  const whole = encodeDomain(DomainOp.open)
  assert.equal(
    thrownCode(() => decodeDomain(whole)),
    'none',
  )
  assert.equal(
    thrownCode(() => decodeDomain(whole.slice(1))),
    'EPROTO',
  )
  const long = new Uint8Array(whole.length + MAX_TEXT_BYTES + 1)
  assert.equal(
    thrownCode(() => decodeDomain(long)),
    'EPROTO',
  )
  assert.equal(
    thrownCode(() => decodeDomain(long.slice(1))),
    'none',
  )
  for (const length of [-1, 0.5, Number.NaN, Infinity, 2 ** 53])
    assert.equal(
      thrownCode(() => decodeDomain(encodeDomain(1, { length }))),
      'EPROTO',
    )
})
