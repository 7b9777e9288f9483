// Goal: a member knows who is there, learns of newcomers before it may miss them, and forgets who has gone.
// Method: members whose groups the test sees; messages held back by not reading them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MEMBER_EPOCH, MEMBER_LEFT } from '#src/interprocess/member-page.js'
import { addPending, DomainRig } from '../helpers/domain-rig.js'
import { errorCode } from '../helpers/error-code.js'
import { settled, until } from '../helpers/leaks.js'

test('DomainGroup.catchUp reads who has joined, without the event loop', async (t) => {
  await using rig = await DomainRig.open(t)
  const { group } = await rig.joinByHand()
  assert.equal(group.catchUp(), 'same')
  const late = rig.join()
  while (rig.hub.members.length < 2) await new Promise((resolve) => setImmediate(resolve))
  // The hub has told us by now; whether our event loop has read it does not matter.
  assert.notEqual(group.catchUp(), 'behind')
  assert.equal(group.others.length, 2)
  assert.equal(group.catchUp(), 'same')
  await late
})

test('DomainGroup is behind while the epoch says that somebody is there whom nobody has named', async (t) => {
  await using rig = await DomainRig.open(t)
  const { domain, group } = await rig.joinByHand()
  const [ours] = await rig.share(domain, 'frame', [])
  const { reservation } = ours!
  // As if the hub had raised it, and its message were on the way.
  let epoch = group.epoch + 1
  const hub = group.others[0]!
  const load = hub.words.load.bind(hub.words)
  hub.words.load = (index) => (index === MEMBER_EPOCH ? epoch : load(index))
  assert.equal(group.catchUp(), 'behind')
  for (let look = 0; look < 5; look++) assert.equal(reservation.isSignaled('kernel'), false)
  assert.equal(reservation.fences('kernel').length, 1)
  assert.equal(reservation.tryLock(), undefined)
  const waiting = reservation.wait('kernel')
  const locking = reservation.lock()
  await settled()
  group.caughtUp(epoch)
  await waiting
  ;(await locking).release()
  assert.equal(reservation.isSignaled('kernel'), true)
  epoch = group.epoch
})

test('DomainGroup that learns of two newcomers at one look is not behind', async (t) => {
  await using rig = await DomainRig.open(t)
  const { group } = await rig.joinByHand()
  const hub = group.others[0]!
  const load = hub.words.load.bind(hub.words)
  hub.words.load = (index) => {
    if (index !== MEMBER_EPOCH) return load(index)
    // The second one joins between the look at the epoch and the look at the messages.
    const epoch = group.epoch + 1
    group.caughtUp(epoch + 1)
    return epoch
  }
  assert.equal(group.catchUp(), 'same')
  hub.words.load = load
})

test('DomainGroup uses no slot again while somebody is there of whom nothing is known', async (t) => {
  await using rig = await DomainRig.open(t)
  const { group } = await rig.joinByHand()
  const { board } = group.publisher
  const at = board.allocate()!
  board.unpin(at.slot)
  const hub = group.others[0]!
  const load = hub.words.load.bind(hub.words)
  const epoch = group.epoch + 1
  hub.words.load = (index) => (index === MEMBER_EPOCH ? epoch : load(index))
  const other = board.allocate()!
  assert.notEqual(other.slot, at.slot)
  group.caughtUp(epoch)
  assert.equal(board.allocate()?.slot, at.slot)
})

test('DomainGroup.remove of the hub learns first whom the hub has named', async (t) => {
  await using rig = await DomainRig.open(t)
  const { group } = await rig.joinByHand()
  const late = rig.join()
  while (rig.hub.members.length < 2) await new Promise((resolve) => setImmediate(resolve))
  group.remove(group.others[0]!)
  assert.deepEqual(
    group.others.map(({ index }) => index),
    [2],
  )
  await late
})

test('DomainGroup.remove of a hub that could not name everybody leaves the domain', async (t) => {
  await using rig = await DomainRig.open(t)
  const { domain, group } = await rig.joinByHand()
  const other = await rig.joinByHand()
  const hub = group.others[0]!
  const load = hub.words.load.bind(hub.words)
  hub.words.load = (index) => (index === MEMBER_EPOCH ? group.epoch + 1 : load(index))
  group.remove(hub)
  assert.equal(domain.closed, true)
  assert.equal(group.lost?.code, 'EPIPE')
  await until(() => other.group.find(domain.index, 1) === undefined)
})

test('DomainGroup.remove tells listeners once how a member ended', async (t) => {
  await using rig = await DomainRig.open(t)
  const { group } = await rig.joinByHand()
  const other = await rig.joinByHand()
  const changes: string[] = []
  group.onMember(({ kind, member }) => changes.push(`${kind} ${member.index}`))
  const deaf = group.onMember(() => changes.push('never'))
  deaf[Symbol.dispose]()
  const peer = group.find(other.domain.index, 1)!
  assert.equal(group.find(other.domain.index, 2), undefined)
  await other.domain.close()
  await until(() => changes.length > 0)
  group.remove(peer)
  group.rung(peer)
  assert.deepEqual(changes, [`left ${peer.index}`])
  assert.equal(peer.closed, true)
})

test('DomainGroup.close says in its page that it left, and fails what is pending here', async (t) => {
  await using rig = await DomainRig.open(t)
  const { domain, group } = await rig.joinByHand()
  const [theirs, ours] = await rig.share(rig.hub, 'frame', [domain])
  const timeline = addPending(theirs!.reservation, 'write')
  const [fence] = ours!.reservation.fences('write')
  const { words } = group
  let left = 0
  const store = words.store.bind(words)
  words.store = (index, value) => {
    if (index === MEMBER_LEFT) left = value
    store(index, value)
  }
  const waiting = errorCode(() => fence!.wait())
  await domain.close()
  assert.equal(await waiting, 'ENOENT')
  assert.equal(left, 1)
  assert.equal(group.catchUp(), 'same')
  timeline.signal(1)
})
