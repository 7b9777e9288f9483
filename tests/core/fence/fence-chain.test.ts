// Goal: a chain node is done when it and all before it are, forgets what is done, and finds by number
// what is still to wait for.
// Method: leaves that count references; deferred work is drained by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drainDeferred } from '#src/core/deferred.js'
import { createFenceArray } from '#src/core/fence/fence-array.js'
import {
  chainFence,
  containedFence,
  createFenceChain,
  findChainSeqno,
  isFenceChain,
  walkChain,
  type FenceChain,
} from '#src/core/fence/fence-chain.js'
import { Fence, getFence, isFlaggedSignaled, putFence, signalFence } from '#src/core/fence/fence.js'
import { isLater } from '#src/core/fence/order.js'
import { thrownCode } from '../../helpers/error-code.js'
import { failure, FenceLab, referencesOf } from '../../helpers/fence-lab.js'

/** A chain on nothing, one node with the seqnos 1, 2 … for each fence, oldest first; only the newest is owned. */
function chainOf(lab: FenceLab, fences: readonly Fence[]): FenceChain[] {
  const nodes: FenceChain[] = []
  for (const [index, fence] of fences.entries()) {
    const previous = nodes.at(-1)
    // Each node holds the one before it, and the test the newest.
    nodes.push(createFenceChain(previous, getFence(fence), index + 1))
  }
  lab.own(nodes.at(-1)!)
  return nodes
}

/** The seqnos that a walk from a node meets; plain fences as their own. */
function walked(head: Fence): number[] {
  const seqnos: number[] = []
  for (let node: Fence | undefined = getFence(head); node !== undefined; node = walkChain(node))
    seqnos.push(node.seqno)
  return seqnos
}

/** What a search from a node finds, by seqno; `done` where nothing is left to wait for. */
function found(head: Fence, seqno: number): number | 'done' {
  const node = findChainSeqno(getFence(head), seqno)
  putFence(node)
  return node?.seqno ?? 'done'
}

test('createFenceChain takes over a reference on each fence, and release puts them [CHN-1, CHN-13]', () => {
  using lab = new FenceLab()
  const [previous, own] = lab.leaves(2)
  const node = createFenceChain(getFence(previous), getFence(own!), 3)
  assert.deepEqual(lab.references, [2, 2])
  assert.deepEqual([node.previous, node.contained], [previous, own])
  putFence(node)
  assert.deepEqual(lab.references, [1, 1])
  lab.close()
})

test('chainFence takes references of its own [CHN-1]', () => {
  using lab = new FenceLab()
  const [previous, own] = lab.leaves(2)
  const node = lab.own(chainFence(previous, own!, 3))
  assert.deepEqual(lab.references, [2, 2])
  assert.deepEqual([node.previous, node.contained, node.seqno], [previous, own, 3])
  lab.close()
})

test('FenceChain has its fixed names and compares whole seqnos [CHN-1]', () => {
  using lab = new FenceLab()
  const first = createFenceChain(undefined, getFence(lab.leaf()), 5)
  const second = lab.own(createFenceChain(first, getFence(lab.leaf()), 5 + 2 ** 31))
  assert.deepEqual([first.driverName, first.timelineName], ['dma_fence_chain', 'unbound'])
  assert.equal(first.context, second.context)
  assert.equal(isLater(second, first), true)
  lab.close()
})

test('A chain inside a chain node warns, an array does not [CHN-1]', () => {
  using lab = new FenceLab()
  const leaf = lab.leaf()
  const array = createFenceArray([getFence(leaf)], { context: 1, seqno: 1 })
  const node = lab.own(createFenceChain(undefined, array, 1))
  assert.deepEqual(lab.rules, [])
  const twice = lab.own(chainFence(undefined, node, 1))
  assert.deepEqual(lab.rules, ['CHN-1'])
  signalFence(leaf)
  assert.equal(twice.isSignaled(), true)
  lab.close(['CHN-1'])
})

for (const [what, previous, seqno, expected] of [
  ['on nothing', undefined, 5, { seqno: 5, previousSeqno: 0, continues: false }],
  ['on a plain fence', 'plain', 5, { seqno: 5, previousSeqno: 0, continues: false }],
  ['beyond the node before', 'node', 8, { seqno: 8, previousSeqno: 7, continues: true }],
  ['of the same number', 'node', 7, { seqno: 7, previousSeqno: 0, continues: false }],
  ['below the node before', 'node', 6, { seqno: 7, previousSeqno: 0, continues: false }],
] as const)
  test(`A node ${what}: context, seqno and the seqno before [CHN-2]`, () => {
    using lab = new FenceLab()
    const before =
      previous === 'node'
        ? createFenceChain(undefined, getFence(lab.leaf()), 7)
        : previous === 'plain'
          ? getFence(lab.leaf({ seqno: 4 }))
          : undefined
    const node = lab.own(createFenceChain(before, getFence(lab.leaf()), seqno))
    const { previousSeqno } = node
    const continues = node.context === before?.context
    assert.deepEqual({ seqno: node.seqno, previousSeqno, continues }, expected)
    lab.close()
  })

test('createFenceChain refuses what is no fence and what is no seqno, and takes nothing over', () => {
  using lab = new FenceLab()
  const leaf = lab.leaf()
  assert.throws(() => createFenceChain(undefined, undefined as unknown as Fence, 1), TypeError)
  for (const seqno of [-1, 0.5, Number.NaN, 2 ** 53]) {
    assert.throws(() => createFenceChain(undefined, leaf, seqno), RangeError)
    assert.throws(() => chainFence(leaf, leaf, seqno), RangeError)
  }
  assert.deepEqual(lab.references, [1])
  lab.close()
})

test('walkChain uses up the reference and gives one on the node before [CHN-3]', () => {
  using lab = new FenceLab()
  const [first, second] = chainOf(lab, lab.leaves(2))
  const step = walkChain(getFence(second!))
  assert.equal(step, first)
  assert.deepEqual([referencesOf(second!), referencesOf(first!)], [1, 2])
  assert.equal(walkChain(step!), undefined)
  assert.equal(referencesOf(first!), 1)
  lab.close()
})

test('walkChain from a plain fence puts it and finds nothing [CHN-3]', () => {
  using lab = new FenceLab()
  const leaf = lab.leaf()
  assert.equal(walkChain(getFence(leaf)), undefined)
  assert.deepEqual(lab.references, [1])
  lab.close()
})

test('A walk begins with the head and ends with the plain fence at the end [CHN-5]', () => {
  using lab = new FenceLab()
  const plain = lab.leaf({ seqno: 77 })
  const first = createFenceChain(getFence(plain), getFence(lab.leaf()), 1)
  const second = lab.own(createFenceChain(first, getFence(lab.leaf()), 2))
  assert.deepEqual(walked(second), [2, 1, 77])
  assert.deepEqual(walked(plain), [77])
  lab.close()
})

test('Who leaves a walk early holds one reference, on the node it stands on [CHN-5]', () => {
  using lab = new FenceLab()
  const nodes = chainOf(lab, lab.leaves(3))
  const node = walkChain(getFence(nodes[2]!))
  assert.deepEqual(nodes.map(referencesOf), [1, 2, 1])
  putFence(node)
  lab.close()
})

test('A walk cuts out nodes by their own fence alone, though older ones are pending [CHN-4]', () => {
  using lab = new FenceLab()
  const fences = lab.leaves(4)
  const nodes = chainOf(lab, fences)
  signalFence(fences[1]!)
  signalFence(fences[2]!)
  assert.deepEqual(walked(nodes[3]!), [4, 1])
  assert.equal(nodes[3]!.previous, nodes[0])
  assert.deepEqual(nodes.map(referencesOf), [1, 0, 0, 1])
  assert.deepEqual(lab.references, [2, 1, 1, 2])
  lab.close()
})

test('A walk never skips the node it begins with [CHN-4]', () => {
  using lab = new FenceLab()
  const fences = lab.leaves(2)
  const [first, second] = chainOf(lab, fences)
  signalFence(fences[1]!)
  assert.deepEqual(walked(second!), [2, 1])
  signalFence(fences[0]!)
  assert.deepEqual(walked(second!), [2])
  assert.equal(referencesOf(first!), 0)
  lab.close()
})

test('A walk cuts off a plain fence at the end once it is signalled [CHN-4]', () => {
  using lab = new FenceLab()
  const plain = lab.leaf()
  const node = lab.own(createFenceChain(getFence(plain), getFence(lab.leaf()), 1))
  assert.equal(walkChain(getFence(node)), getFence(plain))
  putFence(plain)
  putFence(plain)
  signalFence(plain)
  assert.equal(walkChain(getFence(node)), undefined)
  assert.equal(node.previous, undefined)
  assert.deepEqual(lab.references, [1, 2])
  lab.close()
})

test('A walk that is asked from inside another one agrees with it [CHN-4]', () => {
  using lab = new FenceLab()
  let head: Fence | undefined = undefined
  let inside: number[] = []
  const again = lab.leaf({
    ops: {
      isSignaled() {
        const node = head
        head = undefined
        if (node !== undefined) inside = walked(node)
        return true
      },
    },
  })
  const nodes = chainOf(lab, [lab.leaf(), again, lab.leaf()])
  head = nodes[2]!
  assert.deepEqual(walked(nodes[2]!), [3, 1])
  assert.deepEqual(inside, [3, 1])
  assert.deepEqual(nodes.map(referencesOf), [1, 0, 1])
  lab.close()
})

test('findChainSeqno of 0 answers with what it was given, untouched [CHN-6, MIS-12]', () => {
  using lab = new FenceLab()
  const [node] = chainOf(lab, lab.leaves(1))
  const leaf = lab.leaf()
  assert.equal(findChainSeqno(node, 0), node)
  assert.equal(findChainSeqno(leaf, 0), leaf)
  assert.equal(findChainSeqno(undefined, 0), undefined)
  assert.deepEqual([referencesOf(node!), referencesOf(leaf)], [1, 1])
  lab.close()
})

test('findChainSeqno refuses no chain and a number that is still to come, and keeps its hands off [CHN-6]', () => {
  using lab = new FenceLab()
  const [first, second] = chainOf(lab, lab.leaves(2))
  const leaf = lab.leaf({ seqno: 9 })
  assert.equal(
    thrownCode(() => findChainSeqno(leaf, 1)),
    'EINVAL',
  )
  assert.equal(
    thrownCode(() => findChainSeqno(undefined, 1)),
    'EINVAL',
  )
  assert.equal(
    thrownCode(() => findChainSeqno(null, 1)),
    'EINVAL',
  )
  assert.equal(
    thrownCode(() => findChainSeqno(second, 3)),
    'EINVAL',
  )
  assert.equal(found(second!, 2), 2)
  assert.throws(() => findChainSeqno(second, -1), RangeError)
  assert.deepEqual([first!, second!, leaf].map(referencesOf), [1, 1, 1])
  lab.close()
})

test('findChainSeqno uses up the head and gives a reference on what it found [CHN-6, MIS-12]', () => {
  using lab = new FenceLab()
  const nodes = chainOf(lab, lab.leaves(3))
  const node = findChainSeqno(getFence(nodes[2]), 1)
  assert.equal(node, nodes[0])
  assert.deepEqual(nodes.map(referencesOf), [2, 1, 1])
  putFence(node)
  lab.close()
})

test('findChainSeqno takes the first number at or beyond, where there is a gap [CHN-6]', () => {
  using lab = new FenceLab()
  const two = createFenceChain(undefined, getFence(lab.leaf()), 2)
  const four = lab.own(createFenceChain(two, getFence(lab.leaf()), 4))
  assert.deepEqual(
    [1, 2, 3, 4].map((seqno) => found(four, seqno)),
    [2, 2, 4, 4],
  )
  lab.close()
})

test('findChainSeqno stops at what is of another context, a plain fence too [CHN-6]', () => {
  using lab = new FenceLab()
  const old = createFenceChain(undefined, getFence(lab.leaf()), 3)
  const fresh = createFenceChain(old, getFence(lab.leaf()), 3)
  const head = lab.own(createFenceChain(fresh, getFence(lab.leaf()), 6))
  // The node that began the context says that nothing was before it.
  assert.equal(found(head, 2), 3)
  signalFence(fresh.contained)
  assert.equal(found(head, 3), 3)
  const node = findChainSeqno(getFence<Fence>(head), 3)
  assert.equal(node, old)
  putFence(node)

  // Of the old context there is more, of numbers that would fit.
  const three = createFenceChain(undefined, getFence(lab.leaf()), 3)
  const five = createFenceChain(three, getFence(lab.leaf()), 5)
  const again = createFenceChain(five, getFence(lab.done()), 5)
  assert.equal(found(lab.own(createFenceChain(again, getFence(lab.leaf()), 8)), 2), 5)

  const plain = lab.leaf({ seqno: 50 })
  const bottom = createFenceChain(getFence(plain), getFence(lab.done()), 1)
  const top = lab.own(createFenceChain(bottom, getFence(lab.leaf()), 2))
  assert.equal(found(top, 1), 50)
  lab.close()
})

test('findChainSeqno answers with nothing where all up to there is done [CHN-7, MIS-12]', () => {
  using lab = new FenceLab()
  const fences = lab.leaves(3)
  const nodes = chainOf(lab, fences)
  signalFence(fences[0]!)
  signalFence(fences[1]!)
  assert.deepEqual(
    [found(nodes[2]!, 1), found(nodes[2]!, 2), found(nodes[2]!, 3)],
    ['done', 'done', 3],
  )
  lab.close()
})

test('The number before survives the cut, and the search finds the work still pending [CHN-8, MIS-12]', () => {
  using lab = new FenceLab()
  const fences = lab.leaves(3)
  const nodes = chainOf(lab, fences)
  signalFence(fences[1]!)
  assert.equal(found(nodes[2]!, 2), 1)
  assert.equal(nodes[2]!.previous, nodes[0])
  assert.equal(nodes[2]!.previousSeqno, 2)
  lab.close()
})

test('Golden: find, signal and append on the chain of 1, 2, 3 [EX-10]', () => {
  using lab = new FenceLab()
  const fences = lab.leaves(3)
  const nodes = chainOf(lab, fences)
  const head = nodes[2]!
  assert.deepEqual(
    [1, 2, 3].map((seqno) => found(head, seqno)),
    [1, 2, 3],
  )
  assert.equal(
    thrownCode(() => findChainSeqno(head, 4)),
    'EINVAL',
  )
  assert.equal(findChainSeqno(head, 0), head)
  signalFence(fences[1]!)
  assert.equal(found(head, 2), 1)
  assert.deepEqual([head.previous, head.previousSeqno], [nodes[0], 2])
  signalFence(fences[0]!)
  assert.deepEqual(
    [1, 2, 3].map((seqno) => found(head, seqno)),
    ['done', 'done', 3],
  )
  const again = lab.own(chainFence(head, lab.leaf(), 3))
  assert.notEqual(again.context, head.context)
  assert.deepEqual([again.seqno, again.previousSeqno], [3, 0])
  lab.close()
})

test('A node is signalled when its own fence and all before it are, in whichever order [CHN-9]', () => {
  using lab = new FenceLab()
  const fences = lab.leaves(3)
  const nodes = chainOf(lab, fences)
  const states = (): boolean[] => nodes.map((node) => node.isSignaled())
  signalFence(fences[2]!)
  assert.deepEqual(states(), [false, false, false])
  signalFence(fences[0]!)
  assert.deepEqual(states(), [true, false, false])
  signalFence(fences[1]!)
  assert.deepEqual(states(), [true, true, true])
  lab.close()
})

test('A node waits for the plain fence at the end as well [CHN-9]', () => {
  using lab = new FenceLab()
  const plain = lab.leaf()
  const node = lab.own(createFenceChain(getFence(plain), getFence(lab.done()), 1))
  assert.equal(node.isSignaled(), false)
  signalFence(plain)
  assert.equal(node.isSignaled(), true)
  lab.close()
})

test('Enabling arms the newest pending fence alone, and holds the node and that fence [CHN-10]', () => {
  using lab = new FenceLab()
  const enabled: Fence[] = []
  const ops = { enableSignaling: (fence: Fence): boolean => enabled.push(fence) > 0 }
  const fences = [lab.leaf({ ops }), lab.leaf({ ops }), lab.done()]
  const nodes = chainOf(lab, fences)
  nodes[2]!.enableSignaling()
  assert.deepEqual(enabled, [fences[1]])
  assert.deepEqual(nodes.map(referencesOf), [1, 1, 2])
  assert.deepEqual(lab.references, [2, 3, 2])
  lab.close()
})

test('Enabling where all is done signals at once and holds nothing [CHN-10]', () => {
  using lab = new FenceLab()
  const nodes = chainOf(lab, [lab.done(), lab.done()])
  nodes[1]!.enableSignaling()
  assert.equal(isFlaggedSignaled(nodes[1]!), true)
  assert.equal(referencesOf(nodes[1]!), 1)
  lab.close()
})

test('Each signal arms the next older fence later, one at a time, and the last signals the node [CHN-11]', () => {
  using lab = new FenceLab()
  const enabled: Fence[] = []
  const ops = { enableSignaling: (fence: Fence): boolean => enabled.push(fence) > 0 }
  const fences = lab.leaves(3, { ops })
  const nodes = chainOf(lab, fences)
  const head = nodes[2]!
  head.enableSignaling()
  for (const [index, left] of [
    [2, 2],
    [1, 2],
    [0, 1],
  ] as const) {
    assert.equal(isFlaggedSignaled(head), false)
    assert.deepEqual(enabled, fences.slice(index).reverse())
    signalFence(fences[index]!)
    drainDeferred()
    assert.equal(referencesOf(head), left)
  }
  assert.equal(isFlaggedSignaled(head), true)
  lab.close()
})

test('A callback of a node runs after the signal that ends it has returned; isSignaled knows before [CHN-11, CHN-9, MIS-6]', () => {
  using lab = new FenceLab()
  const order: string[] = []
  const [a, b] = lab.leaves(2)
  const head = chainOf(lab, [a!, b!])[1]!
  head.addCallback(() => order.push('node'))
  signalFence(a!)
  signalFence(b!)
  order.push('returned')
  assert.equal(isFlaggedSignaled(head), false)
  assert.equal(head.isSignaled(), true)
  order.push('asked')
  drainDeferred()
  assert.deepEqual(order, ['returned', 'node', 'asked'])
  lab.close()
})

test('A wait for a node ends though nobody asks [CHN-11]', async () => {
  using lab = new FenceLab()
  const fences = lab.leaves(3)
  const waiting = chainOf(lab, fences)[2]!.wait()
  for (const index of [2, 0, 1]) signalFence(fences[index]!)
  await waiting
  lab.close()
})

test('Errors of what a chain contains are not its own [CHN-12, MIS-12]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  const head = chainOf(lab, [a!, b!])[1]!
  head.enableSignaling()
  signalFence(a!, failure('EIO'))
  signalFence(b!, failure('EIO'))
  drainDeferred()
  assert.equal(head.status, 'signaled')
  lab.close()
})

test('Release takes nodes off newest first, each with its fence, and its own fence last [CHN-13]', () => {
  using lab = new FenceLab()
  const fences = lab.leaves(4)
  const nodes: FenceChain[] = []
  for (const [index, fence] of fences.entries())
    nodes.push(createFenceChain(nodes.at(-1), getFence(fence), index + 1))
  for (const fence of fences) putFence(fence)
  putFence(nodes[3])
  assert.deepEqual(lab.released, [fences[2], fences[1], fences[0], fences[3]])
  assert.deepEqual(nodes.map(referencesOf), [0, 0, 0, 0])
})

test('Release stops at a node that somebody else holds [CHN-13]', () => {
  using lab = new FenceLab()
  const nodes: FenceChain[] = []
  for (let seqno = 1; seqno <= 3; seqno++)
    nodes.push(createFenceChain(nodes.at(-1), getFence(lab.leaf()), seqno))
  const kept = lab.own(getFence(nodes[1]!))
  putFence(nodes[2])
  assert.deepEqual(nodes.map(referencesOf), [1, 1, 0])
  assert.deepEqual(walked(kept), [2, 1])
  lab.close()
})

test('setDeadline reaches the fence of each node, and the plain fence at the end [CHN-14]', () => {
  using lab = new FenceLab()
  const told: Fence[] = []
  const ops = { setDeadline: (fence: Fence): unknown => told.push(fence) }
  const [plain, a, b] = lab.leaves(3, { ops })
  const first = createFenceChain(getFence(plain), getFence(a!), 1)
  const second = lab.own(createFenceChain(first, getFence(b!), 2))
  second.setDeadline(5)
  assert.deepEqual(told, [b, a, plain])
  assert.deepEqual(lab.references, [2, 2, 2])
  lab.close()
})

test('containedFence is a node’s own fence, and any other fence itself; isFenceChain knows which [API-4]', () => {
  using lab = new FenceLab()
  const leaf = lab.leaf()
  const node = lab.own(chainFence(undefined, leaf, 1))
  assert.deepEqual([containedFence(node), containedFence(leaf)], [leaf, leaf])
  assert.deepEqual([node, leaf, null, undefined].map(isFenceChain), [true, false, false, false])
  lab.close()
})

const LONG = 100_000

/** A chain of LONG nodes over fences that nobody counts. */
function longChain(): {
  readonly fences: Fence[]
  readonly head: FenceChain
  released: () => number
} {
  let released = 0
  const ops = { driverName: 'test', timelineName: 'long', release: (): number => ++released }
  const fences: Fence[] = []
  let head: FenceChain | undefined = undefined
  for (let seqno = 1; seqno <= LONG; seqno++) {
    const fence = new Fence(ops, 1, seqno)
    fences.push(fence)
    head = createFenceChain(head, fence, seqno)
  }
  return { fences, head: head!, released: () => released }
}

test(`${LONG} nodes: release does not recurse [CHN-13]`, () => {
  const { head, released } = longChain()
  putFence(head)
  assert.equal(released(), LONG)
})

test(`${LONG} nodes: walking, asking, finding, deadlines do not recurse [CHN-5, CHN-6, CHN-9, CHN-14]`, () => {
  const { fences, head, released } = longChain()
  assert.equal(walked(head).length, LONG)
  assert.equal(found(head, 1), 1)
  head.setDeadline(1)
  signalFence(fences.at(-1)!)
  assert.equal(head.isSignaled(), false)
  putFence(head)
  assert.equal(released(), LONG)
})

for (const [order, indexOf] of [
  ['oldest', (step: number): number => step],
  ['newest', (step: number): number => LONG - 1 - step],
] as const)
  test(`${LONG} nodes, signalled ${order} first: the newest signals with the last fence [CHN-11]`, () => {
    const { fences, head, released } = longChain()
    head.enableSignaling()
    for (let step = 0; step < LONG; step++) {
      assert.equal(isFlaggedSignaled(head), false)
      signalFence(fences[indexOf(step)]!)
      drainDeferred()
    }
    assert.equal(isFlaggedSignaled(head), true)
    putFence(head)
    assert.equal(released(), LONG)
  })

test(`${LONG} nodes, signalled all at once before the work runs [CHN-11]`, () => {
  const { fences, head, released } = longChain()
  let called = 0
  head.addCallback(() => called++)
  for (const fence of fences) signalFence(fence)
  assert.equal(called, 0)
  drainDeferred()
  assert.equal(called, 1)
  putFence(head)
  assert.equal(released(), LONG)
})

/** A leaf that throws when it is asked, while `isBroken`. */
function brokenLeaf(lab: FenceLab): { readonly fence: Fence; mend: () => void } {
  let isBroken = true
  const isSignaled = (): boolean => {
    if (isBroken) throw new Error('broken')
    return false
  }
  return { fence: lab.leaf({ ops: { isSignaled } }), mend: () => (isBroken = false) }
}

test('A walk reports a fence that throws when asked, and takes it for pending [CHN-4, PORT-4]', () => {
  using lab = new FenceLab()
  const { fence } = brokenLeaf(lab)
  const nodes = chainOf(lab, [lab.done(), fence, lab.leaf()])
  assert.deepEqual(walked(nodes[2]!), [3, 2])
  lab.close(['PORT-4'])
})

test('isSignaled of a chain passes on what a fence throws when asked, and leaks no reference [CHN-9]', () => {
  using lab = new FenceLab()
  const { fence, mend } = brokenLeaf(lab)
  const nodes = chainOf(lab, [lab.leaf(), fence, lab.done()])
  assert.throws(() => nodes[2]!.isSignaled(), /broken/)
  assert.throws(() => nodes[1]!.isSignaled(), /broken/)
  assert.deepEqual(nodes.map(referencesOf), [1, 1, 1])
  mend()
  assert.equal(nodes[2]!.isSignaled(), false)
  lab.close(['PORT-4'])
})

test('A chain over a fence that throws when asked still signals with it [CHN-11, PORT-4]', () => {
  using lab = new FenceLab()
  const { fence } = brokenLeaf(lab)
  const head = lab.leaf()
  const nodes = chainOf(lab, [fence, head])
  nodes[1]!.enableSignaling()
  signalFence(head)
  drainDeferred()
  assert.equal(isFlaggedSignaled(nodes[1]!), false)
  signalFence(fence)
  drainDeferred()
  assert.equal(isFlaggedSignaled(nodes[1]!), true)
  lab.close(['PORT-4'])
})

test('A fence that throws when enabled has failed: the chain goes on with the next [CHN-10, PORT-4]', () => {
  using lab = new FenceLab()
  const enableSignaling = (): boolean => {
    throw new Error('broken')
  }
  const pending = lab.leaf()
  const nodes = chainOf(lab, [pending, lab.leaf({ ops: { enableSignaling } })])
  nodes[1]!.enableSignaling()
  assert.equal(isFlaggedSignaled(nodes[1]!), false)
  signalFence(pending)
  drainDeferred()
  assert.equal(nodes[1]!.status, 'signaled')
  lab.close(['PORT-4'])
})

test('A fence that throws when released keeps no other from its release [CHN-13, PORT-4]', () => {
  using lab = new FenceLab()
  const release = (): void => {
    throw new Error('broken')
  }
  const nodes: FenceChain[] = []
  for (let seqno = 1; seqno <= 3; seqno++)
    nodes.push(createFenceChain(nodes.at(-1), getFence(lab.leaf({ ops: { release } })), seqno))
  putFence(nodes[2])
  assert.deepEqual(lab.references, [1, 1, 1])
  assert.deepEqual(nodes.map(referencesOf), [0, 0, 0])
  lab.close(['PORT-4', 'PORT-4', 'PORT-4'])
})

test('A fence that throws for a deadline keeps it from no other, and leaks no reference [CHN-14, PORT-4]', () => {
  using lab = new FenceLab()
  let told = 0
  const broken = {
    setDeadline() {
      throw new Error('broken')
    },
  }
  const nodes = chainOf(lab, [
    lab.leaf({ ops: { setDeadline: () => (told += 1) } }),
    lab.leaf({ ops: broken }),
  ])
  nodes[1]!.setDeadline(5)
  assert.equal(told, 1)
  assert.deepEqual(nodes.map(referencesOf), [1, 1])
  lab.close(['PORT-4'])
})

test('A callback of a node that throws leaves no reference behind [CHN-11, PORT-4]', () => {
  using lab = new FenceLab()
  const leaf = lab.leaf()
  const [node] = chainOf(lab, [leaf])
  node!.addCallback(() => {
    throw new Error('broken')
  })
  signalFence(leaf)
  drainDeferred()
  assert.equal(referencesOf(node!), 1)
  lab.close(['PORT-4'])
})
