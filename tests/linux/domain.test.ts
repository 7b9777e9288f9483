// Goal: members of a domain see each other's fences and locks in the buffers they share, and find them by name.
// Method: a hub and members in one process, each with pages, bells and lifelines of its own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { submit } from '#src/core/reservation/submit.js'
import { createTimeline } from '#src/index.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { addPending, DomainRig } from '../helpers/domain-rig.js'
import { errorCode, thrownCode } from '../helpers/error-code.js'
import { countResources, settled, until } from '../helpers/leaks.js'

test('A fence that one member adds is pending for all others, up to its usage [RESV-1]', async (t) => {
  await using rig = await DomainRig.open(t)
  const [a, b] = [await rig.join(), await rig.join()]
  const buffers = await rig.share(a, 'frame', [b, rig.hub])
  const timeline = addPending(buffers[0]!.reservation, 'read')
  for (const { reservation } of buffers)
    assert.deepEqual(
      [reservation.isSignaled('write'), reservation.isSignaled('read')],
      [true, false],
    )
  timeline.signal(1)
  for (const { reservation } of buffers) assert.equal(reservation.isSignaled('read'), true)
})

test('beginCpuAccess waits for fences of other members, as the rules name them [CPU-2]', async (t) => {
  await using rig = await DomainRig.open(t)
  const [a, b] = [await rig.join(), await rig.join()]
  const [theirs, ours] = await rig.share(a, 'frame', [b])
  const timeline = addPending(theirs!.reservation, 'read')
  ;(await ours!.beginCpuAccess('read')).end()
  assert.equal(ours!.tryBeginCpuAccess('write'), undefined)
  let isReady = false
  const writing = ours!.beginCpuAccess('write').then((access) => {
    isReady = true
    access.end()
  })
  await settled()
  assert.equal(isReady, false)
  timeline.signal(1)
  await writing
})

test('A fence that fails fails for all members with its error, and counts as finished [CPU-4]', async (t) => {
  await using rig = await DomainRig.open(t)
  const a = await rig.join()
  const [theirs, ours] = await rig.share(a, 'frame', [rig.hub])
  const timeline = addPending(theirs!.reservation, 'write')
  const [fence] = ours!.reservation.fences('write')
  const waiting = errorCode(() => fence!.wait())
  timeline.close()
  assert.equal(await waiting, 'ENOENT')
  assert.equal(ours!.reservation.isSignaled('bookkeep'), true)
})

test('A lock that one member holds keeps out all others, and is handed on at the unlock [RESV-33]', async (t) => {
  await using rig = await DomainRig.open(t)
  const [a, b] = [await rig.join(), await rig.join()]
  const buffers = await rig.share(a, 'frame', [b, rig.hub])
  const held = await buffers[0]!.reservation.lock()
  for (const { reservation } of buffers.slice(1)) {
    assert.equal(reservation.isLocked, true)
    assert.equal(reservation.tryLock(), undefined)
  }
  const order: number[] = []
  const waiting = buffers.slice(1).map(async ({ reservation }, i) => {
    using theirs = await reservation.lock()
    order.push(i)
    await settled()
    theirs.check('test')
    order.push(i)
  })
  held.release()
  await Promise.all(waiting)
  assert.equal(order[0], order[1])
  assert.equal(order[2], order[3])
})

test('A wait for another member that holds the lock names it when it times out', async (t) => {
  await using rig = await DomainRig.open(t)
  const a = await rig.join()
  const [theirs, ours] = await rig.share(a, 'frame', [rig.hub])
  using held = await theirs!.reservation.lock()
  await assert.rejects(ours!.reservation.lock({ timeoutMs: 5 }), (error: Error) => {
    assert.match(error.message, /member 1 \(pid \d+\) of the domain holds it/)
    return true
  })
  held.check('test')
})

test('submit() on two shared buffers waits for other members and is waited for by them [RESV-37]', async (t) => {
  await using rig = await DomainRig.open(t)
  const [a, b] = [await rig.join(), await rig.join()]
  const first = await rig.share(a, 'first', [b])
  const second = await rig.share(a, 'second', [b])
  const before = addPending(first[0]!.reservation, 'write')
  const timeline = createTimeline('job')
  const uses = [first, second].map(([, ours]) => ({ reservation: ours!.reservation, write: true }))
  let dependencies = 0
  await submit(uses, (fences) => {
    dependencies = fences.length
    return timeline.fence(1)
  })
  assert.equal(dependencies, 1)
  assert.equal(second[0]!.reservation.isSignaled('write'), false)
  before.signal(1)
  assert.equal(first[0]!.reservation.isSignaled('write'), false)
  timeline.signal(1)
  assert.equal(first[0]!.reservation.isSignaled('write'), true)
  assert.equal(second[0]!.reservation.isSignaled('write'), true)
})

test('What is pending in a buffer when it is shared is pending for those who open it', async (t) => {
  await using rig = await DomainRig.open(t)
  const a = await rig.join()
  using buffer = openMemfdHeap().allocate(4096)
  const timeline = addPending(buffer.reservation, 'write')
  await rig.hub.share(buffer, 'frame')
  using opened = await a.open('frame')
  assert.equal(opened.reservation.isSignaled('write'), false)
  timeline.signal(1)
  assert.equal(opened.reservation.isSignaled('write'), true)
})

test('Whoever waits for a buffer finds what was pending in it when it opens', async (t) => {
  await using rig = await DomainRig.open(t)
  const [a, b] = [await rig.join(), await rig.join()]
  const opening = [b, rig.hub].map((domain) => domain.open('frame', { waitForBuffer: true }))
  using buffer = openMemfdHeap().allocate(4096)
  const timeline = addPending(buffer.reservation, 'write')
  const sharing = a.share(buffer, 'frame')
  const opened = await Promise.all(opening)
  assert.deepEqual(
    opened.map(({ reservation }) => reservation.isSignaled('write')),
    [false, false],
  )
  await sharing
  timeline.signal(1)
  for (const one of opened) one.close()
})

test('A member that joins while fences are pending and a lock is held sees both', async (t) => {
  await using rig = await DomainRig.open(t)
  const [buffer] = await rig.share(rig.hub, 'frame', [])
  const timeline = addPending(buffer!.reservation, 'write')
  const held = buffer!.reservation.tryLock()!
  const late = await rig.join()
  using opened = await late.open('frame')
  assert.equal(opened.reservation.isSignaled('write'), false)
  assert.equal(opened.reservation.tryLock(), undefined)
  const locking = opened.reservation.lock()
  held.release()
  ;(await locking).release()
  timeline.signal(1)
})

test('Domain.open finds the same buffer again, also in the process that shares it', async (t) => {
  await using rig = await DomainRig.open(t)
  const a = await rig.join()
  const [theirs] = await rig.share(a, 'frame', [])
  using again = await a.open('frame')
  assert.equal(again.reservation, theirs!.reservation)
  const [first, second] = await Promise.all([rig.hub.open('frame'), rig.hub.open('frame')])
  assert.equal(first.reservation, second.reservation)
  first.close()
  second.close()
})

test('Domain.open refuses what nobody shares, or waits for it', async (t) => {
  await using rig = await DomainRig.open(t)
  const [a, b] = [await rig.join(), await rig.join()]
  assert.equal(await errorCode(() => a.open('frame')), 'ENOENT')
  assert.equal(await errorCode(() => rig.hub.open('frame')), 'ENOENT')
  const late = { waitForBuffer: true, timeoutMs: 5 }
  assert.equal(await errorCode(() => a.open('frame', late)), 'ETIMEDOUT')
  assert.equal(await errorCode(() => rig.hub.open('frame', late)), 'ETIMEDOUT')
  const waiting = [a, rig.hub].map((domain) => domain.open('frame', { waitForBuffer: true }))
  await rig.share(b, 'frame', [])
  for (const buffer of await Promise.all(waiting)) buffer.close()
})

test('Domain.share refuses a name that is taken and a buffer that is shared', async (t) => {
  await using rig = await DomainRig.open(t, { buffers: 1 })
  const a = await rig.join()
  const [first] = await rig.share(a, 'frame', [])
  using second = openMemfdHeap().allocate(4096)
  assert.equal(await errorCode(() => rig.hub.share(second, 'frame')), 'EEXIST')
  assert.equal(await errorCode(() => a.share(second, 'frame')), 'EEXIST')
  assert.equal(await errorCode(() => a.share(second, 'other')), 'ENOSPC')
  assert.equal(await errorCode(() => a.share(first!, 'other')), 'EBUSY')
  await assert.rejects(a.share(second, ''), TypeError)
  await assert.rejects(a.share(second, 'n'.repeat(201)), RangeError)
})

test('The name and index of a buffer are free when nobody has a handle and nothing is pending', async (t) => {
  await using rig = await DomainRig.open(t, { buffers: 1 })
  const [a, b] = [await rig.join(), await rig.join()]
  const [mine, theirs] = await rig.share(a, 'frame', [b])
  const timeline = addPending(mine!.reservation, 'write')
  mine!.close()
  assert.equal(theirs!.reservation.isSignaled('write'), false)
  using again = await a.open('frame')
  assert.equal(again.reservation.isSignaled('write'), false)
  again.close()
  theirs!.close()
  using next = openMemfdHeap().allocate(4096)
  assert.equal(await errorCode(() => a.share(next, 'next')), 'ENOSPC')
  timeline.signal(1)
  await a.share(next, 'next')
  using opened = await b.open('next')
  assert.equal(opened.reservation.isSignaled('bookkeep'), true)
})

test('Domain.close fails pending fences of the leaver with ENOENT, and its buffers stay its own', async (t) => {
  await using rig = await DomainRig.open(t)
  const [a, b] = [await rig.join(), await rig.join()]
  const [theirs, ours] = await rig.share(a, 'frame', [b])
  addPending(theirs!.reservation, 'write')
  const mine = addPending(ours!.reservation, 'write')
  const held = theirs!.reservation.tryLock()!
  const changes: string[] = []
  b.onMember(({ kind, member }) => changes.push(`${kind} ${member.index}`))
  const waiting = Promise.all(
    ours!.reservation.fences('write').map((one) => errorCode(() => one.wait())),
  )
  const locking = ours!.reservation.lock()
  await a.close()
  ;(await locking).release()
  assert.deepEqual(changes, ['left 1'])
  assert.deepEqual(
    b.members.map(({ index }) => index),
    [0],
  )
  mine.signal(1)
  assert.deepEqual((await waiting).sort(), ['ENOENT', 'none'])
  held.release()
  theirs!.reservation.tryLock()!.release()
  assert.equal(await errorCode(() => a.open('frame2')), 'EPIPE')
})

test('A domain of one hub gives an index to another member, with another generation', async (t) => {
  await using rig = await DomainRig.open(t, { members: 3 })
  const a = await rig.join()
  await rig.join()
  assert.equal(await errorCode(() => rig.join()), 'EBUSY')
  await a.close()
  await until(() => rig.hub.members.length === 1)
  const next = await rig.join()
  assert.equal(next.index, 1)
  assert.deepEqual(
    rig.hub.members.map(({ index, generation }) => [index, generation]),
    [
      [1, 2],
      [2, 1],
    ],
  )
})

test('ServedDomain.evict ends a member for all others, and it finds out', async (t) => {
  await using rig = await DomainRig.open(t)
  const [a, b] = [await rig.join(), await rig.join()]
  const [theirs, ours] = await rig.share(a, 'frame', [b])
  addPending(theirs!.reservation, 'write')
  const held = theirs!.reservation.tryLock()!
  const [fence] = ours!.reservation.fences('write')
  const waiting = errorCode(() => fence!.wait())
  assert.equal(rig.hub.evict(1, 'stuck'), true)
  assert.equal(rig.hub.evict(1, 'stuck'), false)
  assert.equal(await waiting, 'ECONNRESET')
  ;(await ours!.reservation.lock()).release()
  await until(() => a.closed)
  held.release()
})

test('An evicted member hears of it before it locks anything, though it read no message since', async (t) => {
  await using rig = await DomainRig.open(t)
  const [a, b] = [await rig.join(), await rig.join()]
  const [theirs] = await rig.share(a, 'frame', [b])
  rig.hub.evict(1, 'stuck')
  const { reservation } = theirs!
  assert.equal(
    thrownCode(() => reservation.tryLock()),
    'ECONNRESET',
  )
  assert.equal(a.closed, true)
  assert.equal(await errorCode(() => reservation.lock()), 'ECONNRESET')
  assert.equal(await errorCode(() => theirs!.beginCpuAccess('read')), 'ECONNRESET')
  assert.equal(reservation.isLockedHere, false)
  // Those who stay need nothing more to go on.
  await until(() => b.members.length === 1)
  ;(await rig.share(b, 'other', []))[0]!.reservation.tryLock()!.release()
})

test('An evicted member gives back what it has mapped, attached and opened', async (t) => {
  await using rig = await DomainRig.open(t)
  const a = await rig.join()
  const [theirs] = await rig.share(a, 'frame', [])
  const access = await theirs!.beginCpuAccess('read')
  const attachment = await theirs!.attach({ name: 'device' })
  const table = await attachment.map('to-device')
  rig.hub.evict(1, 'stuck')
  await until(() => a.closed)
  access.end()
  await attachment.unmap(table, 'to-device')
  await attachment.detach()
  theirs!.close()
})

test('After its hub has left a domain lives on, and says so to whoever asks for buffers', async (t) => {
  await using rig = await DomainRig.open(t)
  const [a, b] = [await rig.join(), await rig.join()]
  const [theirs, ours] = await rig.share(a, 'frame', [b])
  await rig.hub.close()
  await until(() => a.members.length === 1 && b.members.length === 1)
  const timeline = addPending(theirs!.reservation, 'write')
  const access = ours!.beginCpuAccess('read')
  timeline.signal(1)
  ;(await access).end()
  const held = theirs!.reservation.tryLock()!
  const locking = ours!.reservation.lock()
  held.release()
  ;(await locking).release()
  assert.equal(await errorCode(() => a.open('other')), 'EPIPE')
})

test('A domain gives back all descriptors and mappings', async (t) => {
  const path = async (): Promise<void> => {
    await using rig = await DomainRig.open(t)
    const [a, b] = [await rig.join(), await rig.join()]
    const [theirs] = await rig.share(a, 'frame', [b, rig.hub])
    addPending(theirs!.reservation, 'write')
  }
  await path()
  await settled()
  const before = countResources()
  await path()
  await until(() => countResources().fds <= before.fds)
  await settled()
  assert.deepEqual(countResources(), before)
})
