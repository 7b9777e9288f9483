// Goal: only who holds the lock changes the fences, and the proof of it cannot be faked or kept.
// Method: reservations with counted fences; proofs that are foreign, released or no proofs.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { createFenceArray } from '#src/core/fence/fence-array.js'
import { createFenceChain } from '#src/core/fence/fence-chain.js'
import { getFence, putFence, signalFence, type Fence } from '#src/core/fence/fence.js'
import { checkHeld, type Held } from '#src/core/reservation/held.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import type { Usage } from '#src/core/reservation/usage.js'
import { collectWarnings } from '../../helpers/warnings.js'
import { FenceRig } from './fence-rig.js'

/** A locked reservation and a rig; all references are checked at the end. */
function open() {
  const reservation = new Reservation()
  const rig = new FenceRig()
  return {
    reservation,
    rig,
    held: reservation.tryLock()!,
    [Symbol.dispose]() {
      this.held.release()
      reservation.destroy()
      rig.finish()
    },
  }
}

function contents(held: Held): readonly (readonly [Fence, Usage])[] {
  return [...held.entries('bookkeep')].map(({ fence, usage }) => [fence, usage])
}

test('Held.add: what was reserved is added and seen [RESV-10]', () => {
  using it = open()
  const fence = it.rig.fence()
  it.held.reserve(1)
  it.held.add(fence, 'write')
  assert.deepEqual(contents(it.held), [[fence, 'write']])
  assert.equal(it.reservation.isSignaled('write'), false)
})

test('Held.reserve refuses 0 and too many [RESV-6]', () => {
  using it = open()
  using _seen = collectWarnings()
  using _debug = setDebug({ failAllocations: true })
  assert.throws(() => it.held.reserve(0), { code: 'EINVAL' })
  assert.throws(() => it.held.reserve(1), { code: 'ENOMEM' })
})

test('Held.add of an array or a chain warns, and adds it all the same [RESV-10]', () => {
  using it = open()
  using seen = collectWarnings()
  it.held.reserve(3)
  const parts = [it.rig.fence(), it.rig.fence(), it.rig.fence()].map(getFence) as [
    Fence,
    Fence,
    Fence,
  ]
  const array = createFenceArray(parts.slice(0, 2), { context: 1, seqno: 1 })
  const chain = createFenceChain(undefined, parts[2], 1)
  const plain = it.rig.fence()
  it.held.add(plain, 'read')
  assert.deepEqual(seen.list, [])
  it.held.add(array, 'read')
  it.held.add(chain, 'write')
  assert.deepEqual(
    seen.list.map(({ rule }) => rule),
    ['RESV-10', 'RESV-10'],
  )
  assert.deepEqual(contents(it.held), [
    [plain, 'read'],
    [array, 'read'],
    [chain, 'write'],
  ])
  putFence(array)
  putFence(chain)
})

test('Held in a using block is released whatever is thrown inside [RESV-11, RESV-33]', () => {
  const reservation = new Reservation()
  using rig = new FenceRig()
  assert.throws(
    () => {
      using held = reservation.tryLock()!
      held.add(rig.fence(), 'read')
    },
    { code: 'ERR_DMABUF_BUG' },
  )
  assert.equal(reservation.isLocked, false)
})

test('Held.add without a slot is a bug [RESV-11]', () => {
  using it = open()
  assert.throws(() => it.held.add(it.rig.fence(), 'read'), { code: 'ERR_DMABUF_BUG' })
})

test('Held.add and replace refuse what is no fence and no usage, and take no reference', () => {
  using it = open()
  it.held.reserve(1)
  const fence = it.rig.fence()
  for (const wrong of [null, undefined, {}]) {
    assert.throws(() => it.held.add(wrong as Fence, 'read'), TypeError)
    assert.throws(() => it.held.replace(1, wrong as Fence, 'read'), TypeError)
  }
  assert.throws(() => it.held.add(fence, 'readwrite' as Usage), TypeError)
  assert.throws(() => it.held.replace(1, fence, 'readwrite' as Usage), TypeError)
  assert.deepEqual(contents(it.held), [])
})

test('Held.replace puts a fence into the slots of a context [RESV-16]', () => {
  using it = open()
  it.held.reserve(2)
  it.held.add(it.rig.fence({ context: 5 }), 'bookkeep')
  const fence = it.rig.fence()
  it.held.replace(5, fence, 'read')
  assert.deepEqual(contents(it.held), [[fence, 'read']])
})

test('Held.entries shows signalled fences [RESV-17]', () => {
  using it = open()
  const fence = it.rig.fence()
  it.held.reserve(1)
  it.held.add(fence, 'read')
  signalFence(fence)
  assert.deepEqual(contents(it.held), [[fence, 'read']])
})

test('Held.entries ends to work with the lock [RESV-17]', () => {
  using it = open()
  const cursor = it.held.entries('read')
  it.held.release()
  assert.throws(() => cursor.step(), { code: 'EINVAL', operation: 'entries' })
})

test('Held.copyFrom takes over what is pending, of an unlocked reservation, and drops its own [RESV-25]', () => {
  using it = open()
  using source = open()
  const [a, b, c] = [it.rig.fence(), it.rig.fence(), it.rig.fence()]
  source.held.reserve(2)
  source.held.add(a, 'bookkeep')
  source.held.add(b, 'read')
  signalFence(b)
  source.held.release()
  it.held.reserve(1)
  it.held.add(c, 'write')
  it.held.copyFrom(source.reservation)
  assert.deepEqual(contents(it.held), [[a, 'bookkeep']])
  it.rig.put(c)
  assert.equal(it.rig.isReleased(c), true)
  it.held.copyFrom(it.reservation)
  assert.deepEqual(contents(it.held), [[a, 'bookkeep']])
})

test('Held.copyFrom an empty reservation leaves nothing, not even slots [RESV-23, RESV-25]', () => {
  using it = open()
  it.held.reserve(1)
  it.held.add(it.rig.fence(), 'read')
  it.held.copyFrom(new Reservation())
  assert.deepEqual(contents(it.held), [])
  assert.throws(() => it.held.add(it.rig.fence(), 'read'), { code: 'ERR_DMABUF_BUG' })
})

test('Held.copyFrom that runs out of memory changes nothing [RESV-25]', () => {
  using it = open()
  using source = open()
  source.held.reserve(1)
  source.held.add(it.rig.fence(), 'read')
  const own = it.rig.fence()
  it.held.reserve(1)
  it.held.add(own, 'write')
  using _debug = setDebug({ failAllocations: true })
  assert.throws(() => it.held.copyFrom(source.reservation), { code: 'ENOMEM' })
  assert.deepEqual(contents(it.held), [[own, 'write']])
})

test('Held.describe: lines of text [RESV-32]', () => {
  using it = open()
  it.held.reserve(1)
  it.held.add(it.rig.fence({ seqno: 7 }), 'write')
  assert.equal(it.held.describe(), '\twrite fence:test ring seq 7 unsignalled\n')
})

test('Held.release unlocks, once [RESV-33]', () => {
  using it = open()
  assert.equal(it.held.released, false)
  it.held.release()
  assert.equal(it.held.released, true)
  assert.equal(it.reservation.isLocked, false)
  using second = it.reservation.tryLock()!
  it.held.release()
  assert.equal(second.released, false)
  assert.equal(it.reservation.isLocked, true)
})

test('Held is disposable [RESV-33]', () => {
  const reservation = new Reservation()
  {
    using _held = reservation.tryLock()!
    assert.equal(reservation.isLocked, true)
  }
  assert.equal(reservation.isLocked, false)
})

test('Held.release forgets reserved slots, where that is asked for [RESV-9, EX-15, MIS-10]', () => {
  for (const resetSlots of [true, false]) {
    using _debug = setDebug({ resetSlots })
    using it = open()
    it.held.reserve(1)
    it.held.release()
    using held = it.reservation.tryLock()!
    const add = (): void => held.add(it.rig.fence(), 'read')
    if (resetSlots) assert.throws(add, { code: 'ERR_DMABUF_BUG' })
    else add()
  }
})

const CALLS: Readonly<Record<string, (held: Held, fence: Fence) => unknown>> = {
  reserve: (held) => held.reserve(1),
  add: (held, fence) => held.add(fence, 'read'),
  replace: (held, fence) => held.replace(1, fence, 'read'),
  entries: (held) => held.entries('read'),
  copy: (held) => held.copyFrom(new Reservation()),
  describe: (held) => held.describe(),
}

for (const [operation, call] of Object.entries(CALLS)) {
  test(`Held: ${operation} after the release is EINVAL and changes nothing [C-2]`, () => {
    using it = open()
    const fence = it.rig.fence()
    it.held.reserve(2)
    it.held.add(fence, 'write')
    it.held.release()
    assert.throws(() => call(it.held, it.rig.fence({ context: 1 })), {
      code: 'EINVAL',
      operation,
    })
    using held = it.reservation.tryLock()!
    assert.deepEqual(contents(held), [[fence, 'write']])
  })
}

test('checkHeld takes the proof of the very reservation, while it is locked [C-8]', () => {
  using it = open()
  checkHeld(it.held, it.reservation, 'map')
  assert.throws(() => checkHeld(it.held, new Reservation(), 'map'), {
    code: 'EINVAL',
    operation: 'map',
  })
  it.held.release()
  using _again = it.reservation.tryLock()!
  assert.throws(() => checkHeld(it.held, it.reservation, 'map'), { code: 'EINVAL' })
})

test('checkHeld refuses what is no proof', () => {
  for (const wrong of [null, undefined, {}])
    assert.throws(() => checkHeld(wrong as Held, new Reservation(), 'map'), TypeError)
})
