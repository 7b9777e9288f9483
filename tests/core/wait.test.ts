// Goal: a wait settles once, by its work, its signal or its time, and leaves nothing behind.
// Method: a manual clock, and a signal that counts its listeners.
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { waitFor, type Waiter } from '#src/core/wait.js'
import { useManualClock } from '../helpers/manual-clock.js'

type Options = Parameters<typeof waitFor>[1]

/** A wait with what it was started with, and how often it was given up. */
function begin(options: Options = {}) {
  const seen = { starts: 0, givenUp: 0, waiter: undefined as Waiter<string> | undefined }
  const promise = waitFor<string>('test', options, (waiter) => {
    seen.starts++
    seen.waiter = waiter
    return () => seen.givenUp++
  })
  return { promise, seen }
}

function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length
}

test('waitFor resolves with what the work resolves, and is not given up then', async () => {
  using time = useManualClock()
  const { signal } = new AbortController()
  const { promise, seen } = begin({ signal, timeoutMs: 5 })
  seen.waiter?.resolve('value')
  seen.waiter?.resolve('other')
  seen.waiter?.reject(new Error('too late'))
  assert.equal(await promise, 'value')
  assert.deepEqual([seen.givenUp, listenersOf(signal), time.clock.timerCount], [0, 0, 0])
})

test('waitFor rejects with what the work rejects, as it is', async () => {
  const { promise, seen } = begin()
  seen.waiter?.reject('a string')
  await assert.rejects(promise, (error) => error === 'a string')
  assert.equal(seen.givenUp, 0)
})

test('waitFor does not start with a signal that is aborted', async () => {
  const reason = new Error('stop')
  const { promise, seen } = begin({ signal: AbortSignal.abort(reason) })
  await assert.rejects(promise, (error) => error === reason)
  assert.deepEqual([seen.starts, seen.givenUp], [0, 0])
})

test('waitFor rejects with the reason of a signal that is aborted later, whatever it is', async () => {
  using time = useManualClock()
  for (const reason of [new Error('stop'), 'stop', null]) {
    const controller = new AbortController()
    const { promise, seen } = begin({ signal: controller.signal, timeoutMs: 5 })
    controller.abort(reason)
    seen.waiter?.resolve('too late')
    await assert.rejects(promise, (error) => error === reason)
    assert.equal(seen.givenUp, 1)
    assert.deepEqual([listenersOf(controller.signal), time.clock.timerCount], [0, 0])
  }
})

test('A signal aborted after the wait is settled changes nothing', async () => {
  const controller = new AbortController()
  const { promise, seen } = begin({ signal: controller.signal })
  seen.waiter?.resolve('value')
  controller.abort()
  assert.equal(await promise, 'value')
  assert.equal(seen.givenUp, 0)
})

test('waitFor gives up what a signal aborted while it started', async () => {
  const controller = new AbortController()
  let givenUp = 0
  const promise = waitFor('test', { signal: controller.signal }, () => {
    controller.abort(new Error('stop'))
    return () => givenUp++
  })
  await assert.rejects(promise, { message: 'stop' })
  assert.equal(givenUp, 1)
})

test('waitFor times out after its time and not before, saying what it waited for', async () => {
  using time = useManualClock()
  const { signal } = new AbortController()
  const { promise, seen } = begin({ signal, timeoutMs: 10, describe: () => ': it is slow' })
  time.clock.advance(9.999)
  assert.equal(seen.givenUp, 0)
  time.clock.advance(0.001)
  await assert.rejects(promise, {
    code: 'ETIMEDOUT',
    operation: 'test',
    message: 'ETIMEDOUT: test timed out after 10 ms: it is slow',
  })
  assert.deepEqual([seen.givenUp, listenersOf(signal)], [1, 0])
})

test('waitFor without a timeout sets no timer', () => {
  using time = useManualClock()
  begin()
  assert.equal(time.clock.timerCount, 0)
})

test('waitFor looks at the work before a timeout of 0 ends it [FENCE-26]', async () => {
  using time = useManualClock()
  const ready = waitFor<string>('test', { timeoutMs: 0 }, (waiter) => {
    waiter.resolve('ready')
    return () => assert.fail('Given up')
  })
  assert.equal(await ready, 'ready')
  assert.equal(time.clock.timerCount, 0)
  const { promise } = begin({ timeoutMs: 0 })
  time.clock.advance(0)
  await assert.rejects(promise, { code: 'ETIMEDOUT' })
})

test('waitFor refuses a timeout that is no time, and starts nothing [FENCE-25]', async () => {
  using _time = useManualClock()
  for (const timeoutMs of [-1, -0.001, NaN]) {
    const { promise, seen } = begin({ timeoutMs })
    await assert.rejects(promise, RangeError)
    assert.equal(seen.starts, 0)
  }
  for (const timeoutMs of [0, 0.001, Infinity]) {
    const { promise, seen } = begin({ timeoutMs })
    seen.waiter?.resolve('fine')
    assert.equal(await promise, 'fine')
  }
})

test('waitFor whose start throws rejects, and listens to nothing any more', async () => {
  using time = useManualClock()
  const { signal } = new AbortController()
  const promise = waitFor('test', { signal, timeoutMs: 5 }, () => {
    throw new Error('cannot start')
  })
  await assert.rejects(promise, { message: 'cannot start' })
  assert.deepEqual([listenersOf(signal), time.clock.timerCount], [0, 0])
})
