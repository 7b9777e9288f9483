// Goal: work on shared buffers waits for what it must, tells others what they must wait for, and never
// half-starts.
// Method: tables of uses; starts that fail; the two orders of two buffers at once.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { getFence, type Fence } from '#src/core/fence/fence.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import { submit, usageToObey, usageToPublish } from '#src/core/reservation/submit.js'
import { USAGES, type Usage } from '#src/core/reservation/usage.js'
import { mockFence } from '../../helpers/mock-fence.js'
import { FenceRig } from './fence-rig.js'

/** Reservations with a pending fence of each usage. */
function open(count: number) {
  const rig = new FenceRig()
  const buffers = Array.from({ length: count }, () => {
    const reservation = new Reservation()
    using held = reservation.tryLock()!
    held.reserve(4)
    const fences = USAGES.map((usage) => {
      const fence = rig.fence()
      held.add(fence, usage)
      return fence
    })
    return { reservation, fences }
  })
  return {
    rig,
    buffers,
    [Symbol.dispose]() {
      for (const { reservation } of buffers) reservation.destroy()
      rig.finish()
    },
  }
}

function contents(reservation: Reservation): readonly (readonly [Fence, Usage])[] {
  using held = reservation.tryLock()!
  return [...held.entries('bookkeep')].map(({ fence, usage }) => [fence, usage])
}

// Write, explicit, what is waited for, what is added.
const USES: readonly (readonly [boolean, boolean | undefined, Usage, Usage])[] = [
  [false, undefined, 'write', 'read'],
  [false, false, 'write', 'read'],
  [true, undefined, 'read', 'write'],
  [false, true, 'kernel', 'bookkeep'],
  [true, true, 'kernel', 'bookkeep'],
]

for (const [write, explicit, obeyed, published] of USES) {
  const name = `${explicit === true ? 'an explicit ' : 'a '}${write ? 'write' : 'read'}`
  test(`usageToObey: ${name} waits up to ${obeyed} [RESV-3, RESV-35, RESV-36, MIS-2]`, () => {
    assert.equal(usageToObey({ write, explicit }), obeyed)
  })

  test(`usageToPublish: ${name} is added as ${published} [RESV-2, RESV-34]`, () => {
    assert.equal(usageToPublish({ write, explicit }), published)
  })

  test(`submit: ${name} gets what it depends on, and adds its fence [RESV-34, RESV-35, RESV-36, RESV-37]`, async () => {
    using it = open(1)
    const [{ reservation, fences }] = it.buffers as [(typeof it.buffers)[0]]
    const done = it.rig.fence()
    const result = await submit([{ reservation, write, explicit }], (dependencies) => {
      assert.deepEqual(dependencies, fences.slice(0, USAGES.indexOf(obeyed) + 1))
      assert.equal(reservation.isLocked, true)
      return done
    })
    assert.equal(result, done)
    assert.deepEqual(contents(reservation).at(-1), [done, published])
    assert.equal(reservation.isLocked, false)
  })
}

test('submit on several buffers: one fence in each, and the fences of all [RESV-37]', async () => {
  using it = open(2)
  const [a, b] = it.buffers as [(typeof it.buffers)[0], (typeof it.buffers)[0]]
  const done = it.rig.fence()
  const uses = [
    { reservation: a.reservation, write: true },
    { reservation: b.reservation, write: false },
  ]
  await submit(uses, (dependencies) => {
    assert.deepEqual(dependencies, [...a.fences.slice(0, 3), ...b.fences.slice(0, 2)])
    return done
  })
  assert.deepEqual(contents(a.reservation).at(-1), [done, 'write'])
  assert.deepEqual(contents(b.reservation).at(-1), [done, 'read'])
})

test('submit that uses one buffer several times has slots for all uses [RESV-7, RESV-37]', async () => {
  // Four of five slots are taken.
  using it = open(1)
  const [{ reservation }] = it.buffers as [(typeof it.buffers)[0]]
  const done = it.rig.fence()
  const uses = [true, false].map((write) => ({ reservation, write }))
  await submit(uses, () => done)
  assert.deepEqual(contents(reservation).slice(4), [
    [done, 'write'],
    [done, 'read'],
  ])
})

test('submit: a start that throws changes nothing, and keeps no lock and no reference [RESV-37]', async () => {
  using it = open(1)
  const [{ reservation }] = it.buffers as [(typeof it.buffers)[0]]
  const before = contents(reservation)
  const failure = new Error('The ring is full')
  await assert.rejects(
    submit([{ reservation, write: true }], () => {
      throw failure
    }),
    failure,
  )
  assert.deepEqual(contents(reservation), before)
})

test('submit fails before the start where a slot cannot be had [RESV-37]', async () => {
  using it = open(1)
  const [{ reservation }] = it.buffers as [(typeof it.buffers)[0]]
  const uses = Array.from({ length: 2 }, () => ({ reservation, write: true }))
  using _debug = setDebug({ failAllocations: true })
  await assert.rejects(
    submit(uses, () => assert.fail('It was started')),
    { code: 'ENOMEM' },
  )
  assert.equal(reservation.isLocked, false)
})

test('submit waits for locks, not for fences, and takes options for that [RESV-37, RESV-38]', async () => {
  using it = open(1)
  const [{ reservation }] = it.buffers as [(typeof it.buffers)[0]]
  using _held = reservation.tryLock()!
  const submitting = submit([{ reservation, write: true }], () => assert.fail('It was started'), {
    signal: AbortSignal.abort(),
  })
  await assert.rejects(submitting, { code: 'EINTR' })
})

test('submit in both orders of two buffers: both get through, one after the other [RESV-37]', async () => {
  using it = open(0)
  const [a, b] = [new Reservation(), new Reservation()]
  const first = it.rig.fence()
  const second = it.rig.fence()
  const uses = [a, b].map((reservation) => ({ reservation, write: true }))
  const seen: (readonly Fence[])[] = []
  const start = (fence: Fence) => (dependencies: readonly Fence[]) => {
    seen.push([...dependencies])
    return fence
  }
  await Promise.all([submit(uses, start(first)), submit(uses.toReversed(), start(second))])
  assert.deepEqual(seen, [[], [first, first]])
  a.destroy()
  b.destroy()
})

test('submit hands over more fences than a call takes arguments', async () => {
  const reservation = new Reservation()
  const count = 200_000
  const fences = Array.from({ length: count }, () => mockFence())
  Object.assign(reservation, { fences: () => fences.map((fence) => getFence(fence)) })
  let seen = 0
  const fence = await submit([{ reservation, write: true }], (dependencies) => {
    seen = dependencies.length
    return mockFence()
  })
  assert.equal(seen, count)
  assert.equal(fence.status, 'pending')
  reservation.destroy()
})
