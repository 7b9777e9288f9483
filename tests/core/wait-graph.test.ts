// Goal: whoever waits in a circle is told so at the moment the circle closes, with names and places.
// Method: tasks are plain objects; holds and waits are noted by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nameTask, noteHold, noteWait, taskName } from '#src/core/wait-graph.js'
import { collectWarnings } from '../helpers/warnings.js'

function named(name: string): object {
  const task = {}
  nameTask(task, name)
  return task
}

test('taskName numbers tasks that nobody named, and keeps the number [PORT-6]', () => {
  const task = {}
  const name = taskName(task)
  assert.match(name, /^task \d+$/)
  assert.equal(taskName(task), name)
  assert.notEqual(taskName({}), name)
})

test('Two tasks that wait for what the other holds are reported, with who, what and where [FENCE-39]', () => {
  const [camera, viewer] = [named('camera'), named('viewer')]
  const [lock, fence] = [{}, {}]
  using warnings = collectWarnings()
  using _held = noteHold(camera, lock, 'lock of frame 1')
  using _signals = noteHold(viewer, fence, 'signaller of ring 7')
  using _first = noteWait(camera, fence, 'fence ring 7')
  assert.deepEqual(warnings.list, [])
  using _second = noteWait(viewer, lock, 'the lock of frame 1')
  const [{ rule, message } = { rule: '', message: '' }] = warnings.list
  assert.equal(rule, 'FENCE-39')
  const lines = message.split('\n').filter((line) => !line.startsWith('    '))
  assert.deepEqual(lines, [
    'These wait for each other and will never go on:',
    '- viewer waits for the lock of frame 1',
    '  which camera holds as lock of frame 1',
    '- camera waits for fence ring 7',
    '  which viewer holds as signaller of ring 7',
  ])
  assert.match(message, /wait-graph\.test/)
})

test('A circle of many is found, however long', () => {
  const count = 500
  const tasks = Array.from({ length: count }, (_, index) => named(`t${index}`))
  const locks = tasks.map(() => ({}))
  using warnings = collectWarnings()
  tasks.forEach((task, index) => noteHold(task, locks[index]!, `lock ${index}`))
  tasks.forEach((task, index) => {
    assert.deepEqual(warnings.list, [])
    noteWait(task, locks[(index + 1) % count]!, 'next lock')
  })
  assert.equal(warnings.list.length, 1)
})

test('What was released, or is no longer waited for, closes no circle', () => {
  const [one, two] = [{}, {}]
  const [left, right] = [{}, {}]
  using warnings = collectWarnings()
  noteHold(one, left, 'left')[Symbol.dispose]()
  using _two = noteHold(two, right, 'right')
  const waits = noteWait(one, right, 'right')
  noteWait(two, left, 'left')[Symbol.dispose]()
  using _one = noteHold(one, left, 'left')
  assert.deepEqual(warnings.list, [])
  waits[Symbol.dispose]()
  using _again = noteWait(two, left, 'left')
  assert.deepEqual(warnings.list, [])
})

test('Waiting for what one holds oneself is a circle of one [WW-3]', () => {
  const [task, lock] = [named('solo'), {}]
  using warnings = collectWarnings()
  using _held = noteHold(task, lock, 'lock')
  using _waits = noteWait(task, lock, 'lock')
  assert.match(warnings.list[0]?.message ?? '', /solo waits for lock/)
})
