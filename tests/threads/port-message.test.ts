// Goal: what anybody who has a port posts to its channel is a message of it, or refused as none.
// Method: every kind of message, then each of its fields in turn out of range or gone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodePortMessage } from '#src/threads/port-message.js'

const ENTRY = { slot: 63, serial: 1, lengthBytes: 4, memory: 0 }
const WELCOME = { to: 'consumer', type: 'welcome', consumerIndex: 0, slotCount: 2, firstTicket: 1 }

const FOR_CONSUMERS = [
  { ...WELCOME, entries: [ENTRY, { slot: 0, serial: 0, lengthBytes: 0, memory: -1 }] },
  { to: 'consumer', type: 'buffers', entries: [] },
  { to: 'consumer', type: 'goodbye', errno: 5, reason: '' },
  { to: undefined, type: 'gone' },
]

test('decodePortMessage gives back what is for this side', () => {
  for (const message of FOR_CONSUMERS)
    assert.deepEqual(decodePortMessage(message, 'consumer'), message)
  const join = { to: 'producer', type: 'join', mode: 'latest', maxHeld: 62 }
  assert.deepEqual(decodePortMessage(join, 'producer'), join)
})

test('decodePortMessage leaves out what is for the other side, whatever it is', () => {
  for (const message of FOR_CONSUMERS.slice(0, 3))
    assert.equal(decodePortMessage(message, 'producer'), undefined)
  assert.equal(decodePortMessage({ to: 'producer' }, 'consumer'), undefined)
})

const NONE: readonly unknown[] = [
  undefined,
  null,
  7,
  'join',
  [],
  {},
  { to: 'consumer', type: 'constructor' },
  { to: 'consumer', type: 'join', mode: 'fifo', maxHeld: 1 },
  { to: 'nobody', type: 'gone' },
  { to: 'consumer', type: 'goodbye', errno: -1, reason: '' },
  { to: 'consumer', type: 'goodbye', errno: 0 },
  { ...WELCOME, entries: [], slotCount: 65 },
  { ...WELCOME, entries: [], slotCount: 1 },
  { ...WELCOME, entries: [], consumerIndex: 1024 },
  { ...WELCOME, entries: [], firstTicket: 0.5 },
  { ...WELCOME, entries: {} },
  { to: 'consumer', type: 'buffers', entries: [null] },
  { to: 'consumer', type: 'buffers', entries: Array.from({ length: 65 }, () => ENTRY) },
  ...[
    { slot: 64 },
    { slot: -1 },
    { serial: 'x' },
    { lengthBytes: 0 },
    { memory: -1 },
    { memory: -2 },
  ].map((wrong) => ({ to: 'consumer', type: 'buffers', entries: [{ ...ENTRY, ...wrong }] })),
]

test('decodePortMessage refuses what is no message with EPROTO', () => {
  for (const message of NONE)
    assert.throws(() => decodePortMessage(message, 'consumer'), { code: 'EPROTO' })
  for (const join of [
    { mode: 'all', maxHeld: 1 },
    { mode: 'fifo', maxHeld: 0 },
    { mode: 'fifo', maxHeld: 63 },
  ])
    assert.throws(() => decodePortMessage({ to: 'producer', type: 'join', ...join }, 'producer'), {
      code: 'EPROTO',
    })
})
