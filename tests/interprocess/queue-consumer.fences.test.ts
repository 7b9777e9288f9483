// Goal: frames that are not finished are waited for or passed on with their fence, and never mistaken.
// Method: both ends over shared words in one thread.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Interruption } from '../helpers/hooked-words.js'
import { QueueRig } from '../helpers/queue-rig.js'

const PENDING = 1

/** Publishes so many frames with pending fences; their slots. */
function publishPending(rig: QueueRig, count: number): number[] {
  return Array.from({ length: count }, () => {
    const slot = rig.producer.take()!
    rig.publishBuffer(slot, {}, PENDING)
    return slot
  })
}

test("A 'fifo' consumer waits for the fence of the next frame, though a later one is ready", () => {
  const rig = new QueueRig(5)
  const { consumer } = rig.connect('fifo', 3)
  const [first] = publishPending(rig, 1)
  rig.publish()
  assert.deepEqual([consumer.acquire(), consumer.hasFrame], [undefined, false])
  rig.producer.settle(first!, 0)
  assert.equal(consumer.hasFrame, true)
  assert.deepEqual(
    [1, 2].map(() => consumer.acquire()?.facts.ticket),
    [1, 2],
  )
})

test("A 'latest' consumer takes the newest frame that is ready", () => {
  const rig = new QueueRig(6)
  const { consumer } = rig.connect('latest', 2)
  rig.publish()
  const [second, third] = publishPending(rig, 2)
  const frame = consumer.acquire()!
  assert.equal(frame.facts.ticket, 1)
  consumer.release(frame.bufferIndex)
  assert.equal(consumer.acquire(), undefined)
  rig.producer.settle(third!, 0)
  rig.producer.settle(second!, 0)
  assert.deepEqual([consumer.acquire()?.facts.ticket, consumer.acquire()], [3, undefined])
})

test("With fences 'pass' frames come at once, with what has become of their fence", () => {
  for (const mode of ['fifo', 'latest'] as const) {
    const rig = new QueueRig(5)
    const consumer = rig.join(mode).open({ fences: 'pass' })
    const [slot] = publishPending(rig, 1)
    const frame = consumer.acquire()!
    assert.deepEqual([frame.facts.ticket, frame.fenceStatus], [1, PENDING])
    assert.equal(consumer.fenceStatus(slot!), PENDING)
    rig.producer.settle(slot!, -5)
    assert.equal(consumer.fenceStatus(slot!), -5)
  }
})

test('A frame that failed is taken with the errno', () => {
  for (const mode of ['fifo', 'latest'] as const) {
    const rig = new QueueRig(4)
    const { consumer } = rig.connect(mode)
    rig.producer.settle(publishPending(rig, 1)[0]!, -71)
    assert.equal(consumer.acquire()?.fenceStatus, -71)
  }
})

test('A fence that was pending has failed once the producer has gone, one that signalled has not', () => {
  const rig = new QueueRig(4)
  const consumer = rig.join('fifo', 2).open()
  const [slot] = publishPending(rig, 1)
  assert.equal(consumer.acquire(), undefined)
  consumer.producerGone(130)
  assert.equal(consumer.fenceStatus(slot!), -130)
  assert.equal(consumer.acquire()?.fenceStatus, -130)
  rig.producer.settle(slot!, 0)
  assert.equal(consumer.fenceStatus(slot!), 0)
})

test('What a stranger writes for a status is EPROTO', () => {
  const rig = new QueueRig(4)
  const consumer = rig.join('fifo').open()
  const slot = rig.producer.take()!
  for (const status of [2, 2 ** 31 - 1, -4096, -(2 ** 31)]) {
    rig.publishBuffer(slot, {}, status)
    assert.equal(consumer.fenceStatus(slot), -71)
  }
})

test('A consumer that asked and found nothing is rung by the fence, whenever it signals', () => {
  for (const mode of ['fifo', 'latest'] as const)
    for (let at = 0; at < 12; at++) {
      const rig = new QueueRig(4)
      const joined = rig.join(mode)
      let rung = false
      let slot = -1
      const signal = (): void => {
        rig.producer.settle(slot, 0)
        rung ||= joined.view.bell.take()
      }
      const signalled = new Interruption(at, signal)
      const consumer = joined.open(signalled)
      slot = publishPending(rig, 1)[0]!
      signalled.arm()
      consumer.bell.ask()
      const found = consumer.acquire() !== undefined
      if (!signalled.happened) signal()
      assert.ok(found || rung, `${mode}: signalled before access ${at}`)
    }
})

test('A frame is never taken before its fence has signalled, whenever that is', () => {
  for (const mode of ['fifo', 'latest'] as const)
    for (let at = 0; at < 30; at++) {
      const rig = new QueueRig(5)
      const joined = rig.join(mode)
      const slots: number[] = []
      const signal = new Interruption(at, () => {
        for (const slot of [...slots].reverse()) rig.producer.settle(slot, -7)
      })
      const consumer = joined.open({ wrap: signal.wrap })
      slots.push(...publishPending(rig, 2))
      signal.arm()
      const frame = consumer.acquire()
      assert.ok(frame === undefined || frame.fenceStatus === -7, `${mode}, before access ${at}`)
    }
})
