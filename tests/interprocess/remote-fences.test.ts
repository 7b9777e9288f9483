// Goal: fences of another member come as ordinary ones, are forgotten when they are over, and fail once.
// Method: an owner with a publisher in the same process; slots are counted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { createTimeline } from '#src/core/fence/timeline.js'
import { FencePublisher } from '#src/interprocess/fence-publisher.js'
import { RemoteFences } from '#src/interprocess/remote-fences.js'
import { FenceRig } from '../helpers/fence-rig.js'

const names = { owner: 'process 7', driverName: 'gpu', timelineName: 'render' }
const dead = (): DmaBufError => new DmaBufError('EOWNERDEAD', 'x', 'Dead')

function sides(slots = 64) {
  const rig = new FenceRig({ slots })
  const publisher = new FencePublisher(rig.board, () => {})
  return { rig, publisher, fences: new RemoteFences(rig.reader) }
}

test('A, then B are published; B is signalled: B is here, while A is pending', () => {
  const { rig, publisher, fences } = sides()
  const timeline = createTimeline('other')
  const [a, b] = [createTimeline('a').fence(1), timeline.fence(1)]
  const [first, second] = [a, b].map((fence) => {
    const remote = fences.fence({ ...publisher.publishFence(fence), seqno: 1 }, names)
    assert.ok(remote)
    return remote
  })
  const told: string[] = []
  first!.addCallback(() => told.push('A'))
  second!.addCallback(() => told.push('B'))
  timeline.signal(1)
  assert.deepEqual(rig.rung, [1])
  fences.rung()
  assert.deepEqual(told, ['B'])
  assert.deepEqual([first!.status, second!.status], ['pending', 'signaled'])
})

test('RemoteFences.fence is undefined for a slot that is used for something else by now', () => {
  const { rig, fences } = sides()
  const { slot, generation } = rig.allocate()
  assert.equal(fences.fence({ slot, generation: generation + 1, seqno: 1 }, names), undefined)
  assert.equal(fences.fence({ slot: 99, generation, seqno: 1 }, names), undefined)
})

test('Fences of one slot are of one timeline; a slot is let go when all are over', () => {
  const { rig, fences } = sides()
  const at = rig.allocate()
  const [two, one] = [2, 1].map((seqno) => fences.fence({ ...at, seqno }, names))
  assert.equal(one?.context, two?.context)
  rig.board.signal(at.slot, 1)
  assert.deepEqual([one?.status, two?.status], ['signaled', 'pending'])
  assert.equal(rig.reader.watched, 1)
  rig.board.signal(at.slot, 2)
  assert.equal(two?.status, 'signaled')
  assert.equal(rig.reader.watched, 0)
})

test('A fence that is over is told so at once, and keeps no slot', () => {
  const { rig, fences } = sides()
  const at = rig.allocate()
  rig.board.end(at.slot, 5)
  const fence = fences.fence({ ...at, seqno: 1 }, names)
  assert.equal(fence?.error?.code, 'EIO')
  assert.equal(rig.reader.watched, 0)
})

test('A fence found where its timeline failed before has its own error, however much failed since', () => {
  const { rig, fences } = sides()
  let at = rig.allocate()
  const first = at
  const pending = fences.fence({ ...first, seqno: 100 }, names)
  rig.board.pin(first.slot)
  at = rig.fail(at, 3, 5)
  at = rig.fail(at, 4, 28)
  assert.equal(pending?.status, 'pending')
  assert.equal(fences.fence({ ...first, seqno: 3 }, names)?.error?.code, 'EIO')
  assert.equal(fences.fence({ ...first, seqno: 2 }, names)?.status, 'signaled')
  assert.equal(fences.fence({ ...at, seqno: 5 }, names)?.status, 'pending')
})

test('Fences that nobody ever looks at are let go as others come', () => {
  const { rig, publisher, fences } = sides(16)
  for (let i = 0; i < 1000; i++) {
    const timeline = createTimeline('t')
    const at = publisher.publishFence(timeline.fence(1))
    fences.fence({ ...at, seqno: 1 }, names)
    rig.board.unpin(at.slot)
    timeline.signal(1)
  }
  assert.ok(rig.reader.watched <= 4, `${rig.reader.watched} slots are kept`)
})

test('RemoteFences.end counts what was signalled before, and fails the rest once', () => {
  const { publisher, fences } = sides()
  const timeline = createTimeline('t')
  const told: string[] = []
  for (const seqno of [1, 2, 3])
    fences
      .fence({ ...publisher.publishFence(timeline.fence(seqno)), seqno: 1 }, names)
      ?.addCallback(({ error }) => told.push(`${seqno} ${error?.code ?? 'reached'}`))
  const followed = fences.follow(publisher.publishTimeline(timeline), names)
  followed?.timeline.fence(9).addCallback(({ error }) => told.push(`9 ${error?.code}`))
  // Signalled, but it died before it rang.
  timeline.signal(1)
  timeline.fail(2, new DmaBufError('EIO', 'x', 'Broken'))
  fences.end(dead)
  fences.end(() => new DmaBufError('EIO', 'x', 'Second'))
  assert.deepEqual(told.sort(), ['1 reached', '2 EIO', '3 EOWNERDEAD', '9 EOWNERDEAD'])
  assert.equal(fences.reader.watched, 0)
})

test('RemoteFences.close ends one timeline and no other', () => {
  const { rig, publisher, fences } = sides()
  const [one, two] = ['one', 'two'].map((name) =>
    fences.follow(publisher.publishTimeline(createTimeline(name)), names),
  )
  assert.ok(one !== undefined && two !== undefined)
  fences.close(one, dead())
  fences.close(one, dead())
  assert.deepEqual([one.timeline.end?.code, two.timeline.end], ['EOWNERDEAD', undefined])
  assert.equal(rig.reader.watched, 1)
  assert.equal(fences.follow({ slot: 40, generation: 3 }, names), undefined)
})
