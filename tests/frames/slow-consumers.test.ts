// Goal: whoever stalls a queue is named, by what it holds, has not read, and still uses.
// Method: a producer over shared words, a clock in the test's hand, actions written down.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { onWarning } from '#src/index.js'
import { Consumer } from '#src/frames/consumer.js'
import { SlowConsumers } from '#src/frames/slow-consumers.js'
import { LocalTransport } from '../helpers/local-transport.js'
import { useManualClock } from '../helpers/manual-clock.js'
import { QueueRig } from '../helpers/queue-rig.js'

function lab(t: TestContext, then: 'wait' | 'disconnect') {
  const use = useManualClock()
  t.after(() => {
    use[Symbol.dispose]()
  })
  const { clock } = use
  const rig = new QueueRig(4)
  const joined = rig.connect('fifo')
  const transport = new LocalTransport()
  const consumer = new Consumer(1, { view: joined.view, transport }, rig.producer)
  const done: string[] = []
  const slow = new SlowConsumers(
    { afterMs: 10, then },
    { producer: rig.producer, consumers: [consumer] },
    {
      disconnect: (_consumer, reason) => done.push(`disconnect ${reason.code}`),
      drop: (_consumer, reason) => done.push(`drop ${reason.code}`),
      isWaited: () => false,
      retry: () => done.push('retry'),
    },
  )
  return { clock, rig, joined, slow, done }
}

test('SlowConsumers disconnects whoever has not read for too long, and retries then', (t) => {
  const { clock, rig, slow, done } = lab(t, 'disconnect')
  rig.publish()
  slow.startPatience()
  clock.advance(9.999)
  assert.deepEqual(done, [])
  clock.advance(0.001)
  assert.deepEqual(done, ['disconnect ETIMEDOUT', 'retry'])
})

test('SlowConsumers forgets its patience when nobody waits any more', (t) => {
  const { clock, rig, slow, done } = lab(t, 'disconnect')
  rig.publish()
  slow.startPatience()
  slow.endPatience()
  clock.advance(1000)
  assert.deepEqual(done, [])
})

test('SlowConsumers leaves alone whoever moves, and whoever only holds frames', (t) => {
  const { clock, rig, joined, slow, done } = lab(t, 'disconnect')
  rig.publish()
  slow.startPatience()
  joined.consumer.acquire()
  clock.advance(1000)
  slow.startPatience()
  clock.advance(1000)
  assert.deepEqual(done, ['retry', 'retry'])
})

test('A release fence that never signals is named, and its consumer disconnected by policy', (t) => {
  const { clock, rig, joined, slow, done } = lab(t, 'disconnect')
  rig.publish()
  joined.consumer.releaseLater(joined.consumer.acquire()!.bufferIndex)
  assert.equal(
    slow.describe(),
    ': consumer 1 (local 7, fifo) holds 0, has 0 to read, still uses 1 whose release fences are pending',
  )
  slow.startPatience()
  clock.advance(1000)
  assert.deepEqual(done, ['disconnect ETIMEDOUT', 'retry'])
})

test('A release fence that never signals is a warning where the policy is to wait', (t) => {
  const { clock, rig, joined, slow, done } = lab(t, 'wait')
  const warnings: string[] = []
  using _hook = onWarning(({ message }) => warnings.push(message))
  rig.publish()
  joined.consumer.releaseLater(joined.consumer.acquire()!.bufferIndex)
  slow.startPatience()
  clock.advance(1000)
  assert.deepEqual(done, ['retry'])
  assert.match(warnings[0] ?? '', /Consumer 1 \(local 7\) has not moved for 10 ms/)
})

test('SlowConsumers drops whoever claims more than its cap', (t) => {
  const { clock, joined, slow, done } = lab(t, 'wait')
  joined.own.store(12, 0b11)
  slow.startPatience()
  clock.advance(1000)
  assert.deepEqual(done, ['drop EPROTO', 'retry'])
})

test('SlowConsumers names frames that wait for their own fences', (t) => {
  const { rig, slow } = lab(t, 'wait')
  rig.publishBuffer(rig.producer.take()!, {}, 1)
  assert.match(slow.describe(), /1 published frames wait for their own fences/)
})
