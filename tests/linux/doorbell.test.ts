// Goal: a ring wakes the receiver, neither side can block the other, and a wrong descriptor is an error.
// Method: both halves in one process; rings are awaited through the event loop, never by time.
import assert from 'node:assert/strict'
import { openSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { Doorbell, DoorbellListener } from '#src/linux/doorbell.js'
import { createMemfd } from '#src/linux/memfd.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { exitAfterTests } from '../helpers/exit-after.js'
import { runFixture } from '../helpers/fixture.js'
import { countResources, settled, until } from '../helpers/leaks.js'

exitAfterTests()

async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}

test('Doorbell.ring calls the listener back', async () => {
  using bell = new Doorbell()
  let rung = 0
  using _listener = new DoorbellListener(bell.set.dup(), () => rung++)
  await turns()
  assert.equal(rung, 0)
  for (let round = 1; round <= 3; round++) {
    bell.ring()
    await until(() => rung === round)
    await turns()
    assert.equal(rung, round)
  }
})

test('Doorbell.ring many times at once is one call back, or few, and the last is never lost', async () => {
  using bell = new Doorbell()
  let rung = 0
  using _listener = new DoorbellListener(bell.set.dup(), () => rung++)
  for (let i = 0; i < 10_000; i++) bell.ring()
  await until(() => rung > 0)
  await turns()
  assert.equal(rung, 1)
  bell.ring()
  await until(() => rung === 2)
})

test('Doorbell.ring before anybody listens is heard by whoever listens first', async () => {
  using bell = new Doorbell()
  bell.ring()
  let rung = 0
  using _listener = new DoorbellListener(bell.set.dup(), () => rung++)
  await until(() => rung === 1)
})

test('DoorbellListener hears nothing any more after close(), and the ringer does not mind', async () => {
  using bell = new Doorbell()
  let rung = 0
  const listener = new DoorbellListener(bell.set.dup(), () => rung++)
  bell.ring()
  listener.close()
  listener.close()
  bell.ring()
  await turns()
  assert.equal(rung, 0)
})

test('Doorbell fails with EBADF after close(), and closing twice does nothing', () => {
  const bell = new Doorbell()
  bell.close()
  bell.close()
  assert.throws(
    () => {
      bell.ring()
    },
    { code: 'EBADF' },
  )
  assert.equal(bell.set.closed, true)
})

test('DoorbellListener closes and refuses a descriptor that cannot be watched', async () => {
  await settled()
  const before = countResources()
  for (const fd of [createMemfd('page', 4096), OwnedFd.adopt(openSync('/proc/self/exe', 'r'))]) {
    assert.throws(() => new DoorbellListener(fd, () => {}), {
      code: 'EPERM',
      message: /The peer sent no doorbell/,
    })
    assert.equal(fd.closed, true)
  }
  await settled()
  assert.deepEqual(countResources(), before)
})

test('DoorbellListener that was sent a socket instead closes it at the first event', async () => {
  const pair = new Int32Array(2)
  assert.equal(native().socketPair(pair), 0)
  using other = OwnedFd.adopt(pair[1]!)
  const wrong = OwnedFd.adopt(pair[0]!)
  native().send(other.number, new Uint8Array(1), 1)
  let rung = 0
  using _listener = new DoorbellListener(wrong, () => rung++)
  await until(() => wrong.closed)
  assert.equal(rung, 0)
})

test('Doorbells give back every descriptor', async () => {
  await settled()
  const before = countResources()
  for (let i = 0; i < 100; i++) {
    using bell = new Doorbell()
    using listener = new DoorbellListener(bell.set.dup(), () => {})
    bell.ring()
    listener.close()
  }
  await settled()
  assert.deepEqual(countResources(), before)
})

test('DoorbellListener alone does not keep the process alive', async () => {
  const { code, stdout, stderr } = await runFixture('idle-listener.js')
  assert.equal(code, 0, stderr)
  assert.equal(stdout, 'listening')
})
