// Goal: values are asked for early, come in order, and a loop that is left leaves nothing behind.
// Method: generators by hand that note what was asked of them.
import assert from 'node:assert/strict'
import { setImmediate as afterPending } from 'node:timers/promises'
import { test } from 'node:test'
import { decodeAhead } from '#src/cli/media/decode-ahead.js'

function numbers(end: number) {
  const seen = { asked: [] as number[], hasEnded: false }
  async function* values() {
    try {
      for (let value = 0; value < end; value += 1) {
        seen.asked.push(value)
        yield value
      }
    } finally {
      seen.hasEnded = true
    }
  }
  return { values: values(), seen }
}

test('decodeAhead gives every value in order', async () => {
  for (const count of [1, 2, 9]) {
    const result: number[] = []
    for await (const value of decodeAhead(numbers(5).values, count)) result.push(value)
    assert.deepEqual(result, [0, 1, 2, 3, 4])
  }
})

test('decodeAhead has asked for as many values as it was told before they are taken', async () => {
  const { values, seen } = numbers(100)
  const ahead = decodeAhead(values, 3)
  await ahead.next()
  await afterPending()
  assert.deepEqual(seen.asked, [0, 1, 2, 3])
  await ahead.next()
  await afterPending()
  assert.deepEqual(seen.asked, [0, 1, 2, 3, 4])
  await ahead.return(undefined)
})

test('decodeAhead throws an error behind the values before it', async () => {
  async function* values() {
    yield 0
    yield 1
    throw new Error('broken')
  }
  const ahead = decodeAhead(values(), 5)
  assert.equal((await ahead.next()).value, 0)
  assert.equal((await ahead.next()).value, 1)
  await assert.rejects(ahead.next(), { message: 'broken' })
})

test('decodeAhead ends the values when the loop is left', async () => {
  const { values, seen } = numbers(100)
  for await (const value of decodeAhead(values, 3)) if (value === 1) break
  await afterPending()
  assert.ok(seen.hasEnded)
})

test('decodeAhead lets a loop be left while a value is still waited for', async () => {
  let askedCount = 0
  const values: AsyncIterableIterator<number> = {
    [Symbol.asyncIterator]: () => values,
    next: () => {
      askedCount += 1
      return askedCount === 1 ? Promise.resolve({ done: false, value: 0 }) : new Promise(() => {})
    },
    return: () => new Promise(() => {}),
  }
  const seen: number[] = []
  for await (const value of decodeAhead(values, 2)) {
    seen.push(value)
    break
  }
  assert.deepEqual(seen, [0])
})
