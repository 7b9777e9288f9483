// Goal: what the kernel's own self-tests ask of chains holds here.
// Method: each test of drivers/dma-buf/st-dma-fence-chain.c in our words; where it races threads, ours mixes
// the same steps in an order that a printed seed repeats.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drainDeferred } from '#src/core/deferred.js'
import {
  createFenceChain,
  findChainSeqno,
  walkChain,
  type FenceChain,
} from '#src/core/fence/fence-chain.js'
import { getFence, putFence, signalFence, type Fence } from '#src/core/fence/fence.js'
import { waitFenceTimeout } from '#src/core/fence/wait.js'
import { thrownCode } from '../../helpers/error-code.js'
import { FenceLab } from '../../helpers/fence-lab.js'
import { Random } from '../../helpers/random.js'

interface Chains {
  readonly fences: readonly Fence[]
  readonly nodes: readonly FenceChain[]
  /** The newest node. */
  readonly tail: FenceChain
}

/** A chain of `count` nodes over enabled fences; the lab holds every node. */
function chains(lab: FenceLab, count: number, seqnoOf = (index: number) => index + 1): Chains {
  const fences = lab.leaves(count)
  const nodes: FenceChain[] = []
  for (const [index, fence] of fences.entries()) {
    fence.enableSignaling()
    const node = createFenceChain(getFence(nodes.at(-1)), getFence(fence), seqnoOf(index))
    nodes.push(lab.own(node))
  }
  return { fences, nodes, tail: nodes.at(-1)! }
}

function find(head: Fence, seqno: number): Fence | undefined {
  const node = findChainSeqno(getFence(head), seqno)
  putFence(node)
  return node
}

test('sanitycheck: a node over one fence, enabled, signalled, put [T-C1]', () => {
  using lab = new FenceLab()
  const { fences, tail } = chains(lab, 1)
  tail.enableSignaling()
  signalFence(fences[0]!)
  drainDeferred()
  assert.equal(tail.isSignaled(), true)
  lab.close()
})

test('find_seqno: every number from the tail, from its own node, and beside it [T-C2]', () => {
  using lab = new FenceLab()
  const { nodes, tail } = chains(lab, 64)
  assert.equal(find(tail, 0), tail)
  for (const [index, node] of nodes.entries()) {
    const seqno = index + 1
    assert.equal(find(tail, seqno), node)
    assert.equal(find(node, seqno), node)
    assert.equal(
      thrownCode(() => findChainSeqno(node, seqno + 1)),
      'EINVAL',
    )
    assert.equal(find(node, seqno - 1), index === 0 ? node : nodes[index - 1])
  }
  lab.close()
})

test('find_signaled: a signalled number is nothing or its node, and no error [T-C3]', () => {
  using lab = new FenceLab()
  const { fences, nodes, tail } = chains(lab, 2)
  signalFence(fences[0]!)
  const found = find(tail, 1)
  assert.ok(found === undefined || found === nodes[0])
  lab.close()
})

test('find_out_of_order: a number signalled in the middle is the work before it [T-C4]', () => {
  using lab = new FenceLab()
  const { fences, nodes, tail } = chains(lab, 3)
  signalFence(fences[1]!)
  assert.equal(find(tail, 2), nodes[0])
  lab.close()
})

test('find_gap: a number that nobody has is the next one that somebody has [T-C5]', () => {
  using lab = new FenceLab()
  const { nodes, tail } = chains(lab, 64, (index) => 2 * (index + 1))
  for (const [index, node] of nodes.entries()) {
    assert.equal(find(tail, 2 * index + 1), node)
    assert.equal(find(node, 2 * index + 2), node)
  }
  lab.close()
})

test('find_race: finding is never an error while fences signal in any order [T-C6]', () => {
  const seed = Date.now() | 0
  const random = new Random(seed)
  using lab = new FenceLab()
  const count = 4096
  const { fences, nodes, tail } = chains(lab, count)
  for (let step = 0; step < 20_000; step++) {
    const seqno = 1 + random.below(count)
    const found = find(tail, seqno)
    // Never newer than asked for; the node of the number itself finds itself.
    assert.ok(found === undefined || found.seqno <= seqno, `seed ${seed}`)
    if (found?.seqno === seqno) assert.equal(find(found, seqno), found, `seed ${seed}`)
    signalFence(fences[random.below(count)]!)
    if (random.chance(0.1)) drainDeferred()
  }
  const pending = fences.filter((fence) => !fence.isSignaled()).length
  assert.ok(pending < count && nodes[0] !== tail, `seed ${seed}`)
  lab.close()
})

test('signal_forward: each signal ends its node and not the next [T-C7]', () => {
  using lab = new FenceLab()
  const { fences, nodes } = chains(lab, 64)
  for (const [index, fence] of fences.entries()) {
    signalFence(fence)
    assert.equal(nodes[index]!.isSignaled(), true)
    assert.equal(nodes[index + 1]?.isSignaled() ?? false, false)
  }
  lab.close()
})

test('signal_backward: nothing but the oldest fence ends a node [T-C8]', () => {
  using lab = new FenceLab()
  const { fences, nodes } = chains(lab, 64)
  for (let index = fences.length - 1; index > 0; index--) {
    signalFence(fences[index]!)
    assert.equal(nodes[index]!.isSignaled(), false)
  }
  signalFence(fences[0]!)
  assert.deepEqual(
    nodes.filter((node) => !node.isSignaled()),
    [],
  )
  lab.close()
})

/** A wait for the newest of 4096 nodes, while its fences signal in some order. */
async function waitWhile(order: (indices: number[]) => readonly number[]): Promise<void> {
  using lab = new FenceLab()
  const count = 4096
  const { fences, tail } = chains(lab, count)
  let isOver = false
  const waiting = waitFenceTimeout(tail, Infinity).then((left) => {
    isOver = true
    return left
  })
  const indices = order(Array.from({ length: count }, (_, index) => index))
  for (const [step, index] of indices.entries()) {
    if (step % 64 === 0) await Promise.resolve()
    assert.equal(isOver, false)
    signalFence(fences[index]!)
  }
  assert.equal(await waiting, Infinity)
  assert.equal(walkChain(getFence(tail)), undefined)
  lab.close()
}

test('wait_forward: a wait for the newest ends, oldest fence first [T-C9]', () =>
  waitWhile((all) => all))

test('wait_backward: a wait for the newest ends, newest fence first [T-C10]', () =>
  waitWhile((all) => all.reverse()))

test('wait_random: a wait for the newest ends, fences shuffled [T-C11]', async (context) => {
  const seed = Date.now() | 0
  context.diagnostic(`seed ${seed}`)
  const random = new Random(seed)
  await waitWhile((all) => {
    for (let left = all.length - 1; left > 0; left--) {
      const other = random.below(left + 1)
      ;[all[left], all[other]] = [all[other]!, all[left]!]
    }
    return all
  })
})
