// Goal: page frames go back once, and not while a mapping or a fence still needs them.
// Method: a taker that counts, fences signalled by hand, deferred work drained by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drainDeferred } from '#src/core/deferred.js'
import { allocateContext } from '#src/core/fence/context.js'
import { Fence, signalFence } from '#src/core/fence/fence.js'
import { Placement } from '#src/core/heap/placement.js'

function open() {
  const given: unknown[] = []
  const segments = [{ address: 4096, lengthBytes: 4096 }]
  const placement = new Placement({ give: (back) => given.push(back) }, segments)
  return { placement, given, segments }
}

const newFence = () => new Fence({ driverName: 'd', timelineName: 't' }, allocateContext(), 1)

test('Placement.free gives the frames back, once', () => {
  const { placement, given, segments } = open()
  assert.equal(placement.freed, false)
  placement.free()
  placement.free()
  assert.deepEqual(given, [segments])
  assert.equal(placement.freed, true)
})

test('Placement counts its mappings', () => {
  const { placement, given } = open()
  placement.map()
  placement.map()
  placement.unmap()
  assert.equal(placement.mappings, 1)
  placement.unmap()
  assert.equal(placement.mappings, 0)
  assert.deepEqual(given, [])
})

test('retire without mappings and fences frees at once', () => {
  const { placement } = open()
  placement.retire([])
  assert.equal(placement.freed, true)
})

test('retire waits for the last mapping [ATT-30]', () => {
  const { placement } = open()
  placement.map()
  placement.map()
  placement.retire([])
  placement.unmap()
  assert.equal(placement.freed, false)
  placement.unmap()
  assert.equal(placement.freed, true)
})

test('retire waits for all fences, outside of their signalling [ATT-31]', () => {
  const { placement } = open()
  const [first, second] = [newFence(), newFence()]
  placement.retire([first, second])
  signalFence(second)
  drainDeferred()
  assert.equal(placement.freed, false)
  signalFence(first)
  assert.equal(placement.freed, false)
  drainDeferred()
  assert.equal(placement.freed, true)
})

test('retire waits for mappings and fences, in either order [ATT-31]', () => {
  for (const fenceFirst of [false, true]) {
    const { placement } = open()
    const fence = newFence()
    placement.map()
    placement.retire([fence])
    const steps = [
      () => {
        signalFence(fence)
        drainDeferred()
      },
      () => placement.unmap(),
    ]
    if (!fenceFirst) steps.reverse()
    steps[0]!()
    assert.equal(placement.freed, false)
    steps[1]!()
    assert.equal(placement.freed, true)
  }
})

test('retire takes fences that have signalled, and gives their references back [ATT-31]', () => {
  const { placement } = open()
  let released = 0
  const ops = { driverName: 'd', timelineName: 't', release: () => released++ }
  const fence = new Fence(ops, allocateContext(), 1)
  signalFence(fence)
  placement.retire([fence])
  drainDeferred()
  assert.equal(placement.freed, true)
  assert.equal(released, 1)
})
