// Goal: a fence in a test's hand behaves as any fence, and notes what it is asked.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { putFence } from '#src/core/fence/fence.js'
import { createFakeFence } from '#src/testing/fake-fence.js'

test('A fake fence is signalled by hand, once', async () => {
  const fence = createFakeFence({ name: 'job', context: 7, seqno: 3 })
  assert.deepEqual([fence.timelineName, fence.context, fence.seqno], ['job', 7, 3])
  const waiting = fence.wait()
  assert.equal(fence.signal(), true)
  assert.equal(fence.signal(), false)
  await waiting
})

test('A fake fence fails with the error it is given', async () => {
  const fence = createFakeFence()
  fence.signal(new DmaBufError('EIO', 'job', 'Hangs'))
  await assert.rejects(fence.wait(), { code: 'EIO' })
})

test('A fake fence notes what is asked of it, and asks ops of the test', () => {
  const seen: number[] = []
  const fence = createFakeFence({ ops: { setDeadline: (_fence, ns) => seen.push(ns) } })
  fence.addCallback(() => {})
  fence.addCallback(() => {})
  fence.setDeadline(5)
  fence.signal()
  putFence(fence)
  assert.deepEqual(fence.calls, ['enable', 'deadline 5', 'release'])
  assert.deepEqual(seen, [5])
})

test('Fake fences are of contexts of their own unless told otherwise', () => {
  assert.notEqual(createFakeFence().context, createFakeFence().context)
})

test('A fake fence that answers false is signalled by the first who wants to be told', () => {
  const fence = createFakeFence({ ops: { enableSignaling: () => false } })
  assert.equal(
    fence.addCallback(() => {}),
    false,
  )
  assert.equal(fence.status, 'signaled')
})
