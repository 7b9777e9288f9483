// Goal: the tree finds what a plain list would find.
// Method: small cases by hand, then random calls against a sorted array.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExtentTree } from '#src/core/heap/extent-tree.js'
import { Random } from '../../helpers/random.js'

const whole = (lengthBytes: number) => (start: number, end: number) =>
  end - start >= lengthBytes ? start : -1

test('floor finds the extent at or below an address', () => {
  const tree = new ExtentTree<string>()
  tree.insert(10, 20, 'a')
  tree.insert(40, 50, 'b')
  const found = [9, 10, 25, 39, 40, 99].map((address) => tree.floor(address)?.value)
  assert.deepEqual(found, [undefined, 'a', 'a', 'a', 'b', 'b'])
})

test('findHighest asks only extents that are long enough and begin below the limit', () => {
  const tree = new ExtentTree<undefined>()
  for (const [start, end] of [
    [0, 10],
    [20, 25],
    [30, 40],
    [50, 60],
  ] as const)
    // prettier-ignore
    tree.insert(start, end, undefined)
  const asked: number[] = []
  const found = tree.findHighest(6, 50, (start) => {
    asked.push(start)
    return -1
  })
  assert.equal(found, -1)
  assert.deepEqual(asked, [30, 0])
})

test('remove of an address where no extent begins changes nothing', () => {
  const tree = new ExtentTree<undefined>()
  tree.insert(10, 20, undefined)
  for (const address of [9, 11, 20]) tree.remove(address)
  assert.deepEqual([tree.size, tree.floor(10)?.end], [1, 20])
})

test('Random inserts, removes and searches agree with a sorted list', (t) => {
  const seed = Date.now() % 1e6
  t.diagnostic(`seed ${seed}`)
  const random = new Random(seed)
  const tree = new ExtentTree<number>()
  let list: { start: number; end: number; value: number }[] = []
  for (let step = 0; step < 3000; step++) {
    const start = random.below(200) * 10
    const known = list.find((extent) => extent.start === start)
    if (known === undefined) {
      const extent = { start, end: start + 1 + random.below(9), value: step }
      tree.insert(start, extent.end, step)
      list = [...list, extent].sort((a, b) => a.start - b.start)
    } else {
      tree.remove(start)
      list = list.filter((extent) => extent !== known)
    }
    const address = random.below(2000)
    assert.equal(
      tree.floor(address)?.start,
      list.findLast((extent) => extent.start <= address)?.start,
    )
    const length = 1 + random.below(10)
    const limit = random.below(2100)
    const highest = list.findLast((e) => e.start < limit && e.end - e.start >= length)
    assert.equal(tree.findHighest(length, limit, whole(length)), highest?.start ?? -1)
    assert.equal(tree.size, list.length)
  }
  assert.deepEqual(
    [...tree].map(({ start, value }) => [start, value]),
    list.map(({ start, value }) => [start, value]),
  )
})
