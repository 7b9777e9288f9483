// Goal: code that a fence needs in order to signal is told when it does what can keep it from signalling.
// Method: tasks are plain objects; sections, locks and waits are noted by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { Fence, signalFence } from '#src/core/fence/fence.js'
import {
  beginSignalling,
  checkLockInSection,
  endSignalling,
  noteFenceWait,
} from '#src/core/fence/signalling.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import { nameTask, noteHold, noteWait } from '#src/core/wait-graph.js'
import { collectWarnings } from '../../helpers/warnings.js'

function named(name: string): object {
  const task = {}
  nameTask(task, name)
  return task
}

function fence(seqno: number): Fence {
  return new Fence({ driverName: 'test', timelineName: 'ring' }, 1, seqno)
}

test('beginSignalling takes nothing and says true while the option is off [FENCE-37, C-6]', () => {
  using warnings = collectWarnings()
  const task = {}
  assert.equal(beginSignalling(task), true)
  checkLockInSection(task, 'lock')
  assert.deepEqual(warnings.list, [])
})

test('Sections nest: the inner cookie ends nothing, the outer one ends all [FENCE-37]', () => {
  using _debug = setDebug({ signalling: true })
  using warnings = collectWarnings()
  const task = {}
  const outer = beginSignalling(task)
  const inner = beginSignalling(task)
  assert.deepEqual([outer, inner], [false, true])
  endSignalling(task, inner)
  checkLockInSection(task, 'lock')
  assert.equal(warnings.list.length, 1)
  endSignalling(task, outer)
  checkLockInSection(task, 'lock')
  assert.equal(warnings.list.length, 1)
})

test('A lock taken inside a section is reported with where the section began [FENCE-38, FENCE-39]', () => {
  using _debug = setDebug({ signalling: true })
  using warnings = collectWarnings()
  const task = named('scheduler')
  function beginsHere(): boolean {
    return beginSignalling(task)
  }
  const cookie = beginsHere()
  checkLockInSection({}, 'the lock of frame 1')
  assert.deepEqual(warnings.list, [])
  checkLockInSection(task, 'the lock of frame 1')
  endSignalling(task, cookie)
  const messages = warnings.list.map(({ message }) => message)
  assert.equal(messages.length, 1)
  assert.match(messages[0] ?? '', /scheduler takes the lock of frame 1 inside a signalling section/)
  assert.match(messages[0] ?? '', /beginsHere/)
})

test('Who waits for a fence whose signaller waits for them is reported [FENCE-37, FENCE-39]', () => {
  using _debug = setDebug({ signalling: true })
  using warnings = collectWarnings()
  const [waiter, signaller] = [named('viewer'), named('gpu')]
  const [lock, work] = [{}, fence(7)]
  using _held = noteHold(waiter, lock, 'lock of frame 1')
  const cookie = beginSignalling(signaller, work)
  using _waits = noteFenceWait(waiter, work)
  assert.equal(warnings.list.length, 0)
  using _stuck = noteWait(signaller, lock, 'lock of frame 1')
  endSignalling(signaller, cookie)
  assert.match(warnings.list[0]?.message ?? '', /viewer waits for fence test ring seqno 7/)
  assert.match(warnings.list[0]?.message ?? '', /gpu holds as signaller of test ring seqno 7/)
})

test('A wait inside a section for something else is no mistake by itself [FENCE-37]', () => {
  using _debug = setDebug({ signalling: true })
  using warnings = collectWarnings()
  const task = {}
  const cookie = beginSignalling(task, fence(1))
  noteFenceWait(task, fence(2))[Symbol.dispose]()
  endSignalling(task, cookie)
  assert.deepEqual(warnings.list, [])
})

test('Tasks that wait for a lock and a fence of each other are told by the lock and the wait themselves [FENCE-37, FENCE-39]', async () => {
  using _debug = setDebug({ signalling: true })
  using warnings = collectWarnings()
  const [viewer, gpu] = [named('viewer'), named('gpu')]
  const work = fence(9)
  const reservation = new Reservation()
  const held = await reservation.lock({ task: viewer })
  const cookie = beginSignalling(gpu, work)
  const waiting = work.wait({ task: viewer })
  const locking = reservation.lock({ task: gpu })
  const messages = warnings.list.map(({ message }) => message)
  assert.equal(messages.length, 2)
  assert.match(messages[0] ?? '', /gpu takes .* inside a signalling section/)
  assert.match(messages[1] ?? '', /gpu waits for .*which viewer holds .*viewer waits for fence/s)
  signalFence(work)
  await waiting
  held.release()
  ;(await locking).release()
  endSignalling(gpu, cookie)
})
