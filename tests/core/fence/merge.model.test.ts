// Goal: merging and unwrapping any containers finds what a plain recursive reading of them finds.
// Method: random leaves, arrays and chains against a model in a few lines; a failure prints the seed and the
// smallest inputs that fast-check found.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createFenceArray } from '#src/core/fence/fence-array.js'
import { chainFence } from '#src/core/fence/fence-chain.js'
import { isFlaggedSignaled, signalFence, type Fence } from '#src/core/fence/fence.js'
import { mergeFences } from '#src/core/fence/merge.js'
import { isLater } from '#src/core/fence/order.js'
import { unwrapFences } from '#src/core/fence/unwrap.js'
import { FenceLab } from '../../helpers/fence-lab.js'

interface LeafShape {
  readonly context: number
  readonly seqno: number
  /** When it signalled; undefined while it is pending. */
  readonly atNs: number | undefined
}

/** What a container is made of, by the places of fences in the list so far. */
type Shape =
  | { readonly kind: 'array'; readonly of: readonly number[] }
  | { readonly kind: 'chain'; readonly previous: number; readonly own: number }

interface Case {
  readonly leaves: readonly LeafShape[]
  readonly shapes: readonly Shape[]
  readonly inputs: readonly number[]
}

/** A fence and its place in the model. */
interface Modelled {
  readonly fence: Fence
  /** Leaves of an array, or a leaf itself. */
  readonly flat: readonly Fence[]
  /** For a node: its own fence and what is before it. */
  readonly node?: { readonly own: Modelled; readonly previous: Modelled | undefined }
}

function isPending(fence: Fence): boolean {
  return !isFlaggedSignaled(fence)
}

/** All leaves of what is given: a node's own fence, then what is before it and not done. */
function leavesOf(head: Modelled | undefined): Fence[] {
  if (head === undefined) return []
  if (head.node === undefined) return [...head.flat]
  const found = [...head.node.own.flat]
  for (let next = head.node.previous; next !== undefined; next = next.node?.previous) {
    const { flat } = next.node?.own ?? next
    if (flat.some(isPending)) found.push(...flat)
  }
  return found
}

/** The pending leaves that survive, by context, the latest of each; the first of equal ones. */
function survivors(leaves: readonly Fence[]): Fence[] {
  const latest = new Map<number, Fence>()
  for (const leaf of leaves.filter(isPending)) {
    const rival = latest.get(leaf.context)
    if (rival === undefined || isLater(leaf, rival)) latest.set(leaf.context, leaf)
  }
  return [...latest.values()].sort((a, b) => a.context - b.context)
}

function build(lab: FenceLab, { leaves, shapes }: Case): Modelled[] {
  const all: Modelled[] = leaves.map(({ context, seqno, atNs }) => {
    const fence = lab.leaf({ context, seqno })
    if (atNs !== undefined) signalFence(fence, undefined, atNs)
    return { fence, flat: [fence] }
  })
  for (const shape of shapes) {
    if (shape.kind === 'array') {
      const of = shape.of.map((place) => all[place % leaves.length]!.fence)
      const fence = lab.own(createFenceArray(lab.give(of), { context: 1, seqno: 1 }))
      all.push({ fence, flat: of })
    } else {
      const flat = all.filter(({ node }) => node === undefined)
      const own = flat[shape.own % flat.length]!
      // One place more than there are: nothing before.
      const previous = all[shape.previous % (all.length + 1)]
      const fence = lab.own(chainFence(previous?.fence, own.fence, 1))
      all.push({ fence, flat: [], node: { own, previous } })
    }
  }
  return all
}

const place = fc.nat(1 << 16)
const leaf = fc.record({
  context: fc.integer({ min: 500, max: 504 }),
  // Around the place where 32-bit seqnos wrap.
  seqno: fc.constantFrom(0xffff_fffd, 0xffff_ffff, 0, 1, 2, 3),
  atNs: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
})
const shape = fc.oneof(
  fc.record({
    kind: fc.constant('array' as const),
    of: fc.array(place, { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant('chain' as const), previous: place, own: place }),
)
const cases: fc.Arbitrary<Case> = fc.record({
  leaves: fc.array(leaf, { minLength: 1, maxLength: 8 }),
  shapes: fc.array(shape, { maxLength: 10 }),
  inputs: fc.array(place, { maxLength: 5 }),
})

/** Checks a property of random containers; references are checked at the end of each run. */
function check(seed: number, property: (lab: FenceLab, inputs: readonly Modelled[]) => void): void {
  fc.assert(
    fc.property(cases, (one) => {
      using lab = new FenceLab()
      const all = build(lab, one)
      // One place more than there are: no fence at all.
      const inputs = one.inputs.map((index) => all[index % (all.length + 1)])
      property(
        lab,
        inputs.filter((input) => input !== undefined),
      )
      lab.close()
    }),
    { numRuns: 4000, seed },
  )
}

test('unwrapFences finds what reading a container by hand finds [UNW-1, UNW-2]', (context) => {
  const seed = Date.now() | 0
  context.diagnostic(`seed ${seed}`)
  check(seed, (_lab, inputs) => {
    for (const input of inputs) assert.deepEqual([...unwrapFences(input.fence)], leavesOf(input))
  })
})

test('mergeFences is the latest pending leaf of each context, in their order, as simply as it can be [UNW-3, UNW-4, UNW-5, UNW-6]', (context) => {
  const seed = Date.now() | 0
  context.diagnostic(`seed ${seed}`)
  check(seed, (lab, inputs) => {
    const leaves = inputs.flatMap(leavesOf)
    const merged = lab.own(mergeFences(inputs.map(({ fence }) => fence)))
    const expected = survivors(leaves)
    if (expected.length === 1) assert.equal(merged, expected[0])
    else if (expected.length > 1) assert.deepEqual([...unwrapFences(merged)], expected)
    else {
      const times = leaves.map(({ timestampNs }) => timestampNs ?? 0)
      assert.deepEqual([merged.driverName, merged.timestampNs], ['stub', Math.max(0, ...times)])
    }
  })
})

test('A merge signals with the last leaf of all its inputs, and not before [UNW-3, UNW-5]', (context) => {
  const seed = Date.now() | 0
  context.diagnostic(`seed ${seed}`)
  check(seed, (lab, inputs) => {
    const merged = lab.own(mergeFences(inputs.map(({ fence }) => fence)))
    const left = survivors(inputs.flatMap(leavesOf))
    while (left.length > 0) {
      assert.equal(merged.isSignaled(), false)
      signalFence(left.pop()!)
    }
    assert.equal(merged.isSignaled(), true)
  })
})
