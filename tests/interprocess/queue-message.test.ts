// Goal: joining is understood on both sides, and nonsense is refused before it is used.
// Method: round trips, both sides of each limit, random payloads.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DmaBufError } from '#src/core/errors.js'
import {
  decodeJoin,
  decodeWelcome,
  encodeJoin,
  encodeWelcome,
  type JoinMessage,
  type WelcomeMessage,
} from '#src/interprocess/queue-message.js'

const LAST = Number.MAX_SAFE_INTEGER
const welcome: WelcomeMessage = { consumerId: 3, bufferCount: 4, lengthBytes: 4096, firstTicket: 9 }

const joins = (join: JoinMessage) => decodeJoin(encodeJoin(join))
const welcomes = (more: Partial<WelcomeMessage>) =>
  decodeWelcome(encodeWelcome({ ...welcome, ...more }))

test('A join arrives as it was sent', () => {
  for (const mode of ['fifo', 'latest'] as const)
    for (const maxHeld of [1, 2, 62]) assert.deepEqual(joins({ mode, maxHeld }), { mode, maxHeld })
})

test('decodeJoin refuses to hold 0 or more than 62 frames with EPROTO', () => {
  for (const maxHeld of [0, 63, 64, 2 ** 32 - 1])
    assert.throws(() => joins({ mode: 'fifo', maxHeld }), { code: 'EPROTO', operation: 'join' })
})

test('decodeJoin knows the modes 0 and 1', () => {
  const payload = encodeJoin({ mode: 'latest', maxHeld: 1 })
  for (const [mode, expected] of [
    [0, 'fifo'],
    [1, 'latest'],
  ] as const) {
    payload[0] = mode
    assert.equal(decodeJoin(payload).mode, expected)
  }
  payload[0] = 2
  assert.throws(() => decodeJoin(payload), { code: 'EPROTO' })
})

test('A welcome arrives as it was sent', () => {
  const limits = [
    {},
    { bufferCount: 2, lengthBytes: 1, firstTicket: 1, consumerId: 0 },
    { bufferCount: 64, lengthBytes: LAST, firstTicket: LAST, consumerId: 2 ** 32 - 1 },
  ]
  for (const more of limits) assert.deepEqual(welcomes(more), { ...welcome, ...more })
})

test('decodeWelcome refuses what is no queue with EPROTO', () => {
  const wrong: Partial<WelcomeMessage>[] = [
    ...[0, 1, 65, 2 ** 32 - 1].map((bufferCount) => ({ bufferCount })),
    ...[0, -1, 0.5, NaN, Infinity, LAST + 1].flatMap((value) => [
      { lengthBytes: value },
      { firstTicket: value },
    ]),
  ]
  for (const more of wrong)
    assert.throws(() => welcomes(more), { code: 'EPROTO' }, JSON.stringify(more))
})

test('Payloads of another length are refused with EPROTO', () => {
  for (const decode of [decodeJoin, decodeWelcome])
    for (const length of [0, 7, 9, 31, 33])
      assert.throws(() => decode(new Uint8Array(length)), { code: 'EPROTO' })
})

test('A payload may be a part of a buffer', () => {
  const bytes = new Uint8Array(40)
  bytes.set(encodeWelcome(welcome), 3)
  assert.deepEqual(decodeWelcome(bytes.subarray(3, 35)), welcome)
})

test('Random payloads are a join or a welcome within their limits, or EPROTO', () => {
  const small = (length: number) =>
    fc.array(fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(255)), {
      minLength: length,
      maxLength: length,
    })
  const attempt = <T>(decode: () => T): T | undefined => {
    try {
      return decode()
    } catch (error) {
      assert.ok(DmaBufError.is(error, 'EPROTO'), String(error))
      return undefined
    }
  }
  fc.assert(
    fc.property(small(8), small(32), (join, hello) => {
      const joined = attempt(() => decodeJoin(Uint8Array.from(join)))
      if (joined) assert.ok(joined.maxHeld >= 1 && joined.maxHeld <= 62)
      const queue = attempt(() => decodeWelcome(Uint8Array.from(hello)))
      if (queue) assert.ok(queue.bufferCount >= 2 && queue.bufferCount <= 64)
      if (queue) assert.ok(queue.lengthBytes >= 1 && queue.firstTicket >= 1)
    }),
  )
})
