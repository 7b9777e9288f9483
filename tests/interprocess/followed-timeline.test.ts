// Goal: another member's timeline is an ordinary one here: progress, failures, end.
// Method: an owner in the same process, over shared arrays.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { FollowedTimeline } from '#src/interprocess/followed-timeline.js'
import { FenceRig } from '../helpers/fence-rig.js'

const names = { owner: 'process 7', driverName: 'gpu', timelineName: 'render' }

function follow(rig: FenceRig) {
  const at = rig.allocate()
  const followed = FollowedTimeline.of(rig.reader, at, { names })
  if (followed === undefined) throw new Error('Not followed')
  return { at, followed }
}

test('FollowedTimeline.of is undefined for a slot that is used for something else', () => {
  const rig = new FenceRig()
  const { slot, generation } = rig.allocate()
  const at = { slot, generation: generation + 1 }
  assert.equal(FollowedTimeline.of(rig.reader, at, { names }), undefined)
})

test('Its fences are named after their maker, and know whose they are', () => {
  const { followed } = follow(new FenceRig())
  const fence = followed.timeline.fence(4)
  assert.deepEqual([fence.driverName, fence.timelineName], ['gpu', 'render'])
  assert.match(fence.explain(), /^gpu render context \d+ seqno 4 of process 7: pending$/)
})

test('Looking at a fence looks at the slot; waiting for one asks to be rung for it alone', () => {
  const rig = new FenceRig()
  const { at, followed } = follow(rig)
  const [first, second] = [followed.timeline.fence(1), followed.timeline.fence(2)]
  rig.board.signal(at.slot, 1)
  assert.equal(first.status, 'signaled')
  assert.equal(second.status, 'pending')
  assert.deepEqual(rig.rung, [])
  let called = 0
  second.addCallback(() => called++)
  rig.board.signal(at.slot, 2)
  assert.deepEqual(rig.rung, [1])
  assert.equal(called, 0)
  rig.reader.catchUp()
  assert.equal(called, 1)
  rig.board.signal(at.slot, 3)
  assert.deepEqual(rig.rung, [1])
  assert.equal(followed.expectedWord, 2)
})

test('A failed seqno fails its fences with the errno and the owner named; the end fails the rest', () => {
  const rig = new FenceRig()
  const { at, followed } = follow(rig)
  const fences = [1, 2, 3].map((seqno) => followed.timeline.fence(seqno))
  const next = rig.fail(at, 2, 5)
  followed.look()
  assert.deepEqual(
    fences.map(({ status }) => status),
    ['signaled', 'error', 'pending'],
  )
  assert.equal(
    fences[1]!.error?.message,
    'EIO: Timeline render failed at 2 in its owner (process 7)',
  )
  rig.board.end(next.slot, 2)
  followed.look()
  followed.look()
  assert.equal(
    fences[2]!.error?.message,
    'ENOENT: Timeline render was ended by its owner (process 7)',
  )
})

test('FollowedTimeline.closeWith fails what is pending and lets the slot go', () => {
  const rig = new FenceRig()
  const { followed } = follow(rig)
  const fence = followed.timeline.fence(1)
  assert.ok(followed.slot >= 0)
  followed.closeWith(new DmaBufError('EOWNERDEAD', 'x', 'Dead'))
  followed.closeWith(new DmaBufError('EIO', 'x', 'Second'))
  assert.deepEqual([fence.error?.code, followed.slot], ['EOWNERDEAD', -1])
  assert.equal(rig.reader.watched, 0)
  followed.look()
})
