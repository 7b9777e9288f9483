// Goal: polling tells when devices are done, with one slot per event and buffer, and an armed slot keeps the
// buffer alive.
// Method: fences under the test's hand; wakers that write down their names.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drainDeferred } from '#src/core/deferred.js'
import { DmaBufError } from '#src/core/errors.js'
import { POLL_ERR, POLL_IN, POLL_OUT } from '#src/core/buffer/poll-events.js'
import { signalFence } from '#src/core/fence/fence.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import { USAGES, type Usage } from '#src/core/reservation/usage.js'
import { BufferRig } from '../../helpers/buffer-rig.js'
import { collectWarnings } from '../../helpers/warnings.js'

const BOTH = POLL_IN | POLL_OUT

test('A buffer without fences is ready for everything, and nothing stays armed [BUF-10, BUF-43]', () => {
  using rig = new BufferRig()
  assert.equal(rig.object.poll.isArmed, false)
  assert.equal(rig.poll(BOTH), BOTH)
  assert.equal(rig.poll(POLL_IN), POLL_IN)
  assert.equal(rig.poll(POLL_OUT), POLL_OUT)
  assert.equal(rig.extra, 0)
  assert.equal(rig.object.knownReservation, undefined, 'It needs no reservation')
})

const READY: Readonly<Record<Usage, number>> = {
  kernel: 0,
  write: 0,
  read: POLL_IN,
  bookkeep: BOTH,
}

for (const usage of USAGES)
  test(`Beside a pending ${usage} fence the events ${READY[usage]} are ready [BUF-38, MIS-2]`, () => {
    using rig = new BufferRig()
    const fence = rig.add(usage)
    assert.equal(rig.poll(BOTH), READY[usage])
    signalFence(fence)
    assert.equal(rig.poll(BOTH), BOTH)
  })

test('A fence that failed is over: the buffer is ready [BUF-38]', () => {
  using rig = new BufferRig()
  const fence = rig.add('write')
  signalFence(fence, new DmaBufError('EIO', 'test', 'The work failed'))
  assert.equal(rig.poll(BOTH), BOTH)
})

test('Polling for neither event answers 0, takes no lock and arms nothing, but waits in the queue [BUF-37]', () => {
  using rig = new BufferRig()
  rig.add('write')
  using _held = rig.object.reservation.tryLock()
  const wake = (): void => assert.fail('Woken for nothing')
  for (const events of [0, 2, POLL_ERR, 16]) assert.equal(rig.poll(events, wake), 0)
  assert.equal(rig.object.poll.isArmed, false)
  assert.equal(rig.object.poll.waiters.size, 4)
})

test('Other events are not looked at [BUF-37]', () => {
  using rig = new BufferRig()
  assert.equal(rig.poll(0xffff), BOTH)
})

test('POLL_ERR is told only where the reservation is gone [BUF-37]', async () => {
  const reservation = new Reservation()
  using rig = new BufferRig({ info: { reservation } })
  assert.equal(rig.poll(BOTH), BOTH)
  reservation.destroy()
  assert.equal(rig.poll(BOTH), POLL_ERR)
  assert.equal(rig.poll(0), 0)
  assert.equal(rig.extra, 0)
})

test('Polling waits for the lock, also with nothing to wait for behind it [BUF-39]', async () => {
  using rig = new BufferRig()
  const held = rig.object.reservation.tryLock()
  let result: number | undefined = undefined
  const looking = Promise.resolve(rig.buffer.poll(BOTH)).then((events) => (result = events))
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  assert.equal(result, undefined)
  assert.equal(rig.extra, 1, 'The call keeps the buffer')
  held!.release()
  assert.equal(await looking, BOTH)
  assert.equal(rig.extra, 0)
})

test('Polling that waits for the lock registers at once: a wake-up before it looks is not lost [BUF-39]', async () => {
  using rig = new BufferRig()
  const fence = rig.add('write')
  assert.equal(rig.poll(POLL_IN), 0)
  const held = rig.object.reservation.tryLock()
  let woken = 0
  const looking = rig.buffer.poll(POLL_IN, () => woken++)
  signalFence(fence)
  assert.equal(woken, 1)
  held!.release()
  assert.equal(await looking, POLL_IN)
})

test('Polling that waits for the lock of a reservation that goes meanwhile tells POLL_ERR [BUF-37]', async () => {
  using warnings = collectWarnings()
  const reservation = new Reservation()
  using rig = new BufferRig({ info: { reservation } })
  const held = reservation.tryLock()
  const looking = rig.buffer.poll(POLL_IN)
  reservation.destroy()
  held!.release()
  assert.equal(await looking, POLL_ERR)
  assert.equal(reservation.isLocked, false)
  assert.equal(rig.extra, 0)
  assert.deepEqual(warnings.rules, ['RESV-5'])
})

test('An armed slot waits for the first pending fence of the table, and keeps it [BUF-42]', () => {
  using rig = new BufferRig()
  const done = rig.add('write')
  const first = rig.add('write')
  const second = rig.add('kernel')
  signalFence(done)
  assert.equal(rig.poll(POLL_IN), 0)
  assert.equal(rig.object.poll.in.fence, first)
  assert.equal(rig.object.poll.in.active, POLL_IN)
  assert.equal(rig.extra, 1)
  signalFence(second)
  assert.equal(rig.object.poll.in.active, POLL_IN, 'It waits for one fence at a time')
  signalFence(first)
  assert.equal(rig.object.poll.in.active, 0)
})

test('Each event has its own slot, and each armed slot a reference on the buffer [BUF-40, BUF-42, BUF-62]', () => {
  using rig = new BufferRig()
  const fence = rig.add('write')
  assert.equal(rig.poll(POLL_OUT), 0)
  assert.equal(rig.extra, 1)
  assert.equal(rig.object.poll.in.active, 0)
  assert.equal(rig.poll(BOTH), 0)
  assert.equal(rig.extra, 2)
  signalFence(fence)
  assert.equal(rig.extra, 0)
})

test('POLL_OUT is looked at before POLL_IN [BUF-40]', () => {
  using rig = new BufferRig()
  const order: number[] = []
  rig.add('write', {
    enableSignaling: () => {
      order.push(rig.object.poll.out.active, rig.object.poll.in.active)
      return true
    },
  })
  rig.poll(BOTH)
  assert.deepEqual(order, [POLL_OUT, 0])
  signalFence(rig.object.poll.in.fence!)
})

test('A busy slot reports nothing and arms nothing more, for whoever asks [BUF-41, MIS-3]', () => {
  using rig = new BufferRig()
  using other = rig.buffer.dup()
  const fence = rig.add('write')
  assert.equal(rig.poll(POLL_IN), 0)
  const references = rig.extra
  assert.equal(other.poll(POLL_IN), 0)
  assert.equal(rig.poll(POLL_IN), 0)
  assert.equal(rig.extra, references)
  signalFence(fence)
})

test('A busy slot stays silent although its fence is the only one left to wait for by then [BUF-41, BUF-46]', () => {
  using rig = new BufferRig()
  const old = rig.add('write', { context: 7, seqno: 1 })
  assert.equal(rig.poll(POLL_IN), 0)
  const later = rig.fences.fence({ context: 7, seqno: 2 })
  rig.addFence(later, 'write')
  signalFence(later)
  assert.equal(rig.buffer.reservation.isSignaled('bookkeep'), true)
  assert.equal(rig.poll(POLL_IN), 0, 'The fence that left the table still has the callback')
  signalFence(old)
  assert.equal(rig.poll(POLL_IN), POLL_IN)
})

test('A fence added later is seen by the next look only [BUF-46]', () => {
  using rig = new BufferRig()
  const first = rig.add('write')
  let woken = 0
  assert.equal(
    rig.poll(POLL_IN, () => woken++),
    0,
  )
  const second = rig.add('write')
  signalFence(first)
  assert.equal(woken, 1)
  assert.equal(rig.object.poll.isArmed, false)
  assert.equal(rig.poll(POLL_IN), 0)
  signalFence(second)
  assert.equal(woken, 2)
  assert.equal(rig.poll(POLL_IN), POLL_IN)
})

test('Being woken is not being ready; without another look nobody is woken again [BUF-45, MIS-3]', () => {
  using rig = new BufferRig()
  const first = rig.add('write')
  const second = rig.add('write')
  let woken = 0
  rig.poll(POLL_IN, () => woken++)
  signalFence(first)
  assert.equal(woken, 1)
  signalFence(second)
  assert.equal(woken, 1)
  assert.equal(rig.poll(POLL_IN), POLL_IN)
})

test('A signal wakes those who wait for the event of its slot, and no others [BUF-44]', () => {
  using rig = new BufferRig()
  const fence = rig.add('read')
  const woken: string[] = []
  rig.poll(POLL_IN, () => woken.push('in'))
  woken.length = 0
  rig.poll(POLL_OUT, () => woken.push('out'))
  rig.poll(BOTH, () => woken.push('both'))
  woken.length = 0
  signalFence(fence)
  assert.deepEqual(woken, ['out', 'both'])
})

test('A look that finds nothing pending wakes all who wait for the event, its own caller, too [BUF-43]', () => {
  using rig = new BufferRig()
  const woken: string[] = []
  rig.poll(POLL_IN, () => woken.push('first'))
  rig.poll(POLL_OUT, () => woken.push('out'))
  rig.poll(POLL_IN, () => woken.push('second'))
  assert.deepEqual(woken, ['first', 'out', 'first', 'second'])
})

test('An armed slot keeps the buffer alive until the fence signals, every handle closed [BUF-44, MIS-4]', () => {
  using rig = new BufferRig()
  const fence = rig.add('write')
  rig.poll(POLL_IN)
  rig.buffer.close()
  drainDeferred()
  assert.equal(rig.released, false)
  signalFence(fence)
  assert.equal(rig.released, false, 'Not inside the callback')
  drainDeferred()
  assert.equal(rig.released, true)
})

test('The slot is free and the waiters are told before the fence goes, and it goes before the buffer [BUF-44]', () => {
  const steps: string[] = []
  using rig = new BufferRig({ release: () => steps.push('buffer') })
  const { object } = rig
  const fence = rig.fences.fence({
    release: () => steps.push(`fence, ${object.references} left`),
  })
  rig.addFence(fence, 'read')
  rig.poll(POLL_OUT, () => steps.push(`woken, slot ${object.poll.out.active}`))
  // The same timeline's next fence takes its place: the slot's reference is the last one.
  const next = rig.fences.fence({ context: fence.context, seqno: 2 })
  rig.addFence(next, 'read')
  signalFence(next)
  rig.fences.put(fence)
  rig.buffer.close()
  signalFence(fence)
  drainDeferred()
  assert.deepEqual(steps, ['woken, slot 0', 'fence, 1 left', 'buffer'])
})

test('Arming enables signalling, so that a fence nobody asked is noticed [BUF-47]', () => {
  using rig = new BufferRig()
  let enabled = 0
  const fence = rig.add('write', { enableSignaling: () => ++enabled > 0 })
  rig.poll(POLL_IN)
  assert.equal(enabled, 1)
  signalFence(fence)
  const lazy = rig.add('write', { enableSignaling: () => false })
  assert.equal(rig.poll(POLL_IN), POLL_IN, 'It had signalled, and said so when enabled')
  assert.equal(lazy.status, 'signaled')
})

test('Polling asks nothing of the exporter: caches need their brackets all the same [BUF-48]', () => {
  using rig = new BufferRig({ begin: () => assert.fail('Asked') })
  assert.equal(rig.poll(BOTH), BOTH)
  assert.deepEqual(rig.exporter.calls, [])
})

test('A waker that throws is reported, the others are woken and nothing leaks [PORT-4]', () => {
  using warnings = collectWarnings()
  using rig = new BufferRig()
  const fence = rig.add('write')
  let woken = 0
  rig.poll(POLL_IN, () => {
    throw new Error('broken')
  })
  rig.poll(POLL_IN, () => woken++)
  signalFence(fence)
  assert.equal(woken, 1)
  assert.deepEqual(warnings.rules, ['PORT-4'])
  assert.equal(rig.extra, 0)
})

test('A waker may look again at once: the slot is armed on the next fence then', () => {
  using rig = new BufferRig()
  const first = rig.add('write')
  const second = rig.add('write')
  const results: number[] = []
  rig.poll(POLL_IN, () => results.push(rig.object.poll.look(POLL_IN) as number))
  signalFence(first)
  assert.deepEqual(results, [0])
  assert.equal(rig.object.poll.in.fence, second)
  assert.equal(rig.extra, 1)
  signalFence(second)
  assert.equal(results[1], POLL_IN)
  assert.equal(rig.extra, 0)
})

test('A waker that closes the last handle ends nothing under the look that woke it', () => {
  using rig = new BufferRig()
  rig.poll(POLL_OUT, () => rig.buffer.close())
  assert.equal(rig.released, true)
  assert.throws(() => rig.buffer.poll(BOTH), { code: 'EBADF', operation: 'poll' })
})

test('A creator that closes the last handle while it is asked ends nothing under the look', () => {
  using rig = new BufferRig()
  const fence = rig.add('write', {
    enableSignaling: () => {
      rig.buffer.close()
      return true
    },
  })
  assert.equal(rig.buffer.poll(BOTH), 0)
  assert.equal(rig.released, false)
  signalFence(fence)
})

test('A creator that throws when it is enabled counts as done, and nothing leaks [PORT-4]', () => {
  using warnings = collectWarnings()
  using rig = new BufferRig()
  rig.add('write', {
    enableSignaling: () => {
      throw new Error('broken')
    },
  })
  assert.equal(rig.poll(POLL_IN), POLL_IN)
  assert.equal(rig.extra, 0)
  assert.equal(rig.object.reservation.isLocked, false)
  assert.deepEqual(warnings.rules, ['PORT-4'])
})

test('stopPolling ends the wake-ups of one poll, also after close(), and knows no others', () => {
  using rig = new BufferRig()
  const fence = rig.add('write')
  let woken = 0
  const wake = (): number => woken++
  rig.buffer.stopPolling(wake)
  rig.poll(POLL_IN, wake)
  rig.poll(POLL_IN, wake)
  rig.buffer.stopPolling(wake)
  signalFence(fence)
  assert.equal(woken, 1)
  rig.buffer.close()
  rig.buffer.stopPolling(wake)
  assert.equal(rig.object.poll.waiters.size, 0)
})

test('A writer and a later reader, polled for both events [EX-7]', () => {
  using rig = new BufferRig()
  const w = rig.add('write')
  const r = rig.add('read')
  const { out, in: reading } = rig.object.poll
  let woken = 0
  assert.equal(
    rig.poll(BOTH, () => woken++),
    0,
  )
  assert.deepEqual([out.fence, reading.fence], [w, w])
  signalFence(w)
  assert.equal(woken, 2, 'Once for each slot')
  assert.equal(rig.poll(BOTH), POLL_IN)
  assert.equal(out.fence, r)
  assert.equal(reading.active, 0)
  assert.equal(rig.extra, 1, 'The slot of POLL_OUT keeps the buffer')
  signalFence(r)
  assert.equal(rig.extra, 0)
  assert.equal(rig.poll(BOTH), BOTH)
})

test('Two who poll for POLL_OUT share the slot and its wake-up [EX-8]', () => {
  using rig = new BufferRig()
  const w = rig.add('write')
  const r = rig.add('read')
  const woken: string[] = []
  assert.equal(
    rig.poll(POLL_OUT, () => woken.push('first')),
    0,
  )
  assert.equal(
    rig.poll(POLL_OUT, () => woken.push('second')),
    0,
  )
  assert.equal(rig.extra, 1)
  signalFence(w)
  assert.deepEqual(woken, ['first', 'second'])
  assert.equal(rig.poll(POLL_OUT), 0, 'Whoever looks first arms it again')
  assert.equal(rig.object.poll.out.fence, r)
  signalFence(r)
  assert.deepEqual(woken, ['first', 'second', 'first', 'second'])
  assert.equal(rig.poll(POLL_OUT), POLL_OUT)
})
