// Goal: frames come in order or as the newest, and what is held stays as it is until it is given back.
// Method: both ends over shared words in one thread; the producer runs between any two accesses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { layOutFormat } from '#src/core/frame/format.js'
import { QueueConsumer, type ClaimedFrame } from '#src/interprocess/queue-consumer.js'
import * as page from '#src/interprocess/queue-page.js'
import type { Words } from '#src/interprocess/words.js'
import { HookedWords, Interruption, wordsOf } from '../helpers/hooked-words.js'
import { BUFFER_BYTES, QueueRig } from '../helpers/queue-rig.js'

const nonsense = { name: 'DmaBufError', code: 'EPROTO', operation: 'receive' }
const told = new DmaBufError('EPIPE', 'queue', 'Told to leave')

function ticketsOf(consumer: QueueConsumer): number[] {
  const tickets: number[] = []
  for (let frame = consumer.acquire(); frame !== undefined; frame = consumer.acquire()) {
    tickets.push(frame.facts.ticket)
    consumer.release(frame.bufferIndex)
  }
  return tickets
}

function claimsOf(own: Words): readonly number[] {
  return [own.load(page.CONSUMER_CLAIMS), own.load(page.CONSUMER_CLAIMS + 1)]
}

test("A 'fifo' consumer gets every frame once, in order", () => {
  const rig = new QueueRig(6)
  const { consumer } = rig.connect('fifo')
  const seen: number[] = []
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i <= round % 5; i++) rig.publish()
    seen.push(...ticketsOf(consumer))
  }
  assert.deepEqual(
    seen,
    seen.map((_, index) => index + 1),
  )
  assert.equal(seen.length, rig.producer.published)
  assert.ok(seen.length > page.RING_SIZE, 'Once around the ring and more')
})

test("A 'latest' consumer gets the newest frame, and hears how many it missed", () => {
  const rig = new QueueRig(4)
  const { consumer } = rig.connect('latest')
  const seen: (number | undefined)[] = []
  for (const count of [1, 3, 0, 1, 200]) {
    for (let i = 0; i < count; i++) rig.publish()
    const frame = consumer.acquire()
    seen.push(frame?.facts.ticket, frame?.missed)
    if (frame !== undefined) consumer.release(frame.bufferIndex)
  }
  assert.deepEqual(seen, [1, 0, 4, 2, undefined, undefined, 5, 0, 205, 199])
})

test("A 'fifo' consumer that joins late starts with the next frame, a 'latest' one with the newest", () => {
  const rig = new QueueRig(5)
  rig.publish()
  rig.publish()
  const [fifo, latest] = [rig.connect('fifo').consumer, rig.connect('latest').consumer]
  assert.deepEqual([fifo.hasFrame, latest.hasFrame], [false, true])
  const frame = latest.acquire()
  assert.deepEqual([frame?.facts.ticket, frame?.missed], [2, 0])
  assert.equal(fifo.acquire(), undefined)
  rig.publish()
  assert.equal(fifo.acquire()?.facts.ticket, 3)
})

test('hasFrame says whether acquire would find one', () => {
  const rig = new QueueRig(3)
  for (const mode of ['fifo', 'latest'] as const) {
    const { consumer } = rig.connect(mode)
    if (mode === 'fifo') assert.equal(consumer.hasFrame, false)
    rig.publish()
    assert.equal(consumer.hasFrame, true)
    consumer.release(consumer.acquire()!.bufferIndex)
    assert.equal(consumer.hasFrame, false)
    assert.equal(consumer.acquire(), undefined)
  }
})

test('A consumer holds up to maxHeld frames, and the next after a release', () => {
  for (const maxHeld of [1, 3]) {
    const rig = new QueueRig(8)
    const { consumer } = rig.connect('fifo', maxHeld)
    for (let i = 0; i < 5; i++) rig.publish()
    const frames = Array.from({ length: maxHeld }, () => consumer.acquire()!)
    assert.equal(consumer.held, maxHeld)
    assert.equal(consumer.acquire(), undefined)
    assert.equal(consumer.hasFrame, true)
    consumer.release(frames[0]!.bufferIndex)
    assert.equal(consumer.held, maxHeld - 1)
    assert.equal(consumer.acquire()?.facts.ticket, maxHeld + 1)
  }
})

test('A frame brings its facts and its format', () => {
  const rig = new QueueRig(3)
  const { consumer } = rig.connect('fifo')
  const layout = layOutFormat({ fourcc: 'NV12', width: 4, height: 2 }).format
  const damage = [{ x: 1, y: 0, width: 2, height: 1 }]
  const facts = { lengthBytes: 12, timestampNs: 2 ** 40 + 1, publishedNs: 2 ** 41 + 1, damage }
  const index = rig.producer.take()!
  rig.producer.publish(index, facts, { serial: 3, layout })
  assert.deepEqual(consumer.acquire(), {
    bufferIndex: index,
    facts: { ...facts, ticket: 1 },
    format: { ...layout, modifier: 0n },
    missed: 0,
    fenceStatus: 0,
  })
})

test('The format of a buffer is the same object until its serial changes', () => {
  const rig = new QueueRig(2)
  const { consumer } = rig.connect('fifo')
  const facts = { lengthBytes: 12, timestampNs: 1, damage: [] }
  const layouts = [1, 1, 1, 1, 2].map((serial) => {
    const layout = layOutFormat({ fourcc: 'R8  ', width: serial, height: 2 }).format
    const index = rig.producer.take()!
    rig.producer.publish(index, facts, { serial, layout })
    const frame = consumer.acquire()!
    consumer.release(frame.bufferIndex)
    return frame.format
  })
  assert.equal(layouts[2], layouts[0])
  assert.equal(layouts[3], layouts[1])
  assert.deepEqual(
    layouts.map((layout) => layout?.width),
    [1, 1, 1, 1, 2],
  )
})

test('Buffers 32 to 63 are claimed in the second word', () => {
  const rig = new QueueRig(page.MAX_BUFFERS)
  const { consumer, own, view } = rig.connect('fifo', 62)
  const frames: ClaimedFrame[] = []
  for (let i = 0; i < 62; i++) {
    rig.publish()
    frames.push(consumer.acquire()!)
    assert.equal(view.held, i + 1)
  }
  assert.equal(new Set(frames.map(({ bufferIndex }) => bufferIndex)).size, 62)
  assert.equal(consumer.acquire(), undefined)
  const indexes = frames.map(({ bufferIndex }) => bufferIndex)
  for (const edge of [31, 32, 62]) {
    consumer.release(indexes[indexes.indexOf(edge)]!)
    assert.equal(claimsOf(own)[edge >> 5]! & (1 << (edge & 31)), 0)
  }
  assert.equal(view.held, 59)
})

test('A consumer refuses a page of another kind, version, size or slot count with EPROTO', () => {
  const rig = new QueueRig(4)
  const open = (queue: Words, bufferCount = 4) =>
    new QueueConsumer({
      queue,
      own: wordsOf(page.CONSUMER_PAGE_BYTES / 4),
      mode: 'fifo',
      maxHeld: 1,
      slotCount: bufferCount,
      consumerIndex: 0,
      firstTicket: 1,
      bufferLength: () => BUFFER_BYTES,
      toldToLeave: () => told,
    })
  const refused = { code: 'EPROTO', operation: 'connectFrames' }
  assert.equal(open(rig.page).held, 0)
  assert.throws(() => open(rig.page, 3), refused)
  assert.throws(() => open(rig.page, 5), refused)
  assert.throws(() => open(wordsOf(rig.page.length)), refused)
  const short = wordsOf(rig.page.length - 1)
  for (let i = 0; i < short.length; i++) short.store(i, rig.page.load(i))
  assert.throws(() => open(short), refused)
  rig.page.store(1, page.QUEUE_VERSION + 1)
  assert.throws(() => open(rig.page), refused)
})

test('A buffer that the queue does not have is refused with EPROTO, and nothing stays claimed', () => {
  for (const mode of ['fifo', 'latest'] as const)
    for (const index of [-1, 3, 64, 2 ** 31 - 1, -(2 ** 31)]) {
      const rig = new QueueRig(3)
      const { consumer, own } = rig.connect(mode)
      rig.publish()
      rig.page.write(page.QUEUE_RING + 1, index)
      const message = `EPROTO: The producer named buffer ${index} of 3`
      assert.throws(() => consumer.acquire(), { ...nonsense, message })
      assert.deepEqual([...claimsOf(own), consumer.held], [0, 0, 0])
    }
})

test('A frame that describes itself wrongly is refused with EPROTO, and nothing stays claimed', () => {
  const TICKET = 0
  const LENGTH = 22
  for (const [offset, value] of [
    [TICKET, 2],
    [TICKET + 1, 1],
    [TICKET, 0],
    [LENGTH, BUFFER_BYTES + 1],
  ] as const)
    for (const mode of ['fifo', 'latest'] as const) {
      const rig = new QueueRig(3)
      const { consumer, own } = rig.connect(mode)
      const index = rig.producer.take()!
      rig.publishBuffer(index)
      rig.page.write(page.descriptorAt(index) + offset, value)
      assert.throws(() => consumer.acquire(), nonsense)
      assert.deepEqual([...claimsOf(own), consumer.held], [0, 0, 0])
    }
})

test('A consumer claims first and moves its cursor then: the buffer is never free in between', () => {
  for (let at = 0; at < 60; at++) {
    const rig = new QueueRig(4)
    const joined = rig.join('fifo')
    const frame = rig.producer.take()!
    const takeAll = new Interruption(at, () => {
      for (let index = rig.producer.take(); index !== undefined; index = rig.producer.take())
        assert.notEqual(index, frame, `Taken before access ${at}`)
    })
    const consumer = joined.open(takeAll)
    rig.publishBuffer(frame)
    rig.publish()
    takeAll.arm()
    assert.equal(consumer.acquire()?.bufferIndex, frame)
  }
})

test('The newest frame is still the newest after it was claimed, whenever others are published', () => {
  for (let published = 1; published <= 3; published++)
    for (let at = 0; at < 40; at++) {
      const rig = new QueueRig(4)
      const joined = rig.join('latest')
      let dropped = 0
      const taken: number[] = []
      const produce = new Interruption(at, () => {
        for (let i = 0; i < published; i++) rig.publish()
        for (let index = rig.producer.take(); index !== undefined; index = rig.producer.take())
          taken.push(index)
      })
      const consumer = joined.open({ claimDropped: () => dropped++, wrap: produce.wrap })
      rig.publish()
      produce.arm()
      const frame = consumer.acquire()!
      assert.ok(!taken.includes(frame.bufferIndex), `Refilled: published before access ${at}`)
      assert.ok(dropped <= 1)
      assert.equal(joined.view.held, 1)
    }
})

test('claimDropped is told of each claim in vain, after it was given back', () => {
  const rig = new QueueRig(4)
  const joined = rig.join('latest')
  const dropped: (readonly number[])[] = []
  let left = 0
  const consumer = joined.open({
    claimDropped: () => dropped.push(claimsOf(joined.own)),
    wrap: (words) =>
      new HookedWords(words, ({ kind, index }) => {
        const claims = kind === 'store' && index === page.CONSUMER_CLAIMS
        if (claims && joined.view.held === 0 && left-- > 0) rig.publish()
      }),
  })
  rig.publish()
  left = 2
  assert.equal(consumer.acquire()?.facts.ticket, 3)
  assert.deepEqual(dropped, [
    [0, 0],
    [0, 0],
  ])
})

test('A producer that publishes without end is refused with EPROTO', () => {
  const rig = new QueueRig(4)
  let endless = false
  const consumer = rig.join('latest').open({
    wrap: (words) =>
      new HookedWords(words, ({ kind, index }) => {
        if (endless && kind === 'load' && index === page.QUEUE_READY) rig.publish()
      }),
  })
  rig.publish()
  endless = true
  assert.throws(() => consumer.acquire(), nonsense)
  endless = false
  assert.equal(consumer.held, 0)
  assert.equal(consumer.acquire()?.facts.ticket, rig.producer.published)
})

test('acquireOrAsk finds a frame, or the consumer is rung by the next frame, whenever it comes', () => {
  for (const mode of ['fifo', 'latest'] as const)
    for (let at = 0; at < 12; at++) {
      const rig = new QueueRig(4)
      const joined = rig.join(mode)
      let rung = false
      const publish = (): void => {
        rig.publish()
        rung ||= joined.view.bell.take()
      }
      const published = new Interruption(at, publish)
      const consumer = joined.open(published)
      published.arm()
      const found = consumer.acquireOrAsk() !== undefined
      if (!published.happened) publish()
      assert.ok(found || rung, `${mode}: published before access ${at}`)
    }
})

test('takeOrAsk finds a buffer, or the producer is rung by the next release, whenever it comes', () => {
  for (let at = 0; at < 12; at++) {
    let rung = false
    const release = (): void => {
      consumer.release(held)
      rung ||= consumer.producerBell.take()
    }
    const released = new Interruption(at, release)
    const rig = new QueueRig(3, released.wrap)
    const { consumer } = rig.connect('fifo')
    for (let i = 0; i < 3; i++) rig.publish()
    const held = consumer.acquire()!.bufferIndex
    released.arm()
    const found = rig.producer.takeOrAsk() !== undefined
    if (!released.happened) release()
    assert.ok(found || rung, `Released before access ${at}`)
  }
})

test('A consumer goes on while others are told to leave, also one that had its bit before', () => {
  const rig = new QueueRig(8)
  const { consumer, view } = rig.connect('fifo', 4)
  rig.producer.evict(view)
  rig.producer.admit(view)
  for (const mode of ['fifo', 'latest'] as const) {
    rig.producer.evict(rig.join(mode).view)
    rig.publish()
    assert.equal(ticketsOf(consumer).length, 1)
  }
})

test('The bit of each of 1024 consumers is its own', () => {
  const rig = new QueueRig(4)
  const views = Array.from({ length: page.MAX_CONSUMERS }, () => rig.join('latest').view)
  for (const view of views) {
    rig.producer.evict(view)
    rig.producer.consumers.delete(view)
  }
  for (let word = 0; word < page.MAX_CONSUMERS / 32; word++)
    assert.equal(rig.page.load(page.QUEUE_EVICTED + word), -1)
  rig.producer.admit(views[33]!)
  assert.equal(rig.page.load(page.QUEUE_EVICTED + 1), ~2)
})

for (const mode of ['fifo', 'latest'] as const)
  test(`A '${mode}' consumer that is told to leave gets no frame any more, and claims nothing`, () => {
    const rig = new QueueRig(4)
    const joined = rig.join(mode, 2)
    const consumer = joined.open({ toldToLeave: () => told })
    rig.publish()
    const kept = consumer.acquire()!.bufferIndex
    for (let i = 0; i < 2; i++) rig.publish()
    rig.producer.evict(joined.view)
    for (let i = 0; i < 3; i++) assert.throws(() => consumer.acquire(), told)
    assert.deepEqual([joined.view.held, consumer.held], [1, 1])
    consumer.release(kept)
    assert.equal(joined.view.held, 0)
  })

test('A consumer that was told to leave before it opened its end finds out at its first frame', () => {
  const rig = new QueueRig(4)
  const joined = rig.join('fifo')
  rig.publish()
  rig.producer.evict(joined.view)
  assert.throws(() => joined.open({ toldToLeave: () => told }).acquire(), told)
})

test('An eviction at any moment: the frame is safe or the consumer finds out', () => {
  for (let at = 0; at < 80; at++) {
    const rig = new QueueRig(3)
    const joined = rig.join(at < 40 ? 'fifo' : 'latest')
    const taken: number[] = []
    const evict = new Interruption(at % 40, () => {
      rig.producer.evict(joined.view)
      for (let index = rig.producer.take(); index !== undefined; index = rig.producer.take())
        taken.push(index)
    })
    const consumer = joined.open({
      toldToLeave: () => told,
      wrap: evict.wrap,
    })
    for (let i = 0; i < 3; i++) rig.publish()
    evict.arm()
    try {
      const { bufferIndex } = consumer.acquire()!
      assert.ok(!taken.includes(bufferIndex), `Evicted before access ${at}`)
    } catch (error) {
      if (error !== told) throw error
      assert.equal(joined.view.held, 0)
    }
  }
})

test('Whoever is called by the look at the link gets no frame: it is the outer call that takes it', () => {
  const rig = new QueueRig(5)
  const inner: unknown[] = []
  const joined = rig.join('fifo', 3)
  const consumer = joined.open({
    bufferLength: () => {
      inner.push(consumer.acquire(), consumer.hasFrame)
      return BUFFER_BYTES
    },
  })
  rig.publish()
  assert.equal(consumer.acquire()?.facts.ticket, 1)
  assert.deepEqual(inner, [undefined, true])
  assert.equal(joined.view.held, 1)
})

test('A frame whose buffer has not arrived is left for later, and nothing stays claimed', () => {
  for (const mode of ['fifo', 'latest'] as const) {
    const rig = new QueueRig(4)
    const joined = rig.join(mode)
    const known = new Map<number, number>()
    let dropped = 0
    const consumer = joined.open({
      bufferLength: (slot, serial) => (known.get(slot) === serial ? BUFFER_BYTES : undefined),
      claimDropped: () => dropped++,
    })
    const slot = rig.producer.take()!
    const serial = rig.producer.equip(slot)
    known.set(slot, serial - 1)
    rig.publishBuffer(slot)
    assert.equal(consumer.acquire(), undefined)
    assert.deepEqual([consumer.held, joined.view.held, dropped], [0, 0, 1])
    known.set(slot, serial)
    assert.equal(consumer.acquire()?.facts.ticket, 1)
  }
})

test('A frame whose buffer never came is EPIPE once the producer has gone', () => {
  const rig = new QueueRig(4)
  const consumer = rig.join('fifo').open({ bufferLength: () => undefined })
  rig.publish()
  assert.equal(consumer.acquire(), undefined)
  consumer.producerGone(2)
  assert.throws(() => consumer.acquire(), { code: 'EPIPE' })
})

test('Used bytes are checked against the buffer that the frame is in', () => {
  const rig = new QueueRig(4)
  const consumer = rig.join('fifo', 2).open({ bufferLength: (_slot, serial) => serial * 100 })
  const slot = rig.producer.take()!
  rig.producer.equip(slot)
  rig.publishBuffer(slot, { lengthBytes: 200 })
  assert.equal(consumer.acquire()?.facts.lengthBytes, 200)
  rig.publish({ lengthBytes: 101 })
  assert.throws(() => consumer.acquire(), nonsense)
})

test('A buffer given back while something uses it is never free in between, at any access', () => {
  for (let at = 0; at < 4; at++) {
    const rig = new QueueRig(4)
    const joined = rig.join('fifo')
    const taken: (number | undefined)[] = []
    const takeAll = new Interruption(at, () => {
      for (let slot = rig.producer.take(); slot !== undefined; slot = rig.producer.take())
        taken.push(slot)
    })
    const consumer = joined.open(takeAll)
    rig.publish()
    rig.publish()
    const held = consumer.acquire()!.bufferIndex
    takeAll.arm()
    consumer.releaseLater(held)
    assert.ok(!taken.includes(held), `Taken before access ${at}`)
  }
})

test('A format that a buffer had is checked again where the slot has another buffer', () => {
  const rig = new QueueRig(2)
  const consumer = rig.join('fifo').open({
    bufferLength: (_slot, serial) => (serial === 1 ? BUFFER_BYTES : 16),
  })
  const { format: layout } = layOutFormat({ fourcc: 'R8  ', width: 64, height: 64 })
  const facts = { lengthBytes: 8, timestampNs: 1, damage: [] }
  for (let round = 0; round < 2; round++) {
    const slot = rig.producer.take()!
    rig.producer.publish(slot, facts, { serial: 1, layout })
    consumer.release(consumer.acquire()!.bufferIndex)
  }
  const slot = rig.producer.take()!
  rig.producer.equip(slot)
  rig.producer.publish(slot, facts, { serial: 1, layout })
  assert.throws(() => consumer.acquire(), nonsense)
})
