// Goal: what becomes of a producer's fence reaches an ordinary fence of the consumer's, once.
// Method: statuses in the test's hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergeFences } from '#src/index.js'
import { AcquireFences } from '#src/frames/acquire-fences.js'

function lab(): { fences: AcquireFences; statuses: Map<number, number>; wanted: () => number } {
  const statuses = new Map<number, number>()
  let wanted = 0
  const fences = new AcquireFences({
    producerName: 'pid 5',
    statusOf: (bufferIndex) => statuses.get(bufferIndex) ?? 1,
    wanted: () => wanted++,
  })
  return { fences, statuses, wanted: () => wanted }
}

test('A fence signals when it is looked at after its status changed, callbacks and merged fences too', async () => {
  const { fences, statuses, wanted } = lab()
  const fence = fences.add(2, 9)
  let calls = 0
  fence.addCallback(() => calls++)
  const merged = mergeFences([fence, fences.add(3, 10)])
  const waiting = merged.wait()
  assert.ok(wanted() >= 1, 'The producer is asked for a ring when somebody waits')
  fences.look()
  assert.deepEqual([fence.status, calls], ['pending', 0])
  statuses.set(2, 0)
  statuses.set(3, 0)
  fences.look()
  fences.look()
  assert.deepEqual([fence.status, calls, fences.isEmpty], ['signaled', 1, true])
  await waiting
})

test('A fence notices by itself that it has signalled when it is asked', () => {
  const { fences, statuses } = lab()
  const fence = fences.add(2, 9)
  assert.equal(fence.isSignaled(), false)
  statuses.set(2, -5)
  assert.equal(fence.isSignaled(), true)
  assert.equal(fence.error?.code, 'EIO')
  assert.match(fence.error.message, /Frame 9 has failed/)
  assert.equal(
    fence.addCallback(() => {}),
    false,
  )
})

test('A fence that signals while it is waited for is not missed', async () => {
  const { fences, statuses } = lab()
  const fence = fences.add(2, 9)
  statuses.set(2, 0)
  await fence.wait()
})

test('AcquireFences.whenSettled calls back once, and answers false where nothing is pending', () => {
  const { fences, statuses } = lab()
  let settled = 0
  assert.equal(
    fences.whenSettled(2, () => settled++),
    false,
  )
  fences.add(2, 9)
  assert.equal(
    fences.whenSettled(2, () => settled++),
    true,
  )
  statuses.set(2, 0)
  fences.look()
  fences.look()
  assert.equal(settled, 1)
  assert.equal(
    fences.whenSettled(2, () => settled++),
    false,
  )
})

test('A fence explains whose frame it waits for', () => {
  const { fences } = lab()
  assert.match(fences.add(2, 9).explain(), /frames of pid 5/)
})
