// Goal: the fences of another member come and go with its list, whatever else stands in the table.
// Method: two members of one process; lists that are none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTimeline } from '#src/index.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import { LIST_VERSION } from '#src/interprocess/member-page.js'
import { addPending, DomainRig } from '../helpers/domain-rig.js'
import { until } from '../helpers/leaks.js'

test('What a member has replaced by hand is waited for no more by the others [RESV-16]', async (t) => {
  await using rig = await DomainRig.open(t)
  const [ours, theirs] = await rig.share(rig.hub, 'frame', [await rig.join()])
  const preemption = createTimeline('preemption')
  const update = createTimeline('update')
  const held = ours!.reservation.tryLock()!
  held.reserve(1)
  held.add(preemption.fence(1), 'read')
  held.release()
  assert.equal(theirs!.reservation.isSignaled('read'), false)
  {
    using again = ours!.reservation.tryLock()!
    again.reserve(1)
    again.replace(preemption.context, update.fence(1), 'bookkeep')
  }
  assert.equal(theirs!.reservation.isSignaled('read'), true)
  assert.equal(theirs!.reservation.isSignaled('bookkeep'), false)
  update.signal(1)
  assert.equal(theirs!.reservation.isSignaled('bookkeep'), true)
})

test('Held.copyFrom takes the place of our fences, not of those of other members [RESV-25]', async (t) => {
  await using rig = await DomainRig.open(t)
  const [ours, theirs] = await rig.share(rig.hub, 'frame', [await rig.join()])
  const foreign = addPending(theirs!.reservation, 'write')
  const before = addPending(ours!.reservation, 'read')
  const source = new Reservation()
  const copied = addPending(source, 'read')
  {
    using held = ours!.reservation.tryLock()!
    held.copyFrom(source)
  }
  assert.equal(ours!.reservation.isSignaled('write'), false)
  foreign.signal(1)
  assert.equal(ours!.reservation.isSignaled('write'), true)
  assert.equal(theirs!.reservation.fences('read').length, 1)
  copied.signal(1)
  assert.equal(theirs!.reservation.isSignaled('bookkeep'), true)
  before.signal(1)
})

test('A walk over a reservation sees the usage that another member gave its fence [RESV-24]', async (t) => {
  await using rig = await DomainRig.open(t)
  const [ours, theirs] = await rig.share(rig.hub, 'frame', [await rig.join()])
  addPending(theirs!.reservation, 'read')
  using cursor = ours!.reservation.entries('bookkeep')
  const fence = cursor.step()
  assert.deepEqual(
    [cursor.usage, fence!.driverName, fence!.timelineName],
    ['read', 'dmabuf', 'member 1'],
  )
  assert.equal(cursor.step(), undefined)
})

test('A member whose list is none is ignored from then on', async (t) => {
  await using rig = await DomainRig.open(t)
  const { domain, group } = await rig.joinByHand()
  const [ours, theirs] = await rig.share(rig.hub, 'frame', [domain])
  addPending(theirs!.reservation, 'write')
  const [fence] = ours!.reservation.fences('write')
  assert.equal(fence!.isSignaled(), false)
  const list = group.layout.listAt(0)
  for (let at = 1; at < 176; at++) group.words.store(list + at, -1)
  group.words.store(list + LIST_VERSION, 1000)
  assert.equal(ours!.reservation.isSignaled('write'), true)
  assert.equal(fence!.error?.code, 'EPROTO')
  assert.deepEqual(rig.hub.members, [])
  await until(() => domain.closed)
})
