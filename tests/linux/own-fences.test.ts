// Goal: what others see of our fences is what is pending in the table, and slots are given back.
// Method: a member beside a hub that looks; more fences and rounds than there are slots.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTimeline } from '#src/index.js'
import { DomainRig } from '../helpers/domain-rig.js'
import { errorCode, thrownCode } from '../helpers/error-code.js'

test('OwnFences gives slots back, however often fences are added and signalled', async (t) => {
  await using rig = await DomainRig.open(t, { slots: 64 })
  const { domain, group } = await rig.joinByHand()
  const [ours, theirs] = await rig.share(domain, 'frame', [rig.hub])
  const timeline = createTimeline('work')
  for (let seqno = 1; seqno <= 500; seqno++) {
    const held = ours!.reservation.tryLock()!
    held.reserve(2)
    held.add(timeline.fence(seqno), 'write')
    held.release()
    if (seqno % 7 === 0) assert.equal(theirs!.reservation.isSignaled('write'), false)
    timeline.signal(seqno)
  }
  assert.equal(theirs!.reservation.isSignaled('write'), true)
  assert.ok(group.publisher.board.used < 64)
})

test('OwnFences shows others no fence that was replaced by a later one [RESV-15]', async (t) => {
  await using rig = await DomainRig.open(t)
  const [ours, theirs] = await rig.share(rig.hub, 'frame', [await rig.join()])
  const timeline = createTimeline('work')
  for (const seqno of [1, 2]) {
    using held = ours!.reservation.tryLock()!
    held.reserve(1)
    held.add(timeline.fence(seqno), 'write')
  }
  assert.equal(theirs!.reservation.fences('write').length, 1)
  timeline.signal(1)
  assert.equal(theirs!.reservation.isSignaled('write'), false)
  timeline.signal(2)
  assert.equal(theirs!.reservation.isSignaled('write'), true)
})

test('OwnFences shows others the usage that a fence was promoted to [RESV-4]', async (t) => {
  await using rig = await DomainRig.open(t)
  const [ours, theirs] = await rig.share(rig.hub, 'frame', [await rig.join()])
  const fence = createTimeline('work').fence(1)
  const seen = ['bookkeep', 'write'] as const
  const usages = seen.map((usage) => {
    using held = ours!.reservation.tryLock()!
    held.reserve(1)
    held.add(fence, usage)
    held.release()
    return theirs!.reservation.isSignaled('write')
  })
  assert.deepEqual(usages, [true, false])
})

test('Held.reserve refuses more fences than one process can have pending in a shared buffer [RESV-6]', async (t) => {
  await using rig = await DomainRig.open(t)
  const [ours, theirs] = await rig.share(rig.hub, 'frame', [await rig.join()])
  using held = ours!.reservation.tryLock()!
  held.reserve(15)
  for (let count = 0; count < 15; count++) held.add(createTimeline('one').fence(1), 'read')
  assert.equal(
    thrownCode(() => held.reserve(1)),
    'ENOMEM',
  )
  held.release()
  assert.equal(theirs!.reservation.fences('read').length, 15)
})

test('Held.add without a reserved slot is a bug, and nothing has changed [RESV-11]', async (t) => {
  await using rig = await DomainRig.open(t)
  const [ours] = await rig.share(rig.hub, 'frame', [])
  using held = ours!.reservation.tryLock()!
  const fence = createTimeline('one').fence(1)
  assert.equal(
    thrownCode(() => held.add(fence, 'read')),
    'ERR_DMABUF_BUG',
  )
  assert.equal(ours!.reservation.isSignaled('bookkeep'), true)
})

test('One fence in two buffers, and one that signals at once, are told of rightly', async (t) => {
  await using rig = await DomainRig.open(t)
  const member = await rig.join()
  const first = await rig.share(rig.hub, 'first', [member])
  const second = await rig.share(rig.hub, 'second', [member])
  const timeline = createTimeline('work')
  const fence = timeline.fence(1)
  for (const [ours] of [first, second]) {
    using held = ours!.reservation.tryLock()!
    held.reserve(1)
    held.add(fence, 'write')
  }
  const waits = [first, second].map(([, theirs]) =>
    errorCode(() => theirs!.reservation.wait('write')),
  )
  timeline.signal(1)
  assert.deepEqual(await Promise.all(waits), ['none', 'none'])
  {
    using held = first[0]!.reservation.tryLock()!
    held.reserve(1)
    held.add(fence, 'write')
  }
  assert.equal(first[1]!.reservation.isSignaled('write'), true)
})
