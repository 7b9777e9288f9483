// Goal: a buffer is handed out only when nobody can see it, and strangers cannot confuse the producer.
// Method: both ends over shared words in one thread; consumers run between any two accesses of the producer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { layOutFormat } from '#src/core/frame/format.js'
import { readFacts, readFormat, readFormatSerial } from '#src/interprocess/frame-descriptor.js'
import * as page from '#src/interprocess/queue-page.js'
import { ConsumerView, type QueueProducer } from '#src/interprocess/queue-producer.js'
import type { Words } from '#src/interprocess/words.js'
import { HookedWords, Interruption, wordsOf } from '../helpers/hooked-words.js'
import { BUFFER_BYTES, QueueRig } from '../helpers/queue-rig.js'

const CONSUMER_WORDS = page.CONSUMER_PAGE_BYTES / 4

function takeAll(producer: QueueProducer): number[] {
  const taken: number[] = []
  for (let index = producer.take(); index !== undefined; index = producer.take()) {
    assert.ok(!taken.includes(index), `Taken twice: ${index}`)
    taken.push(index)
  }
  return taken
}

/** Claims as a consumer would write them. */
function claim(own: Words, bufferIndexes: readonly number[]): void {
  const claims = [0, 0]
  for (const index of bufferIndexes) claims[index >> 5]! |= 1 << (index & 31)
  claims.forEach((word, at) => own.store(page.CONSUMER_CLAIMS + at, word))
}

test('A new producer has a page with magic, version and buffer count, and nothing published', () => {
  const { page: words, producer } = new QueueRig(5)
  assert.deepEqual(
    [words.load(0), words.load(1), words.load(page.QUEUE_BUFFER_COUNT)],
    [page.QUEUE_MAGIC, page.QUEUE_VERSION, 5],
  )
  assert.equal(producer.published, 0)
  assert.equal(words.load(page.QUEUE_PUBLISHED), 0)
})

test('QueueProducer.take hands out each buffer once until it is given back', () => {
  const { producer } = new QueueRig(4)
  const taken = takeAll(producer)
  assert.deepEqual([...taken].sort(), [0, 1, 2, 3])
  assert.equal(producer.take(), undefined)
  producer.cancel(taken[2]!)
  assert.equal(producer.take(), taken[2])
})

test('QueueProducer.take prefers the buffer unused for longest', () => {
  const rig = new QueueRig(3)
  const used = Array.from({ length: 7 }, () => {
    const index = rig.producer.take()!
    rig.publishBuffer(index)
    return index
  })
  assert.deepEqual(used, [1, 2, 0, 1, 2, 0, 1])
})

test('QueueProducer.take never hands out the newest frame, though nobody looks at it', () => {
  const rig = new QueueRig(2)
  const first = rig.producer.take()!
  rig.publishBuffer(first)
  const second = rig.producer.take()
  assert.notEqual(second, first)
  assert.equal(rig.producer.take(), undefined)
  rig.publishBuffer(second!)
  assert.equal(rig.producer.take(), first)
})

test('QueueProducer.publish numbers frames from 1 and shows each in its ring', () => {
  const rig = new QueueRig(3)
  for (let ticket = 1; ticket <= page.RING_SIZE + 3; ticket++) {
    const index = rig.producer.take()!
    assert.equal(rig.publishBuffer(index), ticket)
    assert.equal(rig.producer.published, ticket)
    assert.equal(rig.page.load(page.QUEUE_PUBLISHED), ticket)
    assert.equal(rig.page.read(page.QUEUE_RING + (ticket % page.RING_SIZE)), index)
  }
})

test('QueueProducer.publish describes the frame before it counts it', () => {
  const layout = layOutFormat({ fourcc: 'AB24', width: 2, height: 2 }).format
  const damage = [{ x: 0, y: 0, width: 1, height: 1 }]
  const facts = { lengthBytes: 16, timestampNs: 123, damage }
  let seen: unknown = undefined
  const rig = new QueueRig(2, (words) => {
    return new HookedWords(words, ({ kind, index }) => {
      if (kind === 'store' && index === page.QUEUE_PUBLISHED)
        seen = readFacts(words, page.descriptorAt(1), BUFFER_BYTES)
    })
  })
  assert.equal(rig.producer.take(), 1)
  rig.producer.publish(1, facts, { serial: 7, layout })
  assert.deepEqual(seen, { ...facts, ticket: 1 })
  const base = page.descriptorAt(1)
  assert.deepEqual(readFormat(rig.page, base, BUFFER_BYTES), { ...layout, modifier: 0n })
  assert.equal(readFormatSerial(rig.page, base), 7)
})

test('QueueProducer.publish writes the format of a buffer only when its serial changes', () => {
  const FORMAT_SERIAL = page.descriptorAt(1) + 2
  let writes = 0
  const rig = new QueueRig(3, (words) => {
    return new HookedWords(words, ({ kind, index }) => {
      if (kind === 'write' && index === FORMAT_SERIAL) writes++
    })
  })
  const facts = { lengthBytes: 1, timestampNs: 1, damage: [] }
  const counts = [1, 1, 2, 2, 1].map((serial) => {
    while (rig.producer.take() !== 1);
    rig.producer.publish(1, facts, { serial, layout: undefined })
    for (const other of [2, 0]) rig.publishBuffer(other)
    return writes
  })
  assert.deepEqual(counts, [1, 1, 2, 2, 3])
})

test("The first ticket is the next frame, and for 'latest' the newest there is", () => {
  const rig = new QueueRig(3)
  assert.deepEqual([rig.producer.firstTicket('fifo'), rig.producer.firstTicket('latest')], [1, 1])
  rig.publish()
  rig.publish()
  assert.deepEqual([rig.producer.firstTicket('fifo'), rig.producer.firstTicket('latest')], [3, 2])
})

test('buffersNeeded is the sum of the caps and two more, the evicted counted', () => {
  const rig = new QueueRig(16)
  assert.equal(rig.producer.buffersNeeded, 2)
  rig.join('fifo', 3)
  const { view } = rig.join('latest', 2)
  assert.equal(rig.producer.buffersNeeded, 7)
  rig.producer.evict(view)
  assert.equal(rig.producer.buffersNeeded, 7)
  rig.producer.consumers.delete(view)
  assert.equal(rig.producer.buffersNeeded, 5)
})

test("What a 'fifo' consumer has not read is kept, and free once it is read and given back", () => {
  const rig = new QueueRig(4)
  const { consumer } = rig.connect('fifo')
  for (let i = 0; i < 4; i++) rig.publish()
  assert.equal(rig.producer.take(), undefined)
  const frame = consumer.acquire()!
  assert.equal(rig.producer.take(), undefined, 'It is claimed now')
  consumer.release(frame.bufferIndex)
  assert.equal(rig.producer.take(), frame.bufferIndex)
  assert.equal(rig.producer.take(), undefined)
})

test('The slowest of several consumers decides what is kept', () => {
  const rig = new QueueRig(5)
  const [fast, slow] = [rig.connect('fifo'), rig.connect('fifo')]
  const tickets = [1, 2, 3].map(() => rig.publish())
  assert.deepEqual(tickets, [1, 2, 3])
  for (let i = 0; i < 3; i++) fast.consumer.release(fast.consumer.acquire()!.bufferIndex)
  assert.equal(takeAll(rig.producer).length, 2)
  slow.consumer.release(slow.consumer.acquire()!.bufferIndex)
  assert.equal(takeAll(rig.producer).length, 1)
})

test("A 'latest' consumer keeps what it holds, not what it has not read", () => {
  const rig = new QueueRig(4)
  const { consumer } = rig.connect('latest')
  rig.publish()
  const held = consumer.acquire()!.bufferIndex
  for (let i = 0; i < 20; i++) assert.notEqual(rig.publish(), undefined)
  assert.equal(takeAll(rig.producer).includes(held), false)
  consumer.release(held)
  assert.equal(rig.producer.take(), held)
})

test('An evicted consumer keeps what it claims until it is gone, and nothing else', () => {
  const rig = new QueueRig(4)
  const { consumer, view } = rig.connect('fifo')
  for (let i = 0; i < 4; i++) rig.publish()
  const held = consumer.acquire()!.bufferIndex
  rig.producer.evict(view)
  assert.equal(rig.page.load(page.QUEUE_EVICTIONS), 1)
  assert.deepEqual(takeAll(rig.producer).length, 2)
  rig.producer.consumers.delete(view)
  assert.deepEqual(takeAll(rig.producer), [held])
})

test('Claims of buffers 32 to 63 count as those of 0 to 31 do', () => {
  const rig = new QueueRig(page.MAX_BUFFERS)
  const { own, view } = rig.join('latest', 62)
  for (const claimed of [[0], [31], [32], [63], [0, 31, 32, 63]]) {
    claim(own, claimed)
    assert.equal(view.held, claimed.length)
    const taken = takeAll(rig.producer)
    assert.equal(taken.length, page.MAX_BUFFERS - claimed.length)
    assert.ok(!taken.some((index) => claimed.includes(index)))
    for (const index of taken) rig.producer.cancel(index)
  }
})

test('blockers names who keeps buffers, the one with most first', () => {
  const rig = new QueueRig(8)
  const [idle, latest, fifo] = [rig.join('latest'), rig.join('latest', 2), rig.join('fifo')]
  assert.deepEqual(rig.producer.blockers(), [])
  claim(latest.own, [0, 1])
  for (let i = 0; i < 3; i++) rig.publish()
  assert.deepEqual(rig.producer.blockers(), [
    { consumer: fifo.view, held: 0, unread: 3 },
    { consumer: latest.view, held: 2, unread: 0 },
  ])
  rig.producer.evict(fifo.view)
  assert.deepEqual(rig.producer.blockers(), [{ consumer: latest.view, held: 2, unread: 0 }])
  assert.equal(idle.view.held, 0)
})

test('offender is who claims more than its cap', () => {
  const rig = new QueueRig(40)
  rig.join('fifo')
  const { own, view } = rig.join('latest', 2)
  claim(own, [3, 35])
  assert.equal(rig.producer.offender(), undefined)
  claim(own, [3, 34, 35])
  assert.deepEqual(rig.producer.offender(), {
    consumer: view,
    reason: 'claims 3 buffers, its cap is 2',
  })
})

test('offender is who has read the future', () => {
  const rig = new QueueRig(4)
  const { own, view } = rig.join('fifo')
  rig.publish()
  own.store(page.CONSUMER_CURSOR, 2)
  assert.equal(rig.producer.offender(), undefined)
  own.store(page.CONSUMER_CURSOR, 3)
  assert.equal(rig.producer.offender()?.consumer, view)
})

test('A consumer that changes buffers while it is counted is not counted twice', () => {
  for (const [from, to] of [
    [3, 35],
    [35, 3],
  ] as const)
    for (let at = 0; at < 8; at++) {
      const change = new Interruption(at, () => {
        claim(own, [])
        claim(own, [to])
      })
      const rig = new QueueRig(40, change.wrap)
      const { own } = rig.join('latest', 1)
      claim(own, [from])
      change.arm()
      assert.equal(rig.producer.offender(), undefined, `Changed before access ${at}`)
    }
})

test('A buffer that a consumer takes in the middle of take() is not handed out', () => {
  for (const mode of ['fifo', 'latest'] as const)
    for (let at = 0; at < 12; at++) {
      let held: number | undefined = undefined
      const acquire = new Interruption(at, () => (held = consumer.acquire()?.bufferIndex))
      const rig = new QueueRig(3, acquire.wrap)
      const { consumer } = rig.connect(mode)
      const first = rig.producer.take()!
      rig.publishBuffer(first)
      rig.publish()
      acquire.arm()
      const taken = takeAll(rig.producer)
      assert.equal(taken.includes(held!), false, `${mode}, taken before access ${at}`)
    }
})

test('ConsumerView refuses a page of another kind, version or size with EPROTO', () => {
  const { own } = new QueueRig(2).join('fifo')
  const view = (words: Words) => new ConsumerView(words, 'fifo', 1, 1)
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

test('Whatever a consumer writes into its page, the producer goes on', () => {
  const word = fc.oneof(
    fc.constantFrom(0, 1, -1),
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  )
  const bufferCount = fc.constantFrom(3, 32, 33, 64)
  const hostile = fc.array(fc.tuple(fc.nat(20), word), { maxLength: 30 })
  fc.assert(
    fc.property(bufferCount, fc.constantFrom('fifo', 'latest'), hostile, (count, mode, writes) => {
      const rig = new QueueRig(count)
      const { own, view } = rig.join(mode)
      const honest = rig.connect('fifo')
      let next = 1
      for (const [index, value] of writes) {
        own.store(index, value)
        view.bell.take()
        const offender = rig.producer.offender()
        assert.ok(offender === undefined || offender.consumer === view)
        const [worst] = rig.producer.blockers()
        assert.ok(worst === undefined || worst.held + worst.unread <= 64 + count)
        const ticket = rig.publish()
        if (ticket === undefined) continue
        const frame = honest.consumer.acquire()!
        assert.equal(frame.facts.ticket, next++)
        honest.consumer.release(frame.bufferIndex)
      }
    }),
  )
})
