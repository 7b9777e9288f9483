// Goal: the canonical driver that attaches fences to buffers for user space can be written over the framework.
// Method: that driver, in a page, on a manual clock; its answers are the kernel's.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { allocateContext } from '#src/core/fence/context.js'
import { Fence, signalFence } from '#src/core/fence/fence.js'
import { host } from '#src/core/host.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import { usageToWaitFor } from '#src/core/reservation/usage.js'
import { useManualClock } from '../../helpers/manual-clock.js'

const WRITE = 1
const LIFE_MS = 10_000

interface Attached {
  readonly fence: Fence
  readonly stopTimer: () => void
}

class Vgem implements Disposable {
  readonly objects = new Map<number, Reservation>()
  readonly #fences = new Map<number, Attached>()
  #lastId = 0

  attach(handle: number, flags: number, pad = 0): number {
    if ((flags & ~WRITE) !== 0 || pad !== 0) throw this.#error('EINVAL')
    const reservation = this.objects.get(handle)
    if (reservation === undefined) throw this.#error('ENOENT')
    const isWriter = (flags & WRITE) !== 0
    if (!reservation.isSignaled(usageToWaitFor(isWriter))) throw this.#error('EBUSY')
    const fence = new Fence({ driverName: 'vgem', timelineName: 'unbound' }, allocateContext(), 1)
    using held = reservation.tryLock()
    assert.ok(held)
    held.reserve(1)
    held.add(fence, isWriter ? 'write' : 'read')
    const expire = (): void => void signalFence(fence, this.#error('ETIMEDOUT'))
    this.#fences.set(++this.#lastId, { fence, stopTimer: host().setTimer(LIFE_MS, expire) })
    return this.#lastId
  }

  signal(id: number, flags = 0): void {
    if (flags !== 0) throw this.#error('EINVAL')
    const attached = this.#fences.get(id)
    if (attached === undefined) throw this.#error('ENOENT')
    this.#fences.delete(id)
    attached.stopTimer()
    if (!signalFence(attached.fence)) throw this.#error('ETIMEDOUT')
  }

  [Symbol.dispose](): void {
    for (const { fence, stopTimer } of this.#fences.values()) {
      stopTimer()
      signalFence(fence)
    }
    this.#fences.clear()
  }

  #error(code: string): DmaBufError {
    return new DmaBufError(code, 'vgem', 'vgem')
  }
}

test('Attaching refuses flags, padding and handles it does not know, and never waits for a conflict [VG-1]', () => {
  using _time = useManualClock()
  using vgem = new Vgem()
  vgem.objects.set(1, new Reservation())
  assert.throws(() => vgem.attach(9, 2), { code: 'EINVAL' })
  assert.throws(() => vgem.attach(9, 0, 1), { code: 'EINVAL' })
  assert.throws(() => vgem.attach(9, 0), { code: 'ENOENT' })
  const reader = vgem.attach(1, 0)
  const another = vgem.attach(1, 0)
  assert.throws(() => vgem.attach(1, WRITE), { code: 'EBUSY' })
  vgem.signal(reader)
  assert.throws(() => vgem.attach(1, WRITE), { code: 'EBUSY' })
  vgem.signal(another)
  vgem.attach(1, WRITE)
  assert.throws(() => vgem.attach(1, 0), { code: 'EBUSY' })
})

test('Each fence is alone on its timeline, and added as what it was asked for [VG-1]', () => {
  using _time = useManualClock()
  using vgem = new Vgem()
  const reservation = new Reservation()
  vgem.objects.set(1, reservation)
  vgem.attach(1, 0)
  vgem.attach(1, 0)
  const entries = [...reservation.entries('bookkeep')]
  assert.deepEqual(
    entries.map(({ usage, fence }) => [usage, fence.seqno]),
    [
      ['read', 1],
      ['read', 1],
    ],
  )
  assert.notEqual(entries[0]?.fence.context, entries[1]?.fence.context)
})

test('A fence that nobody signals ends by itself after ten seconds; signalling it then says so, once [VG-2, FENCE-40]', () => {
  using time = useManualClock()
  using vgem = new Vgem()
  const reservation = new Reservation()
  vgem.objects.set(1, reservation)
  const id = vgem.attach(1, WRITE)
  time.clock.advance(LIFE_MS - 1)
  assert.equal(reservation.isSignaled('bookkeep'), false)
  time.clock.advance(1)
  assert.equal(reservation.isSignaled('bookkeep'), true)
  assert.throws(() => vgem.signal(id, 1), { code: 'EINVAL' })
  assert.throws(() => vgem.signal(id), { code: 'ETIMEDOUT' })
  assert.throws(() => vgem.signal(id), { code: 'ENOENT' })
})

test('Closing the device signals what it has attached [VG-2]', () => {
  using time = useManualClock()
  const vgem = new Vgem()
  const reservation = new Reservation()
  vgem.objects.set(1, reservation)
  vgem.attach(1, WRITE)
  vgem[Symbol.dispose]()
  assert.equal(reservation.isSignaled('bookkeep'), true)
  assert.equal(time.clock.timerCount, 0)
})
