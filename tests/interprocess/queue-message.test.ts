// Goal: joining is understood on both sides, and nonsense is refused before it is used.
// Method: round trips, both sides of each limit, random payloads.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DmaBufError } from '#src/core/errors.js'
import {
  decodeBuffers,
  decodeJoin,
  decodeWelcome,
  encodeBuffers,
  encodeJoin,
  encodeWelcome,
  type BufferEntry,
  type JoinMessage,
  type WelcomeMessage,
} from '#src/interprocess/queue-message.js'

const LAST = Number.MAX_SAFE_INTEGER
const welcome: WelcomeMessage = {
  consumerIndex: 3,
  slotCount: 4,
  firstTicket: 9,
  buffers: [
    { slot: 2, serial: 1, lengthBytes: 4096 },
    { slot: 0, serial: 7, lengthBytes: 1 },
  ],
}

const first = (more: Partial<BufferEntry>) => [
  { ...welcome.buffers[0]!, ...more },
  welcome.buffers[1]!,
]

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
    { firstTicket: 1, consumerIndex: 0, slotCount: 3 },
    { slotCount: 64, firstTicket: LAST, consumerIndex: 1023 },
    { slotCount: 64, buffers: first({ slot: 63, serial: 2 ** 32 - 1, lengthBytes: 2 ** 31 - 1 }) },
  ]
  for (const more of limits) assert.deepEqual(welcomes(more), { ...welcome, ...more })
})

test('decodeWelcome refuses what is no queue with EPROTO', () => {
  const wrong: Partial<WelcomeMessage>[] = [
    ...[0, 1, 2, 65, 2 ** 32 - 1].map((slotCount) => ({ slotCount })),
    ...[1024, 2 ** 32 - 1].map((consumerIndex) => ({ consumerIndex })),
    ...[0, -1, 0.5, NaN, Infinity, LAST + 1].map((value) => ({ firstTicket: value })),
    ...[0, -1, 0.5, NaN, Infinity, 2 ** 31].map((value) => ({
      buffers: first({ lengthBytes: value }),
    })),
    ...[0, 4].map((slot) => ({ buffers: first({ slot }) })),
    { buffers: first({ serial: 0 }) },
    { buffers: welcome.buffers.slice(1) },
  ]
  for (const more of wrong)
    assert.throws(() => welcomes(more), { code: 'EPROTO' }, JSON.stringify(more))
})

test('Other buffers arrive as they were sent, those that are gone included', () => {
  const buffers = [...welcome.buffers, { slot: 3, serial: 2, lengthBytes: 0 }]
  assert.deepEqual(decodeBuffers(encodeBuffers(buffers), 4), buffers)
  assert.deepEqual(decodeBuffers(new Uint8Array(0), 4), [])
})

test('decodeBuffers refuses more entries than slots, and a slot twice', () => {
  const twice = [welcome.buffers[0]!, welcome.buffers[0]!]
  assert.throws(() => decodeBuffers(encodeBuffers(twice), 4), { code: 'EPROTO' })
  for (const length of [1, 15, 17, 3 * 16])
    assert.throws(() => decodeBuffers(new Uint8Array(length), 2), { code: 'EPROTO' })
})

test('Payloads of another length are refused with EPROTO', () => {
  for (const [decode, lengths] of [
    [decodeJoin, [0, 7, 9, 31, 33]],
    [decodeWelcome, [0, 23, 24, 25, 40]],
  ] as const)
    for (const length of lengths)
      assert.throws(() => decode(new Uint8Array(length)), { code: 'EPROTO' })
})

test('A payload may be a part of a buffer', () => {
  const bytes = new Uint8Array(80)
  bytes.set(encodeWelcome(welcome), 3)
  assert.deepEqual(decodeWelcome(bytes.subarray(3, 3 + 24 + 2 * 16)), welcome)
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
    fc.property(small(8), small(24 + 3 * 16), (join, hello) => {
      const joined = attempt(() => decodeJoin(Uint8Array.from(join)))
      if (joined) assert.ok(joined.maxHeld >= 1 && joined.maxHeld <= 62)
      const queue = attempt(() => decodeWelcome(Uint8Array.from(hello)))
      if (queue) assert.ok(queue.slotCount >= 2 && queue.slotCount <= 64)
      for (const { slot, lengthBytes } of queue?.buffers ?? [])
        assert.ok(slot < queue!.slotCount && lengthBytes >= 1)
    }),
  )
})
