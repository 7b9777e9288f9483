// Goal: deferred work runs soon, in order, once, and never inside whoever queued it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defer, drainDeferred } from '#src/core/deferred.js'
import { onWarning, type Warning } from '#src/core/warn.js'

test('Deferred work runs after the synchronous section, in order [PORT-3]', async () => {
  const done: number[] = []
  defer(() => done.push(1))
  defer(() => done.push(2))
  assert.deepEqual(done, [])
  await Promise.resolve()
  assert.deepEqual(done, [1, 2])
})

test('drainDeferred does it now, with what the work itself queues [PORT-3]', () => {
  const done: number[] = []
  defer(() => {
    defer(() => done.push(2))
    drainDeferred()
    done.push(1)
  })
  drainDeferred()
  assert.deepEqual(done, [1, 2])
  drainDeferred()
  assert.deepEqual(done, [1, 2])
})

test('Work queued after a drain runs as well [PORT-3]', async () => {
  const done: number[] = []
  defer(() => done.push(1))
  drainDeferred()
  defer(() => done.push(2))
  await Promise.resolve()
  assert.deepEqual(done, [1, 2])
})

test('Work that throws is reported and stops nobody else [PORT-3, PORT-4]', () => {
  const warnings: Warning[] = []
  using _hook = onWarning((warning) => warnings.push(warning))
  const done: number[] = []
  defer(() => {
    throw new Error('broken')
  })
  defer(() => done.push(1))
  drainDeferred()
  assert.deepEqual(done, [1])
  assert.deepEqual(
    warnings.map(({ rule }) => rule),
    ['PORT-4'],
  )
})
