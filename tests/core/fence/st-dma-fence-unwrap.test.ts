// Goal: what the kernel's own self-tests ask of unwrapping and merging holds here.
// Method: each test of drivers/dma-buf/st-dma-fence-unwrap.c in our words; references are counted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFenceArray } from '#src/core/fence/fence-array.js'
import { createFenceChain } from '#src/core/fence/fence-chain.js'
import { getFence, putFence, type Fence } from '#src/core/fence/fence.js'
import { mergeFences } from '#src/core/fence/merge.js'
import { stubFence } from '#src/core/fence/stub.js'
import { unwrapFences } from '#src/core/fence/unwrap.js'
import { FenceLab, referencesOf } from '../../helpers/fence-lab.js'

function arrayOf(lab: FenceLab, ...fences: readonly Fence[]): Fence {
  return createFenceArray(lab.give(fences), { context: 1, seqno: 1 })
}

/** Asserts that the leaves of a fence are these, each once. */
function assertLeaves(fence: Fence, expected: readonly Fence[]): void {
  const found = [...unwrapFences(fence)]
  assert.equal(found.length, expected.length)
  assert.deepEqual(new Set(found), new Set(expected))
}

test('sanitycheck: an array of one inside a chain, put, leaves nothing [T-U1]', () => {
  using lab = new FenceLab()
  const leaf = lab.leaf()
  leaf.enableSignaling()
  const array = arrayOf(lab, leaf)
  const chain = createFenceChain(undefined, array, 1)
  putFence(chain)
  assert.deepEqual([referencesOf(chain), referencesOf(array), referencesOf(leaf)], [0, 0, 1])
  lab.close()
})

test('unwrap_array: both elements and nothing else [T-U2]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  assertLeaves(lab.own(arrayOf(lab, a!, b!)), [a!, b!])
  lab.close()
})

test('unwrap_chain: the plain fence before and the fence inside [T-U3]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  assertLeaves(lab.own(createFenceChain(getFence(a), getFence(b!), 1)), [a!, b!])
  lab.close()
})

test('unwrap_chain_array: both leaves of an array in a chain [T-U4]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  assertLeaves(lab.own(createFenceChain(undefined, arrayOf(lab, a!, b!), 1)), [a!, b!])
  lab.close()
})

test('unwrap_merge: both fences of two contexts [T-U5]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  assertLeaves(lab.own(mergeFences([a, b])), [a!, b!])
  lab.close()
})

test('unwrap_merge_complex: merges of merges and a stub come down to both fences [T-U6]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  const inner = [mergeFences([a, b]), mergeFences([b, a]), stubFence()]
  const merged = lab.own(mergeFences(inner))
  inner.forEach(putFence)
  assertLeaves(merged, [a!, b!])
  lab.close()
})
