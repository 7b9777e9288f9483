// Goal: a merge waits for the latest of each timeline, and is as simple as it can be.
// Method: leaves with chosen contexts, seqnos and times; ops that signal between the two looks.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFenceArray, FenceArray } from '#src/core/fence/fence-array.js'
import { chainFence } from '#src/core/fence/fence-chain.js'
import { getFence, isFlaggedSignaled, signalFence, type Fence } from '#src/core/fence/fence.js'
import { mergeFences } from '#src/core/fence/merge.js'
import { stubFence } from '#src/core/fence/stub.js'
import { FenceLab, referencesOf } from '../../helpers/fence-lab.js'

/** A merge, put when the lab closes. */
function merge(lab: FenceLab, ...fences: (Fence | null | undefined)[]): Fence {
  return lab.own(mergeFences(fences))
}

/** The elements of a merge that must be an array. */
function elementsOf(fence: Fence): readonly Fence[] {
  assert(fence instanceof FenceArray, `Array expected: ${fence.driverName}`)
  return fence.elements
}

function signalAt(fence: Fence, timestampNs: number): void {
  signalFence(fence, undefined, timestampNs)
}

test('mergeFences of fences of several contexts is an all-array of its own context, seqno 1 [UNW-3, UNW-6]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  const merged = merge(lab, a, b)
  assert.deepEqual(elementsOf(merged), [a, b])
  assert.equal(merged.seqno, 1)
  assert.equal([a!.context, b!.context].includes(merged.context), false)
  assert.notEqual(merge(lab, a, b).context, merged.context)
  signalFence(a!)
  assert.equal(merged.isSignaled(), false)
  signalFence(b!)
  assert.equal(merged.isSignaled(), true)
  lab.close()
})

test('mergeFences takes references of its own, the inputs keep theirs [UNW-3]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2)
  const array = lab.own(createFenceArray(lab.give([b!]), { context: 1, seqno: 1 }))
  merge(lab, a, array)
  assert.deepEqual([...lab.references, referencesOf(array)], [2, 3, 1])
  lab.close()
})

test('mergeFences unwraps what it is given, also from an iterator that can be read once [UNW-3]', () => {
  using lab = new FenceLab()
  const [a, b, c, d] = lab.leaves(4)
  const array = lab.own(createFenceArray(lab.give([b!, c!]), { context: 1, seqno: 1 }))
  const chain = lab.own(chainFence(array, d!, 1))
  const inputs = new Set([chain, undefined, null, a]).values()
  assert.deepEqual(elementsOf(lab.own(mergeFences(inputs))), [a, b, c, d])
  lab.close()
})

test('mergeFences with nothing pending is a private stub, of time 0 where nothing ever signalled [UNW-4, MIS-15]', () => {
  using lab = new FenceLab()
  const merged = merge(lab)
  assert.equal(isFlaggedSignaled(merged), true)
  assert.equal(merged.timestampNs, 0)
  assert.notEqual(merged, stubFence())
  assert.notEqual(merge(lab, undefined), merged)
  lab.close()
})

test('The private stub has the latest time of the signalled leaves, wherever that stands [UNW-3, UNW-4]', () => {
  using lab = new FenceLab()
  for (const times of [
    [100, 250, 200],
    [250, 100],
    [100, 250],
  ]) {
    const leaves = lab.leaves(times.length)
    leaves.forEach((leaf, index) => signalAt(leaf, times[index]!))
    assert.equal(merge(lab, ...leaves).timestampNs, 250)
  }
  lab.close()
})

test('mergeFences of the global stub is a private one with its time [UNW-4, MIS-15]', () => {
  using lab = new FenceLab()
  const stub = stubFence()
  const merged = merge(lab, stub)
  assert.notEqual(merged, stub)
  assert.deepEqual([merged.driverName, merged.timestampNs], ['stub', stub.timestampNs])
  lab.close()
})

test('Of each context the latest is kept, in the order of the contexts [UNW-5, MIS-15]', () => {
  using lab = new FenceLab()
  const place = (context: number, seqno: number): Fence => lab.leaf({ context, seqno })
  const [early, late, other] = [place(900, 3), place(900, 4), place(500, 9)]
  for (const order of [
    [early, late, other],
    [other, late, early],
    [late, other, early],
  ]) {
    assert.deepEqual(elementsOf(merge(lab, ...order)), [other, late])
  }
  assert.equal(referencesOf(early), 1)
  lab.close()
})

test('The latest is found by the fences’ own order, which wraps or does not [UNW-5]', () => {
  using lab = new FenceLab()
  const short = [0xffff_ffff, 2].map((seqno) => lab.leaf({ context: 900, seqno }))
  assert.equal(merge(lab, ...short), short[1])
  const ops = { use64BitSeqno: true }
  const long = [0xffff_ffff, 2].map((seqno) => lab.leaf({ context: 900, seqno, ops }))
  assert.equal(merge(lab, ...long), long[0])
  lab.close()
})

test('Of two fences with the same context and seqno the one given first is kept [UNW-5]', () => {
  using lab = new FenceLab()
  const [a, b] = lab.leaves(2, { context: 900, seqno: 1 })
  assert.equal(merge(lab, a, b), a)
  assert.equal(merge(lab, b, a), b)
  lab.close()
})

test('One survivor is that very fence, with one more reference [UNW-6, MIS-15]', () => {
  using lab = new FenceLab()
  const early = lab.leaf({ context: 900, seqno: 1 })
  const late = lab.leaf({ context: 900, seqno: 2 })
  assert.equal(merge(lab, early, late, lab.done()), late)
  assert.deepEqual([referencesOf(early), referencesOf(late)], [1, 2])
  assert.equal(merge(lab, early, early), early)
  assert.equal(referencesOf(early), 2)
  lab.close()
})

test('Golden: a merge of 7:3, 5:9 and 7:4, as they signal [EX-11]', () => {
  using lab = new FenceLab()
  const a = lab.leaf({ context: 7, seqno: 3 })
  const b = lab.leaf({ context: 5, seqno: 9 })
  const c = lab.leaf({ context: 7, seqno: 4 })
  assert.deepEqual(elementsOf(merge(lab, a, b, c)), [b, c])
  signalAt(b, 100)
  assert.equal(merge(lab, a, b, c), c)
  signalAt(a, 250)
  signalAt(c, 200)
  const stub = merge(lab, a, b, c)
  assert.deepEqual([stub.driverName, stub.timestampNs], ['stub', 250])
  lab.close()
})

/** A leaf that signals, at a time, when it is asked for the n-th time. */
function signalsWhenAsked(lab: FenceLab, times: number, timestampNs = 1): Fence {
  let left = times
  const isSignaled = (fence: Fence): boolean => {
    if (--left === 0) signalAt(fence, timestampNs)
    return false
  }
  return lab.leaf({ ops: { isSignaled } })
}

test('Each of the two looks asks every leaf once [UNW-7]', () => {
  using lab = new FenceLab()
  const asked = [0, 0]
  const [a, b] = [0, 1].map((index) =>
    lab.leaf({
      ops: {
        isSignaled() {
          asked[index]!++
          return false
        },
      },
    }),
  )
  merge(lab, a, b)
  assert.deepEqual(asked, [2, 2])
  lab.close()
})

test('A leaf that signals before the first look is over is left out [UNW-7]', () => {
  using lab = new FenceLab()
  const other = lab.leaf()
  assert.equal(merge(lab, other, signalsWhenAsked(lab, 1)), other)
  lab.close()
})

test('A leaf that signals between the looks is left out: one survivor is itself [UNW-7, UNW-6]', () => {
  using lab = new FenceLab()
  const other = lab.leaf()
  const merged = merge(lab, signalsWhenAsked(lab, 2), other)
  assert.equal(merged, other)
  assert.deepEqual(lab.references, [2, 1])
  lab.close()
})

test('Where all signal between the looks, the stub has the time of the later look [UNW-7, UNW-4]', () => {
  using lab = new FenceLab()
  const before = lab.leaf()
  signalAt(before, 100)
  const merged = merge(lab, before, signalsWhenAsked(lab, 2, 300), signalsWhenAsked(lab, 2, 200))
  assert.equal(merged.timestampNs, 300)
  assert.equal(isFlaggedSignaled(merged), true)
  lab.close()
})

for (const look of [1, 2])
  test(`What a leaf throws in look ${look} passes through, and no reference is left [UNW-3, UNW-7]`, () => {
    using lab = new FenceLab()
    let left = look
    const isSignaled = (): boolean => {
      if (--left === 0) throw new Error('broken')
      return false
    }
    const broken = lab.leaf({ ops: { isSignaled } })
    const [a, b] = lab.leaves(2)
    const chain = lab.own(chainFence(b, broken, 1))
    assert.throws(() => mergeFences([a, chain]), /broken/)
    assert.deepEqual([...lab.references, referencesOf(chain)], [2, 1, 2, 1])
    lab.close()
  })

test('A merge that is put gives every reference back [UNW-3]', () => {
  using lab = new FenceLab()
  const leaves = lab.leaves(8)
  const merged = mergeFences(leaves)
  assert.equal(elementsOf(merged).length, 8)
  lab.own(getFence(merged))
  lab.own(merged)
  lab.close()
})
