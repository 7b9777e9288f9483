// Goal: a buffer is handed out only when nobody can see it, and strangers cannot confuse the producer.
// Method: both ends over shared words in one thread; consumers run between any two accesses of the producer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { layOutFormat } from '#src/core/frame/format.js'
import {
  readBufferSerial,
  readFacts,
  readFormat,
  readFormatSerial,
} from '#src/interprocess/frame-descriptor.js'
import * as page from '#src/interprocess/queue-page.js'
import { QueueProducer } from '#src/interprocess/queue-producer.js'
import { CounterReader } from '#src/interprocess/shared-counter.js'
import type { Words } from '#src/interprocess/words.js'
import { HookedWords, Interruption, wordsOf } from '../helpers/hooked-words.js'
import { BUFFER_BYTES, QueueRig } from '../helpers/queue-rig.js'

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

test('A new producer has a page with magic, version and slot count, and nothing published', () => {
  const { page: words, producer } = new QueueRig(5)
  assert.deepEqual(
    [words.load(0), words.load(1), words.load(page.QUEUE_SLOT_COUNT)],
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
  const facts = { lengthBytes: 16, timestampNs: 123, publishedNs: 2 ** 41 + 1, damage }
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

test('buffersNeeded is the sum of the caps and two more, without those who were told to leave', () => {
  const rig = new QueueRig(16)
  assert.equal(rig.producer.buffersNeeded, 2)
  rig.join('fifo', 3)
  const { view } = rig.join('latest', 2)
  assert.equal(rig.producer.buffersNeeded, 7)
  rig.producer.evict(view)
  assert.equal(rig.producer.buffersNeeded, 5)
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
  assert.equal(rig.page.load(page.QUEUE_EVICTED), 1 << view.index)
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
    { consumer: fifo.view, held: 0, releasing: 0, unread: 3 },
    { consumer: latest.view, held: 2, releasing: 0, unread: 0 },
  ])
  rig.producer.evict(fifo.view)
  assert.deepEqual(rig.producer.blockers(), [
    { consumer: latest.view, held: 2, releasing: 0, unread: 0 },
  ])
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
        assert.ok(worst === undefined || worst.held + worst.releasing + worst.unread <= 128 + count)
        const ticket = rig.publish()
        if (ticket === undefined) continue
        const frame = honest.consumer.acquire()!
        assert.equal(frame.facts.ticket, next++)
        honest.consumer.release(frame.bufferIndex)
      }
    }),
  )
})

test('A slot without a buffer is never taken, and one that gets another is taken with its new serial', () => {
  const rig = new QueueRig(4)
  for (const slot of takeAll(rig.producer)) {
    if (slot === 2) rig.producer.strip(slot)
    else rig.producer.cancel(slot)
  }
  assert.deepEqual([rig.producer.bufferCount, rig.producer.emptySlot()], [3, 2])
  assert.deepEqual(takeAll(rig.producer).sort(), [0, 1, 3])
  assert.equal(rig.producer.equip(2), 2)
  assert.deepEqual([rig.producer.bufferCount, rig.producer.emptySlot()], [4, undefined])
  assert.equal(rig.producer.take(), 2)
  rig.publishBuffer(2)
  assert.equal(readBufferSerial(rig.page, page.descriptorAt(2)), 2)
})

test('The epoch of a producer is in its page', () => {
  const words = wordsOf(page.queuePageBytes(2) / 4)
  new QueueProducer(words, 2, 2 ** 40 + 5)
  assert.equal(new CounterReader(words, page.QUEUE_EPOCH).load(), 2 ** 40 + 5)
})

test('What a consumer gives back while something uses it is not taken before that is over', () => {
  const rig = new QueueRig(4)
  const { consumer, view } = rig.connect('fifo', 1)
  const seen: number[] = []
  for (let i = 0; i < 2; i++) {
    rig.publish()
    seen.push(consumer.acquire()!.bufferIndex)
    consumer.releaseLater(seen[i]!)
  }
  assert.deepEqual([view.held, view.releasingCount, consumer.held], [0, 2, 0])
  rig.publish()
  assert.deepEqual(
    takeAll(rig.producer).filter((slot) => seen.includes(slot)),
    [],
  )
  assert.equal(rig.producer.blockers()[0]?.releasing, 2)
  consumer.releaseDone(seen[0]!)
  assert.deepEqual(takeAll(rig.producer), [seen[0]])
})

test('A buffer that is given back later at any moment of take() is not handed out', () => {
  for (let at = 0; at < 12; at++) {
    const rig2: { release: () => void } = { release: () => {} }
    const given = new Interruption(at, () => {
      rig2.release()
    })
    const rig = new QueueRig(3, given.wrap)
    const { consumer } = rig.connect('fifo')
    rig.publish()
    const held = consumer.acquire()!.bufferIndex
    rig.publish()
    rig2.release = () => {
      consumer.releaseLater(held)
    }
    given.arm()
    assert.equal(takeAll(rig.producer).includes(held), false, `Given back before access ${at}`)
  }
})

test('A frame whose fence is pending is not taken, and its slot is free once it has signalled', () => {
  const rig = new QueueRig(3)
  const slot = rig.producer.take()!
  rig.publishBuffer(slot, {}, 1)
  rig.publish()
  assert.equal(rig.producer.pendingCount, 1)
  assert.equal(takeAll(rig.producer).includes(slot), false)
  rig.producer.settle(slot, 0)
  assert.equal(rig.producer.pendingCount, 0)
  assert.equal(rig.producer.take(), slot)
})

test('The newest frame that is ready is kept beside the newest, and counted on its own', () => {
  const rig = new QueueRig(3)
  const ready = rig.producer.take()!
  rig.publishBuffer(ready)
  const pending = rig.producer.take()!
  rig.publishBuffer(pending, {}, 1)
  assert.deepEqual([rig.page.load(page.QUEUE_PUBLISHED), rig.page.load(page.QUEUE_READY)], [2, 1])
  assert.equal(rig.producer.firstTicket('latest'), 1)
  assert.equal(takeAll(rig.producer).length, 1)
  rig.producer.settle(pending, -5)
  assert.equal(rig.page.load(page.QUEUE_READY), 2)
  assert.deepEqual(takeAll(rig.producer), [ready])
})

test('A fence that signals after that of a later frame moves nothing back', () => {
  const rig = new QueueRig(4)
  const [first, second] = [rig.producer.take()!, rig.producer.take()!]
  rig.publishBuffer(first, {}, 1)
  rig.publishBuffer(second, {}, 1)
  rig.producer.settle(second, 0)
  rig.producer.settle(first, 0)
  assert.equal(rig.page.load(page.QUEUE_READY), 2)
  assert.equal(takeAll(rig.producer).includes(second), false)
})
