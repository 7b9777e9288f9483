// Goal: however a chain is built, signalled, searched, waited for and put, it says what a list of all that
// ever was in it would say, and in the end nobody holds a reference.
// Method: random commands against a model that forgets nothing and cuts nothing out; a failure prints the
// seed and the shortest commands that fast-check found.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { drainDeferred } from '#src/core/deferred.js'
import { createFenceArray } from '#src/core/fence/fence-array.js'
import { createFenceChain, findChainSeqno, walkChain } from '#src/core/fence/fence-chain.js'
import {
  getFence,
  isFlaggedSignaled,
  putFence,
  signalFence,
  type Fence,
} from '#src/core/fence/fence.js'
import { thrownCode } from '../../helpers/error-code.js'
import { FenceLab } from '../../helpers/fence-lab.js'

type Kind =
  'append' | 'array' | 'signal' | 'walk' | 'leave' | 'find' | 'ask' | 'enable' | 'drain' | 'put'

interface Command {
  readonly kind: Kind
  readonly a: number
  readonly b: number
}

/** What was put behind what, for ever. */
interface ModelNode {
  readonly fence: Fence
  readonly context: number
  readonly seqno: number
  readonly previousSeqno: number
  /** The leaves of its own fence. */
  readonly leaves: readonly Fence[]
  readonly previous: ModelNode | undefined
}

class Model {
  readonly #lab: FenceLab
  readonly #leaves: Fence[] = []
  /** Nodes that the test holds, and plain fences to build on. */
  readonly #held: ModelNode[] = []
  readonly #enabled = new Set<ModelNode>()

  constructor(lab: FenceLab) {
    this.#lab = lab
    for (const leaf of lab.leaves(2)) this.#held.push(this.#plain(leaf))
  }

  run(commands: readonly Command[]): void {
    for (const command of commands) this.#step(command)
    drainDeferred()
    this.#checkEnabled()
    for (const { fence } of this.#held.splice(0)) putFence(fence)
  }

  #step({ kind, a, b }: Command): void {
    const node = this.#held[a % this.#held.length]!
    if (kind === 'append' || kind === 'array') this.#append(kind, b % 3 === 2 ? undefined : node, b)
    else if (kind === 'signal') signalFence(this.#leaves[a % this.#leaves.length]!)
    else if (kind === 'walk') assert.deepEqual(walkAll(node.fence), remaining(node).map(fenceOf))
    else if (kind === 'leave') leaveAfter(node.fence, b % 4)
    else if (kind === 'find') this.#find(node, b % (node.seqno + 3))
    else if (kind === 'ask') assert.equal(node.fence.isSignaled(), isDone(node))
    else if (kind === 'enable') this.#enable(node)
    else if (kind === 'drain') this.#drain()
    else if (this.#held.length > 2) this.#put(node)
  }

  #append(kind: 'append' | 'array', previous: ModelNode | undefined, delta: number): void {
    const leaves = this.#lab.leaves(kind === 'array' ? 2 : 1)
    this.#leaves.push(...leaves)
    const given = this.#lab.give(leaves)
    const place = { context: 1, seqno: 1 }
    const contained = kind === 'array' ? createFenceArray(given, place) : given[0]!
    // Up to two back, up to two on.
    const seqno = Math.max(0, (previous?.seqno ?? 0) + (delta % 5) - 2)
    const isNode = previous !== undefined && previous.context !== previous.leaves[0]?.context
    const isNext = isNode && seqno > previous.seqno
    const fence = createFenceChain(getFence(previous?.fence), contained, seqno)
    const expected = {
      context: isNext ? previous.context : fence.context,
      seqno: isNode ? Math.max(previous.seqno, seqno) : seqno,
      previousSeqno: isNext ? previous.seqno : 0,
    }
    const { context, seqno: stored, previousSeqno } = fence
    assert.deepEqual({ context, seqno: stored, previousSeqno }, expected)
    assert.equal(context === previous?.context, isNext)
    this.#held.push({ fence, ...expected, leaves, previous })
  }

  #find(head: ModelNode, seqno: number): void {
    const { fence } = head
    const isPlain = head.leaves[0] === fence
    if (seqno > 0 && (isPlain || head.seqno < seqno)) {
      assert.equal(
        thrownCode(() => findChainSeqno(fence, seqno)),
        'EINVAL',
      )
      return
    }
    const found = findChainSeqno(getFence(fence), seqno)
    const expected = remaining(head).find(
      (node) => node.context !== head.context || node.previousSeqno < seqno,
    )
    assert.equal(found, seqno === 0 ? fence : expected?.fence)
    putFence(found)
  }

  #enable(node: ModelNode): void {
    node.fence.enableSignaling()
    this.#enabled.add(node)
  }

  #drain(): void {
    drainDeferred()
    this.#checkEnabled()
  }

  // Nobody asked these: they were told.
  #checkEnabled(): void {
    for (const node of this.#enabled) assert.equal(isFlaggedSignaled(node.fence), isDone(node))
  }

  #put(node: ModelNode): void {
    this.#held.splice(this.#held.indexOf(node), 1)
    if (!this.#held.includes(node)) this.#enabled.delete(node)
    putFence(node.fence)
  }

  #plain(fence: Fence): ModelNode {
    this.#leaves.push(fence)
    const { context, seqno } = getFence(fence)
    return { fence, context, seqno, previousSeqno: 0, leaves: [fence], previous: undefined }
  }
}

function fenceOf({ fence }: ModelNode): Fence {
  return fence
}

function isOwnDone({ leaves }: ModelNode): boolean {
  return leaves.every(isFlaggedSignaled)
}

/** The node and everything that was ever before it. */
function ancestry(head: ModelNode): ModelNode[] {
  const nodes: ModelNode[] = []
  for (let node: ModelNode | undefined = head; node !== undefined; node = node.previous)
    nodes.push(node)
  return nodes
}

/** What a walk meets: the head, and what is not done before it. */
function remaining(head: ModelNode): ModelNode[] {
  return ancestry(head).filter((node) => node === head || !isOwnDone(node))
}

function isDone(head: ModelNode): boolean {
  return ancestry(head).every(isOwnDone)
}

function walkAll(head: Fence): Fence[] {
  const fences: Fence[] = []
  for (let node: Fence | undefined = getFence(head); node !== undefined; node = walkChain(node))
    fences.push(node)
  return fences
}

function leaveAfter(head: Fence, steps: number): void {
  let node: Fence | undefined = getFence(head)
  for (let step = 0; step < steps && node !== undefined; step++) node = walkChain(node)
  putFence(node)
}

const kinds: readonly Kind[] = [
  ...(['append', 'append', 'append', 'array', 'signal', 'signal', 'walk', 'leave'] as const),
  ...(['find', 'find', 'ask', 'enable', 'drain', 'put'] as const),
]
const number = fc.nat(1 << 16)
// The newest nodes are taken more often than old ones, so that chains grow long.
const command = fc.record({ kind: fc.constantFrom(...kinds), a: number, b: number })

/** Checks random commands; the type of each is tried often in some runs and never in others. */
function check(commands: fc.Arbitrary<readonly Command[]>, numRuns: number, seed: number): void {
  fc.assert(
    fc.property(commands, (list) => {
      using lab = new FenceLab()
      new Model(lab).run(list)
      lab.close()
    }),
    { numRuns, seed },
  )
}

test('Chains of any shape say what a list without cuts would say [CHN-2, CHN-4, CHN-6, CHN-7, CHN-8, CHN-9, CHN-11, CHN-13]', (context) => {
  const seed = Date.now() | 0
  context.diagnostic(`seed ${seed}`)
  check(fc.array(command, { maxLength: 60, size: 'max' }), 4000, seed)
})

test('One long chain signalled in any order says what a list without cuts would say [CHN-4, CHN-6, CHN-7, CHN-8, CHN-9, CHN-11]', (context) => {
  const seed = Date.now() | 0
  context.diagnostic(`seed ${seed}`)
  // Each append is on the node before: the list of what is held grows by one each time.
  const build = (length: number): Command[] =>
    Array.from({ length }, (_, index) => ({ kind: 'append', a: 1 + index, b: 3 + 15 * index }))
  const rest = command.filter(({ kind }) => !['append', 'array', 'put'].includes(kind))
  const commands = fc
    .tuple(fc.integer({ min: 2, max: 30 }), fc.array(rest, { maxLength: 80, size: 'max' }))
    .map(([length, steps]) => [...build(length), ...steps])
  check(commands, 2000, seed)
})
