// Goal: unwrapping finds every leaf of chains and arrays once, two levels deep, and leaks nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFenceArray } from '#src/core/fence/fence-array.js'
import { chainFence, type FenceChain } from '#src/core/fence/fence-chain.js'
import { getFence, putFence, signalFence, type Fence } from '#src/core/fence/fence.js'
import { unwrapFences } from '#src/core/fence/unwrap.js'
import { FenceLab, referencesOf } from '../../helpers/fence-lab.js'

function arrayOf(lab: FenceLab, elements: readonly Fence[]): Fence {
  return lab.own(createFenceArray(lab.give(elements), { context: 1, seqno: 1 }))
}

/** A chain of a node for each fence, oldest first; the lab holds every node. */
function chainOf(lab: FenceLab, fences: readonly Fence[], previous?: Fence): FenceChain {
  let head = previous
  let node: FenceChain | undefined = undefined
  for (const [index, fence] of fences.entries()) {
    node = lab.own(chainFence(head, fence, index + 1))
    head = node
  }
  return node!
}

test('unwrapFences gives a plain fence itself, and nothing for nothing [UNW-2]', () => {
  using lab = new FenceLab()
  const leaf = lab.leaf()
  assert.deepEqual([...unwrapFences(leaf)], [leaf])
  assert.deepEqual([...unwrapFences(undefined)], [])
  assert.deepEqual([...unwrapFences(null)], [])
  lab.close()
})

test('unwrapFences gives the elements of an array in order [UNW-1]', () => {
  using lab = new FenceLab()
  const leaves = lab.leaves(3)
  assert.deepEqual([...unwrapFences(arrayOf(lab, leaves))], leaves)
  lab.close()
})

test('unwrapFences gives a chain from the newest node, with arrays inside and the plain fence at its end [UNW-1]', () => {
  using lab = new FenceLab()
  const [plain, a, b, c, d] = lab.leaves(5)
  const head = chainOf(lab, [a!, arrayOf(lab, [b!, c!]), d!], plain)
  assert.deepEqual([...unwrapFences(head)], [d, b, c, a, plain])
  lab.close()
})

test('unwrapFences opens an array at the end of a chain [UNW-1]', () => {
  using lab = new FenceLab()
  const [a, b, c] = lab.leaves(3)
  assert.deepEqual([...unwrapFences(chainOf(lab, [c!], arrayOf(lab, [a!, b!])))], [c, a, b])
  lab.close()
})

test('An element of an array is a leaf, though it is a container [UNW-1]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  const inner = arrayOf(lab, [a!])
  const chain = chainOf(lab, [b!])
  assert.deepEqual([...unwrapFences(arrayOf(lab, [inner, chain]))], [inner, chain])
  lab.close(['ARR-1', 'ARR-1'])
})

test('Signalled leaves come too, but for nodes that the walk cuts out [UNW-2]', () => {
  using lab = new FenceLab()
  const [a, b, c, d] = lab.leaves(4)
  for (const fence of [b!, c!, d!]) signalFence(fence)
  const head = chainOf(lab, [a!, b!, arrayOf(lab, [a!, c!]), d!])
  assert.deepEqual([...unwrapFences(head)], [d, a, c, a])
  assert.deepEqual([...unwrapFences(c)], [c])
  lab.close()
})

test('An array of nothing inside a chain hides nothing that is older [UNW-1]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  const head = chainOf(lab, [a!, arrayOf(lab, []), b!])
  const before = referencesOf(head)
  assert.deepEqual([...unwrapFences(head)], [b, a])
  assert.equal(referencesOf(head), before)
  lab.close(['ARR-1'])
})

test('An array of nothing has no leaves, and keeps its references [UNW-2]', () => {
  using lab = new FenceLab()
  const array = arrayOf(lab, [])
  assert.deepEqual([...unwrapFences(array)], [])
  assert.equal(referencesOf(array), 1)
  lab.close(['ARR-1'])
})

test('The walk holds the node it stands on, and no leaf [UNW-2]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  const first = lab.own(chainFence(undefined, a!, 1))
  const second = lab.own(chainFence(first, b!, 2))
  const walk = unwrapFences(second)
  assert.deepEqual([referencesOf(first), referencesOf(second)], [2, 2])
  walk.next()
  assert.deepEqual([referencesOf(first), referencesOf(second), ...lab.references], [2, 2, 2, 2])
  walk.next()
  assert.deepEqual([referencesOf(first), referencesOf(second), ...lab.references], [3, 1, 2, 2])
  assert.equal(walk.next().done, true)
  assert.equal(walk.next().done, true)
  assert.deepEqual([referencesOf(first), referencesOf(second)], [2, 1])
  lab.close()
})

test('A node lives while a walk stands on it, though everybody else put it [UNW-2]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  const node = chainFence(a, b!, 1)
  const walk = unwrapFences(node)
  walk.next()
  putFence(node)
  assert.equal(walk.advance(), a)
  assert.equal(walk.advance(), undefined)
  assert.equal(referencesOf(node), 0)
  lab.close()
})

for (const [how, leave] of [
  [
    'break',
    (fence: Fence): void => {
      for (const _ of unwrapFences(fence)) break
    },
  ],
  [
    'throw',
    (fence: Fence): void => {
      assert.throws(() => {
        for (const _ of unwrapFences(fence)) throw new Error('broken')
      }, /broken/)
    },
  ],
  [
    'using',
    (fence: Fence): void => {
      using walk = unwrapFences(fence)
      walk.advance()
    },
  ],
] as const)
  test(`Leaving a walk early by ${how} puts the node [UNW-2]`, () => {
    using lab = new FenceLab()
    const head = chainOf(lab, lab.leaves(2))
    const before = referencesOf(head)
    leave(head)
    assert.equal(referencesOf(head), before)
    lab.close()
  })

test('A left walk is over', () => {
  using lab = new FenceLab()
  const walk = unwrapFences(arrayOf(lab, lab.leaves(2)))
  walk.advance()
  walk.return()
  assert.equal(walk.advance(), undefined)
  lab.close()
})

test('A chain of 100000 nodes is unwrapped without recursion [UNW-1]', () => {
  using lab = new FenceLab()
  const leaf = lab.leaf()
  let head: FenceChain | undefined = undefined
  for (let seqno = 1; seqno <= 100_000; seqno++) {
    const previous: FenceChain | undefined = head
    head = chainFence(previous, leaf, seqno)
    putFence(previous)
  }
  let count = 0
  for (const found of unwrapFences(lab.own(head!))) if (found === leaf) count++
  assert.equal(count, 100_000)
  lab.close()
})

test('A fence that throws when asked is reported, and what is behind it found [UNW-1, PORT-4]', () => {
  using lab = new FenceLab()
  const isSignaled = (): boolean => {
    throw new Error('broken')
  }
  const [a, c] = lab.leaves(2)
  const b = lab.leaf({ ops: { isSignaled } })
  assert.deepEqual([...unwrapFences(chainOf(lab, [a!, b, c!]))], [c, b, a])
  lab.close(['PORT-4'])
})

test('Taking a reference on each leaf keeps them beyond their container [UNW-2]', () => {
  using lab = new FenceLab()
  const leaves = lab.leaves(2)
  const array = createFenceArray(lab.give(leaves), { context: 1, seqno: 1 })
  const kept = [...unwrapFences(array)].map((fence) => getFence(fence))
  putFence(array)
  assert.deepEqual(lab.references, [2, 2])
  kept.forEach(putFence)
  lab.close()
})
