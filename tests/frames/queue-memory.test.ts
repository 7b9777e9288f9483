// Goal: a queue has as many buffers as it is deep, of the size it wants, however it changes; none is leaked.
// Method: a producer over shared words; buffers of a memory heap, counted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onWarning, openMemoryHeap, type DmaBuf } from '#src/index.js'
import { QueueMemory } from '#src/frames/queue-memory.js'
import { QueueProducer } from '#src/interprocess/queue-producer.js'
import {
  CONSUMER_CLAIMS,
  CONSUMER_PAGE_BYTES,
  queuePageBytes,
} from '#src/interprocess/queue-page.js'
import { ConsumerView } from '#src/interprocess/consumer-view.js'
import { initConsumerPage } from '#src/interprocess/queue-consumer.js'
import { wordsOf } from '../helpers/hooked-words.js'

const FACTS = { lengthBytes: 1, timestampNs: 1, damage: [] }
const BYTES = { serial: 1, layout: undefined }

/** A consumer whose claims the test writes. */
function joinTo(producer: QueueProducer): { view: ConsumerView; claim: (bits: number) => void } {
  const own = wordsOf(CONSUMER_PAGE_BYTES / 4)
  initConsumerPage(own)
  const view = new ConsumerView(own, { index: 0, mode: 'latest', maxHeld: 1, firstTicket: 1 })
  producer.admit(view)
  return {
    view,
    claim: (bits) => {
      own.store(CONSUMER_CLAIMS, bits)
    },
  }
}

class Lab {
  readonly made: DmaBuf[] = []
  readonly producer: QueueProducer
  readonly memory: QueueMemory
  changes = 0
  /** Allocations that may still succeed. */
  allowed = Infinity

  constructor(depth: number, slotCount = depth, producer?: QueueProducer) {
    const heap = openMemoryHeap()
    this.producer = producer ?? new QueueProducer(wordsOf(queuePageBytes(slotCount) / 4), slotCount)
    this.memory = new QueueMemory(this.producer, {
      depth,
      lengthBytes: 4096,
      changed: () => this.changes++,
      allocate: (lengthBytes) => {
        if (this.allowed-- <= 0) throw new Error('No memory left')
        const buffer = heap.allocate(lengthBytes)
        this.made.push(buffer)
        return buffer
      },
    })
  }

  get open(): number[] {
    return this.made.filter((buffer) => !buffer.closed).map((buffer) => buffer.lengthBytes)
  }

  publish(): number | undefined {
    const slot = this.memory.take()
    if (slot !== undefined) this.producer.publish(slot, FACTS, BYTES)
    return slot
  }
}

test('QueueMemory fills as many slots as the queue is deep', () => {
  const lab = new Lab(3, 6)
  assert.deepEqual([lab.open.length, lab.producer.bufferCount, lab.memory.depth], [3, 3, 3])
  assert.deepEqual(
    lab.memory.slots.map(({ slot, serial }) => [slot, serial]),
    [
      [0, 1],
      [1, 1],
      [2, 1],
    ],
  )
})

test('QueueMemory.resize changes free buffers at once, the others as they become free, each once', () => {
  const lab = new Lab(4)
  lab.publish()
  lab.memory.resize(8192)
  assert.deepEqual(lab.open, [4096, 8192, 8192, 8192])
  assert.equal(lab.changes, 1)
  for (let i = 0; i < 12; i++) {
    const slot = lab.memory.take()!
    assert.equal(lab.memory.bufferOf(slot).lengthBytes, 8192)
    lab.producer.publish(slot, FACTS, BYTES)
  }
  assert.deepEqual(lab.open, [8192, 8192, 8192, 8192])
  assert.equal(lab.made.length, 8)
})

test('QueueMemory.resize to the same size changes nothing', () => {
  const lab = new Lab(3)
  lab.memory.resize(4096)
  assert.deepEqual([lab.made.length, lab.changes], [3, 0])
})

test('QueueMemory.resize without memory changes nothing, and all slots stay free', () => {
  const lab = new Lab(4)
  lab.allowed = 2
  assert.throws(() => {
    lab.memory.resize(8192)
  }, /No memory left/)
  assert.deepEqual(lab.open, [4096, 4096, 4096, 4096])
  const taken = [1, 2, 3, 4].map(() => lab.memory.take())
  assert.ok(!taken.includes(undefined))
})

test('QueueMemory.take without memory for another size throws, and the slot stays free', () => {
  const lab = new Lab(2)
  const slot = lab.memory.take()!
  lab.memory.resize(8192)
  lab.producer.cancel(slot)
  lab.allowed = 0
  const takeBoth = (): unknown[] => [lab.memory.take(), lab.memory.take()]
  assert.throws(takeBoth, /No memory left/)
  lab.allowed = 1
  assert.ok(takeBoth().includes(slot))
})

test('What a leaving consumer keeps is replaced, and taken away again when it is back', () => {
  const producer = new QueueProducer(wordsOf(queuePageBytes(8) / 4), 8)
  const lab = new Lab(4, 8, producer)
  const joined = joinTo(producer)
  lab.publish()
  joined.claim(1 << lab.memory.slots[1]!.slot)
  producer.evict(joined.view)
  lab.memory.balance()
  assert.deepEqual([producer.bufferCount, lab.memory.depth, lab.open.length], [5, 4, 5])
  const seen = new Set(Array.from({ length: 20 }, () => lab.publish()))
  assert.equal(seen.has(1), false)
  assert.equal(seen.size, 4)
  joined.claim(0)
  for (let i = 0; i < 20; i++) lab.publish()
  assert.deepEqual([producer.bufferCount, lab.open.length], [4, 4])
})

test('What cannot be replaced is missed, named once, and the queue goes on', () => {
  const producer = new QueueProducer(wordsOf(queuePageBytes(8) / 4), 8)
  const lab = new Lab(4, 8, producer)
  const joined = joinTo(producer)
  joined.claim(0b10)
  producer.evict(joined.view)
  lab.allowed = 0
  const warnings: string[] = []
  using _hook = onWarning(({ rule }) => warnings.push(rule))
  for (let i = 0; i < 10; i++) assert.notEqual(lab.publish(), undefined)
  assert.deepEqual(warnings, ['DMABUF_QUEUE_MEMORY'])
  assert.equal(lab.memory.depth, 3)
})

test('A queue whose first buffers cannot be had closes those it has', () => {
  const made: DmaBuf[] = []
  const producer = new QueueProducer(wordsOf(queuePageBytes(3) / 4), 3)
  const allocate = (lengthBytes: number): DmaBuf => {
    if (made.length === 2) throw new Error('No memory left')
    made.push(openMemoryHeap().allocate(lengthBytes))
    return made.at(-1)!
  }
  const changed = (): void => {}
  assert.throws(
    () => new QueueMemory(producer, { depth: 3, lengthBytes: 10, allocate, changed }),
    /No memory left/,
  )
  assert.ok(made.every((buffer) => buffer.closed))
})
