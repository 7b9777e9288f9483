// Fences made of fences: arrays side by side, chains one behind the other, and what is inside of either.
import assert from 'node:assert/strict'
import { createTimeline } from 'dmabuf'
import {
  allocateContext,
  arrayFirst,
  arrayNext,
  containedFence,
  createFenceArray,
  createFenceChain,
  FenceArray,
  FenceChain,
  FenceLeaves,
  findChainSeqno,
  getFence,
  isFenceArray,
  isFenceChain,
  isFenceContainer,
  matchContext,
  pendingLeaves,
  putFence,
  unwrapFences,
  walkChain,
} from 'dmabuf/framework'

const camera = createTimeline('camera')
const gpu = createTimeline('gpu')
const shot = camera.fence(1)
const drawn = gpu.fence(1)

// An array takes the references that it is given over: so it gets its own.
const elements = () => [getFence(shot), getFence(drawn)]
const all = createFenceArray(elements(), { context: allocateContext(), seqno: 1 })
const any = createFenceArray(elements(), { context: allocateContext(), seqno: 1, any: true })
assert.ok(all instanceof FenceArray && isFenceArray(all) && isFenceContainer(all))
assert.deepEqual([arrayFirst(all), arrayNext(all, 1), arrayNext(all, 2)], [shot, drawn, undefined])
assert.ok(!matchContext(all, camera.context), 'Not all of it is work of the camera')

camera.signal(1)
assert.deepEqual([any.isSignaled(), all.isSignaled()], [true, false])
assert.deepEqual([...pendingLeaves(all)], [drawn])
gpu.signal(1)
assert.ok(all.isSignaled())

// A chain gives numbers to work on different timelines: point 10 is the camera's, point 20 the gpu's.
const ten = createFenceChain(undefined, camera.fence(2), 10)
const twenty = createFenceChain(ten, gpu.fence(2), 20)
assert.ok(twenty instanceof FenceChain && isFenceChain(twenty) && !isFenceChain(shot))
assert.equal(twenty.context, ten.context, 'Growing numbers are one timeline')
assert.equal(containedFence(twenty).timelineName, 'gpu')

// Who needs everything up to 15 waits for 20: that is where 15 is reached. What walks uses up a reference.
const fifteen = findChainSeqno(getFence(twenty), 15)
assert.equal(fifteen, twenty)
putFence(fifteen)
assert.throws(() => findChainSeqno(twenty, 21), { code: 'EINVAL' }) // nobody has begun that

/** @param {import('dmabuf').Fence} head */
function pointsOf(head) {
  /** @type {number[]} */
  const points = []
  /** @type {import('dmabuf').Fence | undefined} */
  let node = getFence(head)
  for (; node !== undefined; node = walkChain(node)) points.push(node.seqno)
  return points
}
assert.deepEqual(pointsOf(twenty), [20, 10])

// The plain fences, whatever they are packed in. Who leaves early disposes, which puts what it stands at.
const timelines = Array.from(unwrapFences(twenty), ({ timelineName }) => timelineName)
assert.deepEqual(timelines, ['gpu', 'camera'])
const leaves = unwrapFences(twenty)
assert.ok(leaves instanceof FenceLeaves)
assert.equal(leaves.next().value?.timelineName, 'gpu')

// The gpu may be ahead: its point counts when everything before it is done. What is done drops out.
gpu.signal(2)
assert.ok(!twenty.isSignaled())
camera.signal(2)
assert.ok(twenty.isSignaled())
assert.deepEqual(pointsOf(twenty), [20])
console.log(`points of the chain: ${timelines.join(' behind ')}`)
leaves[Symbol.dispose]()
gpu.close()
camera.close()
