// Goal: who asks what a container waits for hears of the pending fences in it, and of nothing else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFenceArray } from '#src/core/fence/fence-array.js'
import { chainFence, type FenceChain } from '#src/core/fence/fence-chain.js'
import { putFence, type Fence } from '#src/core/fence/fence.js'
import { pendingLeaves } from '#src/core/fence/pending-leaves.js'
import { FenceLab, referencesOf } from '../../helpers/fence-lab.js'

test('pendingLeaves of containers are their pending fences, newest first', () => {
  using lab = new FenceLab()
  const [a, b, c] = [lab.leaf(), lab.done(), lab.leaf()]
  const array = lab.own(createFenceArray(lab.give([a, b]), { context: 1, seqno: 1 }))
  const chain = lab.own(chainFence(array, c, 1))
  assert.deepEqual([...pendingLeaves(array)], [a])
  assert.deepEqual([...pendingLeaves(chain)], [c, a])
  assert.deepEqual([referencesOf(array), referencesOf(chain)], [2, 1])
  lab.close()
})

test('pendingLeaves of a plain fence are none: it waits for no other', () => {
  using lab = new FenceLab()
  assert.deepEqual([...pendingLeaves(lab.leaf())], [])
  lab.close()
})

test('pendingLeaves reports a fence that throws when asked, and takes it for pending [PORT-4]', () => {
  using lab = new FenceLab()
  const isSignaled = (): boolean => {
    throw new Error('broken')
  }
  const broken = lab.leaf({ ops: { isSignaled } })
  const array = lab.own(createFenceArray(lab.give([broken]), { context: 1, seqno: 1 }))
  assert.deepEqual([...pendingLeaves(array)], [broken])
  lab.close(['PORT-4'])
})

test('explain tells what a chain of 100000 nodes waits for, without recursion', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  let head: FenceChain | undefined = undefined
  for (let seqno = 1; seqno <= 100_000; seqno++) {
    const previous: Fence | undefined = head
    head = chainFence(previous, seqno === 1 ? a! : b!, seqno)
    putFence(previous)
  }
  lab.own(head!)
  const lines = head!.explain().split('\n')
  assert.equal(lines.length, 3)
  assert.match(lines[0]!, /dma_fence_chain unbound .*seqno 100000: pending/)
  assert.match(lines[2]!, /^ {2}lab leaf/)
  lab.close()
})
