// Goal: whatever a program's fences and timelines do is in their slots, which come back when they are over.
// Method: publishers over shared arrays, read by lines of another member.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { chainFence } from '#src/core/fence/fence-chain.js'
import { mergeFences } from '#src/core/fence/merge.js'
import { createTimeline } from '#src/core/fence/timeline.js'
import { FencePublisher } from '#src/interprocess/fence-publisher.js'
import { FenceRig, Heard, watch, type RigOptions } from '../helpers/fence-rig.js'
import { mockFence } from '../helpers/mock-fence.js'

const failure = new DmaBufError('EIO', 'render', 'Shader hangs')

function rigOf(options: RigOptions = {}) {
  const rig = new FenceRig(options)
  let exhausted = 0
  const publisher = new FencePublisher(rig.board, () => {
    exhausted++
    const hoarder = rig.board.hoarder
    if (hoarder !== undefined) rig.board.dismiss(hoarder.member)
  })
  return { rig, publisher, board: rig.board, exhausted: () => exhausted }
}

test('FencePublisher.publishTimeline tells every signal, failure and the end', () => {
  const { rig, publisher } = rigOf({ slots: 8 })
  const timeline = createTimeline('a')
  timeline.signal(3)
  const heard = new Heard()
  const line = watch(rig.reader, publisher.publishTimeline(timeline), heard)
  line.look()
  timeline.signal(5)
  line.look()
  timeline.fail(7, failure)
  timeline.signal(8)
  timeline.closeWith(new DmaBufError('ENOSPC', 'x', 'Full'))
  line.look()
  assert.deepEqual(heard.said, ['reached 3', 'reached 5', '7 failed 5', 'reached 8', 'ended 28'])
})

test('FencePublisher.publishTimeline gives one slot however often, until the timeline ends', () => {
  const { board, publisher } = rigOf({ slots: 8 })
  const timeline = createTimeline('a')
  const at = publisher.publishTimeline(timeline)
  assert.deepEqual(publisher.publishTimeline(timeline), at)
  assert.equal(board.used, 1)
  board.unpin(at.slot)
  board.unpin(at.slot)
  timeline.close()
  board.allocate()
  assert.equal(board.used, 1, 'Used again')
  assert.throws(() => publisher.publishTimeline(timeline), { code: 'ENOENT' })
})

test('FencePublisher.publishFence tells when it signals, or what it failed with', () => {
  const { rig, publisher } = rigOf({ slots: 8 })
  const timeline = createTimeline('a')
  const outcomes = [1, 2].map((seqno) => {
    const heard = new Heard()
    watch(rig.reader, publisher.publishFence(timeline.fence(seqno)), heard)
    return heard
  })
  timeline.signal(1)
  timeline.fail(2, failure)
  rig.reader.catchUp()
  assert.deepEqual(
    outcomes.map(({ said }) => said),
    [['reached 1'], ['ended 5']],
  )
})

test('FencePublisher.publishFence takes merged, chained and signalled fences alike', async () => {
  const { rig, publisher } = rigOf({ slots: 16 })
  const [one, two] = [createTimeline('one'), createTimeline('two')]
  const done = createTimeline('done')
  done.fail(1, failure)
  const fences = [
    mergeFences([one.fence(1), two.fence(1)]),
    chainFence(chainFence(undefined, one.fence(1), 1), two.fence(1), 2),
    done.fence(1),
  ]
  const heard = fences.map((fence) => {
    const listener = new Heard()
    watch(rig.reader, publisher.publishFence(fence), listener)
    return listener
  })
  one.signal(1)
  rig.reader.lookAtAll()
  assert.deepEqual(
    heard.map(({ said }) => said),
    [[], [], ['ended 5']],
  )
  two.signal(1)
  // Containers signal a little later.
  await Promise.resolve()
  rig.reader.catchUp()
  assert.deepEqual(
    heard.map(({ said }) => said),
    [['reached 1'], ['reached 1'], ['ended 5']],
  )
})

test('FencePublisher.publishFence keeps the slot for its caller, and uses the one it is given', () => {
  const { board, publisher } = rigOf({ slots: 16 })
  const fence = mockFence()
  const given = publisher.allocate()
  assert.ok(given)
  assert.equal(publisher.publishFence(fence, given), given)
  const second = publisher.allocate()
  assert.deepEqual(publisher.publishFence(fence, second), given, 'It has a slot already')
  const over = createTimeline('a')
  over.signal(1)
  const at = publisher.publishFence(over.fence(1))
  for (let i = 0; i < 8; i++) assert.notEqual(board.allocate()?.slot, at.slot, 'Pinned by us')
  board.unpin(at.slot)
})

test('FencePublisher refuses with EBUSY, naming who keeps the slots, and rings everybody', () => {
  const { rig, publisher } = rigOf({ slots: 2 })
  const at = publisher.publishFence(mockFence())
  const timeline = createTimeline('a')
  publisher.publishTimeline(timeline)
  for (const publish of [
    () => publisher.publishFence(mockFence()),
    () => publisher.publishTimeline(createTimeline('b')),
  ])
    assert.throws(publish, { code: 'EBUSY', message: /All 2 fence slots are in use$/ })
  watch(rig.reader, at, new Heard())
  assert.deepEqual(rig.rung, [1, 1])
  const over = rigOf({ slots: 1 })
  const done = createTimeline('a')
  done.signal(1)
  const kept = over.publisher.publishFence(done.fence(1))
  watch(over.rig.reader, kept, new Heard())
  over.board.unpin(kept.slot)
  assert.throws(() => over.publisher.publishFence(mockFence()), {
    code: 'EBUSY',
    message: /member 1 keeps 1$/,
  })
})

test('A failure that finds no slot has whoever keeps most of them dismissed, and is told to the others', () => {
  const { rig, publisher, exhausted } = rigOf({ slots: 4, members: 3 })
  const timeline = createTimeline('a')
  const at = publisher.publishTimeline(timeline)
  const [stuck, awake] = [new Heard(), new Heard()]
  watch(rig.readers[0]!, at, stuck)
  const line = watch(rig.readers[1]!, at, awake)
  rig.board.unpin(at.slot)
  for (let seqno = 1; seqno <= 6; seqno++) {
    timeline.fail(seqno, failure)
    line.look()
  }
  assert.equal(exhausted(), 1)
  assert.deepEqual(
    awake.said,
    [1, 2, 3, 4, 5, 6].map((seqno) => `${seqno} failed 5`),
  )
})

test('FencePublisher rings everybody when slots become scarce, so that they let some go', () => {
  const { rig, publisher } = rigOf({ slots: 256 })
  const timeline = createTimeline('a')
  const at = publisher.publishTimeline(timeline)
  watch(rig.reader, at, new Heard())
  for (let seqno = 1; seqno < 180; seqno++) timeline.fail(seqno, failure)
  assert.deepEqual(rig.rung, [])
  for (let seqno = 180; seqno < 250; seqno++) timeline.fail(seqno, failure)
  assert.ok(rig.rung.length > 0)
})

test('FencePublisher.close publishes no more', () => {
  const { rig, publisher } = rigOf({ slots: 8 })
  const timeline = createTimeline('a')
  const heard = [new Heard(), new Heard()]
  watch(rig.reader, publisher.publishTimeline(timeline), heard[0]!)
  watch(rig.reader, publisher.publishFence(timeline.fence(1)), heard[1]!)
  publisher.close()
  publisher.close()
  timeline.signal(1)
  rig.reader.lookAtAll()
  assert.deepEqual([heard[0]!.said, heard[1]!.said], [[], []])
})
