// Goal: a ring reaches the other thread's event loop, however close to its sleep, and a closed listener is quiet.
// Method: both halves in one thread, with the runtime's wait, without it, and with one that never sleeps.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedBell, SharedBellListener, type WaitAsync } from '#src/threads/shared-bell.js'
import { until } from '../helpers/leaks.js'

const runtimeWait = (Atomics as unknown as { waitAsync: WaitAsync }).waitAsync
const never: WaitAsync = () => ({ async: false, value: 'not-equal' })

for (const [how, waitAsync] of [
  ['Atomics.waitAsync', runtimeWait],
  ['a timer', null],
  ['a wait that returns at once', never],
] as const)
  test(`SharedBellListener hears rings by ${how}, one by one or several at once`, async () => {
    const words = new Int32Array(new SharedArrayBuffer(8))
    const bell = new SharedBell(words, 1)
    let rings = 0
    const listener = new SharedBellListener(words, 1, () => rings++, waitAsync)
    bell.ring()
    await until(() => rings === 1)
    bell.ring()
    bell.ring()
    await until(() => rings >= 2)
    listener[Symbol.dispose]()
    listener[Symbol.dispose]()
    const before = rings
    bell.ring()
    await new Promise((resolve) => setTimeout(resolve, 10))
    assert.equal(rings, before)
    assert.equal(words[0], 0)
  })

test('SharedBellListener hears a ring that comes while it is called', async () => {
  const words = new Int32Array(new SharedArrayBuffer(4))
  const bell = new SharedBell(words, 0)
  let rings = 0
  using _listener = new SharedBellListener(words, 0, () => {
    if (++rings < 5) bell.ring()
  })
  bell.ring()
  await until(() => rings === 5)
})

test('SharedBellListener hears a ring from before it listens by nothing, and listens from then on', async () => {
  const words = new Int32Array(new SharedArrayBuffer(4))
  const bell = new SharedBell(words, 0)
  bell.ring()
  let rings = 0
  using _listener = new SharedBellListener(words, 0, () => rings++)
  bell.ring()
  await until(() => rings > 0)
  assert.equal(rings, 1)
})
