// Goal: a producer sees of each consumer what it must keep for it, whatever that consumer writes.
// Method: a queue over shared words in one thread; consumers that are told to leave at some moment.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConsumerView } from '#src/interprocess/consumer-view.js'
import * as page from '#src/interprocess/queue-page.js'
import type { Words } from '#src/interprocess/words.js'
import { wordsOf } from '../helpers/hooked-words.js'
import { QueueRig } from '../helpers/queue-rig.js'

const CONSUMER_WORDS = page.CONSUMER_PAGE_BYTES / 4

test('ConsumerView refuses a page of another kind, version or size with EPROTO', () => {
  const { own } = new QueueRig(2).join('fifo')
  const view = (words: Words) =>
    new ConsumerView(words, { index: 0, mode: 'fifo', maxHeld: 1, firstTicket: 1 })
  const refused = { code: 'EPROTO', operation: 'join' }
  assert.equal(view(own).held, 0)
  assert.throws(() => view(wordsOf(CONSUMER_WORDS)), refused)
  const short = wordsOf(CONSUMER_WORDS - 1)
  short.store(0, own.load(0))
  short.store(1, own.load(1))
  assert.throws(() => view(short), refused)
  own.store(1, page.QUEUE_VERSION + 1)
  assert.throws(() => view(own), refused)
})

test('ConsumerView.cursor starts at the first ticket and never goes back', () => {
  const rig = new QueueRig(3)
  rig.publish()
  const { own, view } = rig.join('fifo')
  assert.equal(view.cursor(), 2)
  assert.equal(view.keptFrom(), 2)
  own.store(page.CONSUMER_CURSOR, 9)
  own.store(page.CONSUMER_CURSOR, 4)
  assert.equal(view.cursor(), 4)
  own.store(page.CONSUMER_CURSOR, 1)
  assert.equal(view.cursor(), 4)
  rig.producer.evict(view)
  assert.equal(view.keptFrom(), Infinity)
})

test("keptFrom of a 'latest' consumer keeps nothing", () => {
  assert.equal(new QueueRig(3).join('latest').view.keptFrom(), Infinity)
})

test('busy is what is claimed and what is given back but still used', () => {
  const { own, view } = new QueueRig(40).join('latest')
  own.store(page.CONSUMER_CLAIMS, 0b0101)
  own.store(page.CONSUMER_RELEASING, 0b0110)
  own.store(page.CONSUMER_RELEASING + 1, 1)
  assert.deepEqual([view.busy(0), view.busy(1)], [0b0111, 1])
  assert.deepEqual([view.held, view.releasingCount, view.parked], [2, 3, 0])
})

test('Whoever was told to leave keeps what it had then, less what it has given back, and nothing new', () => {
  const { own, view } = new QueueRig(8).join('fifo', 3)
  own.store(page.CONSUMER_CLAIMS, 0b0011)
  own.store(page.CONSUMER_RELEASING, 0b0100)
  view.evict()
  own.store(page.CONSUMER_CLAIMS, 0b1001)
  assert.equal(view.busy(0), 0b0101)
  assert.equal(view.parked, 2)
  own.store(page.CONSUMER_CLAIMS, 0b1111)
  own.store(page.CONSUMER_RELEASING, 0)
  assert.equal(view.busy(0), 0b0101, 'Slot 1 was given back: claiming it again does not count')
  own.store(page.CONSUMER_CLAIMS, 0)
  assert.equal(view.parked, 0)
})

test('Being told to leave twice changes nothing', () => {
  const { own, view } = new QueueRig(8).join('fifo', 3)
  view.evict()
  own.store(page.CONSUMER_CLAIMS, 1)
  view.evict()
  assert.equal(view.busy(0), 0)
})
