// Goal: what belongs together closes together.
// Method: disposables that write down their order.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Resources } from '#src/linux/resources.js'

test('Resources closes what it owns once, newest first', () => {
  const order: number[] = []
  const resources = new Resources()
  for (const number of [1, 2, 3]) resources.own({ [Symbol.dispose]: () => void order.push(number) })
  resources[Symbol.dispose]()
  resources[Symbol.dispose]()
  assert.deepEqual(order, [3, 2, 1])
})
