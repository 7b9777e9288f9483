// Goal: everybody who waits for an event is called once for it, whoever comes, goes or throws meanwhile.
// Method: functions that write down their names.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PollWaiters } from '#src/core/buffer/poll-waiters.js'
import { collectWarnings } from '../../helpers/warnings.js'

test('PollWaiters.wake calls those who wait for the event, in order', () => {
  const waiters = new PollWaiters()
  const woken: string[] = []
  waiters.wake(1)
  waiters.add(1, () => woken.push('a'))
  waiters.add(4, () => woken.push('b'))
  waiters.add(5, () => woken.push('c'))
  waiters.wake(1)
  assert.deepEqual(woken, ['a', 'c'])
  waiters.wake(4)
  assert.deepEqual(woken, ['a', 'c', 'b', 'c'])
})

test('PollWaiters.remove takes back one add() of a function', () => {
  const waiters = new PollWaiters()
  let woken = 0
  const wake = (): number => woken++
  waiters.remove(wake)
  waiters.add(1, wake)
  waiters.add(1, wake)
  waiters.remove(wake)
  waiters.wake(1)
  assert.equal(woken, 1)
  assert.equal(waiters.size, 1)
})

test('PollWaiters.wake calls all who waited when it began, also those who go meanwhile', () => {
  const waiters = new PollWaiters()
  const woken: string[] = []
  const last = (): number => woken.push('last')
  waiters.add(1, () => {
    woken.push('first')
    waiters.remove(last)
    waiters.add(1, () => woken.push('new'))
  })
  waiters.add(1, last)
  waiters.wake(1)
  assert.deepEqual(woken, ['first', 'last'])
})

test('PollWaiters.wake reports what they throw, and what they reject with [PORT-4]', async () => {
  using warnings = collectWarnings()
  const waiters = new PollWaiters()
  let woken = 0
  waiters.add(1, () => {
    throw new Error('now')
  })
  const later = (): unknown => Promise.reject(new Error('later'))
  waiters.add(1, later)
  waiters.add(1, () => woken++)
  waiters.wake(1)
  await Promise.resolve()
  assert.equal(woken, 1)
  assert.deepEqual(warnings.rules, ['PORT-4', 'PORT-4'])
})

test('PollWaiters.wakeOthers calls nobody while the same event is being told [BUF-43]', () => {
  const waiters = new PollWaiters()
  const woken: string[] = []
  waiters.add(1, () => {
    woken.push('in')
    waiters.wakeOthers(1)
    waiters.wakeOthers(4)
  })
  waiters.add(4, () => woken.push('out'))
  waiters.wakeOthers(1)
  assert.deepEqual(woken, ['in', 'out'])
  waiters.wakeOthers(4)
  assert.deepEqual(woken, ['in', 'out', 'out'], 'It is over afterwards')
})
