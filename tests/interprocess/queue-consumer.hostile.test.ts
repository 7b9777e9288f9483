// Goal: whatever a producer writes, and whenever, a consumer gets checked frames or EPROTO, soon.
// Method: pages of random words, whole or changing at every access; accesses are counted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DmaBufError } from '#src/core/errors.js'
import type { ClaimedFrame, QueueConsumer, QueueMode } from '#src/interprocess/queue-consumer.js'
import * as page from '#src/interprocess/queue-page.js'
import type { Words } from '#src/interprocess/words.js'
import { HookedWords } from '../helpers/hooked-words.js'
import { BUFFER_BYTES, QueueRig } from '../helpers/queue-rig.js'
import { Random } from '../helpers/random.js'

const HEADER_WORDS = 3
const MOST_ACCESSES = 10_000
const SPECIAL = [0, 1, 2, -1, 2 ** 31 - 1, -(2 ** 31), BUFFER_BYTES, 0x34324241, 2 ** 20]

interface Attack {
  readonly seed: number
  readonly mode: QueueMode
  readonly bufferCount: number
  /** How likely a word changes at an access of the consumer. */
  readonly unrest: number
}

const attack: fc.Arbitrary<Attack> = fc.record({
  seed: fc.integer(),
  mode: fc.constantFrom('fifo', 'latest'),
  bufferCount: fc.constantFrom(2, 3, 32, 33, 64),
  unrest: fc.constantFrom(0, 0.2, 1),
})

function word(random: Random, bufferCount: number): number {
  if (random.chance(0.3)) return random.pick(SPECIAL)
  if (random.chance(0.6)) return random.below(bufferCount + 1)
  return Math.floor(random.next() * 2 ** 32) | 0
}

function checkFrame(frame: ClaimedFrame, bufferCount: number): void {
  const { bufferIndex, facts, format, missed } = frame
  assert.ok(bufferIndex >= 0 && bufferIndex < bufferCount)
  assert.ok(facts.lengthBytes >= 0 && facts.lengthBytes <= BUFFER_BYTES)
  assert.ok(Number.isSafeInteger(facts.ticket) && facts.ticket >= 1)
  assert.ok(missed >= 0 && facts.damage.length <= 8)
  if (format === undefined) return
  assert.match(format.fourcc, /^[\x20-\x7e]{4}$/)
  assert.ok(format.width >= 1 && format.width <= 16384)
  assert.ok(format.height >= 1 && format.height <= 16384)
  for (const { offsetBytes, strideBytes, rowCount } of format.planes)
    assert.ok(offsetBytes + strideBytes * rowCount <= BUFFER_BYTES)
}

/** The frame, or undefined where there is none or nonsense: anything else fails the test. */
function attempt(consumer: QueueConsumer, bufferCount: number): ClaimedFrame | undefined {
  try {
    const frame = consumer.acquire()
    if (frame !== undefined) checkFrame(frame, bufferCount)
    return frame
  } catch (error) {
    // A producer may tell whoever it likes to leave.
    const isExpected = DmaBufError.is(error, 'EPROTO') || DmaBufError.is(error, 'EPIPE')
    assert.ok(isExpected, String(error))
    return undefined
  }
}

/** Makes random words look like a frame, so that the checks behind the first ones are reached. */
function plausible(words: Words, random: Random, bufferCount: number): void {
  const ticket = 1 + random.below(200)
  const index = random.below(bufferCount)
  const base = page.descriptorAt(index)
  for (const counter of [page.QUEUE_PUBLISHED, page.QUEUE_READY]) {
    words.store(counter, ticket)
    words.store(counter + 1, 0)
  }
  for (let at = 0; at < page.MAX_CONSUMERS / 32; at++) words.store(page.QUEUE_EVICTED + at, 0)
  words.store(base + 60, random.pick([0, 0, 1, -5, 7]))
  for (let at = 0; at < page.RING_SIZE; at++) words.write(page.QUEUE_RING + at, index)
  words.write(base, ticket)
  words.write(base + 1, 0)
  words.write(base + 22, random.below(BUFFER_BYTES + 2))
  words.write(base + 26, random.below(10))
  words.write(base + 3, random.pick([0, 0x34324241, 1]))
  words.write(base + 8, random.below(6))
  words.write(base + 9, random.below(8))
  for (let at = 10; at < 22; at++)
    words.write(base + at, random.pick([0, 1, 16, 64, 4096, -1, 2 ** 31 - 1]))
  words.write(base + 6, random.pick([1, 16384, 16385, 0]))
  words.write(base + 7, 1 + random.below(4))
}

test('Random queue pages give checked frames or EPROTO, and nothing else', () => {
  let frames = 0
  let rounds = 0
  fc.assert(
    fc.property(attack, ({ seed, mode, bufferCount, unrest }) => {
      const random = new Random(seed)
      const rig = new QueueRig(bufferCount)
      let accesses = -Infinity
      const consumer = rig.join(mode, 2).open({
        wrap: (words) =>
          new HookedWords(words, () => {
            assert.ok(++accesses < MOST_ACCESSES, 'Without end')
            if (!random.chance(unrest)) return
            const index = HEADER_WORDS + random.below(rig.page.length - HEADER_WORDS)
            rig.page.store(index, word(random, bufferCount))
          }),
      })
      for (let round = 0; round < 12; round++) {
        rounds++
        for (let i = HEADER_WORDS; i < rig.page.length; i++)
          if (random.chance(0.5)) rig.page.store(i, word(random, bufferCount))
        if (random.chance(0.8)) plausible(rig.page, random, bufferCount)
        accesses = 0
        const frame = attempt(consumer, bufferCount)
        assert.ok(consumer.held <= 2)
        if (frame === undefined) continue
        frames++
        if (random.chance(0.9)) consumer.release(frame.bufferIndex)
      }
    }),
    { numRuns: 400 },
  )
  assert.ok(frames > rounds / 100, `Some got through: ${frames} of ${rounds}`)
})

test('A producer that counts at every look keeps a consumer for a bounded time', () => {
  const rig = new QueueRig(3)
  let accesses = 0
  let ticket = 1
  const consumer = rig.join('latest').open({
    wrap: (words) =>
      new HookedWords(words, () => {
        accesses++
        rig.page.store(page.QUEUE_READY, ++ticket)
      }),
  })
  accesses = 0
  assert.throws(() => consumer.acquire(), { code: 'EPROTO' })
  assert.ok(accesses < MOST_ACCESSES, `${accesses} accesses`)
})

test('The largest counter is a ticket as any other, and the last', () => {
  const rig = new QueueRig(2)
  const { consumer } = rig.connect('latest')
  const index = rig.producer.take()!
  rig.publishBuffer(index)
  const last = Number.MAX_SAFE_INTEGER
  for (const at of [page.QUEUE_PUBLISHED, page.QUEUE_READY, page.descriptorAt(index)]) {
    rig.page.store(at, -1)
    rig.page.store(at + 1, 2 ** 21 - 1)
  }
  rig.page.write(page.QUEUE_RING + (last % page.RING_SIZE), index)
  assert.equal(consumer.acquire()?.facts.ticket, last)
  consumer.release(index)
  assert.equal(consumer.acquire(), undefined)
  assert.equal(consumer.hasFrame, false)
})
