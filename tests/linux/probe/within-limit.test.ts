// Goal: whoever does not answer does not hold up the rest.
// Method: promises that settle, and one that never does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withinLimit } from '#src/linux/probe/within-limit.js'

test('withinLimit gives what came in time, or throws it', async () => {
  assert.equal(await withinLimit(Promise.resolve(1), () => 2), 1)
  await assert.rejects(
    withinLimit(Promise.reject(new Error('x')), () => 2),
    /x/,
  )
})

test('withinLimit gives something else in place of what never comes', async () => {
  assert.equal(await withinLimit(new Promise<number>(() => {}), () => 2, 1), 2)
})
