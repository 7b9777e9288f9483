// Goal: the listing of timelines is the kernel's, byte for byte.
// Method: a file, and so a process, of its own: the list is of all timelines there are.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { putFence, signalFence } from '#src/core/fence/fence.js'
import { describeSwSync, SwSyncTimeline } from '#src/core/sw-sync.js'
import { settled } from '../helpers/leaks.js'
import { useManualClock } from '../helpers/manual-clock.js'

const BEFORE = 'objs:\n--------------\n'
const AFTER = 'fences:\n--------------\n'

test('describeSwSync lists timelines and their pending fences, byte for byte [SW-11, PORT-12]', () => {
  using time = useManualClock()
  assert.equal(describeSwSync(), BEFORE + AFTER)
  using one = new SwSyncTimeline('one')
  using two = new SwSyncTimeline('two')
  two.increment(2 ** 32 - 1)
  const odd = one.createFence(2)
  const fences = [odd, one.createFence(1), one.createFence(3)]
  time.clock.advance(1.5)
  // Nobody should: but the listing must not hide it.
  signalFence(odd)
  assert.equal(
    describeSwSync(),
    `${BEFORE}one: 0
  fence active: 1 / 0
  fence signaled@5.001500000: 2 / 0
  fence active: 3 / 0

two: -1

${AFTER}`,
  )
  fences.forEach(putFence)
})

test('describeSwSync lists a closed timeline as long as a fence of it lives [SW-7, SW-11]', () => {
  const timeline = new SwSyncTimeline('kept')
  const fence = timeline.createFence(1)
  timeline.close()
  assert.equal(describeSwSync(), `${BEFORE}kept: 0\n\n${AFTER}`)
  putFence(fence)
  assert.equal(describeSwSync(), BEFORE + AFTER)
})

test('describeSwSync does not keep a timeline that nobody closed or put', async () => {
  ;(() => {
    new SwSyncTimeline('forgotten').createFence(1)
  })()
  await settled()
  assert.equal(describeSwSync(), BEFORE + AFTER)
})
