// A driver that makes fences of its own: what it is asked, what it answers, and how others order and await them.
import assert from 'node:assert/strict'
import { DmaBufError, Fence } from 'dmabuf'
import {
  allocateContext,
  createPrivateStub,
  defaultWait,
  describeFence,
  fenceFlags,
  fenceTimestamp,
  getFence,
  isFlaggedSignaled,
  isLater,
  isLaterOrSame,
  laterFence,
  onFenceEvent,
  putFence,
  setFenceError,
  setFenceFlags,
  signalFence,
  stubFence,
  traceEmit,
  tryGetFence,
  waitAnyFence,
  waitFenceTimeout,
} from 'dmabuf/framework'

/** @type {string[]} */
const asked = []
/** @type {string[]} */
const trace = []
const tracing = onFenceEvent(({ event, seqno }) => void trace.push(`${event} ${seqno}`))

// The hardware counts jobs that are done; nobody has to look at it before somebody wants to know.
let done = 0
/** @type {import('dmabuf').FenceOps} */
const ops = {
  driverName: 'gpu',
  timelineName: 'ring 0',
  enableSignaling({ seqno }) {
    asked.push(`interrupt ${seqno}`)
    return done < seqno // false: it was over before the interrupt was on
  },
  isSignaled: ({ seqno }) => done >= seqno,
  setDeadline: ({ seqno }) => void asked.push(`hurry ${seqno}`),
  wait: (fence, timeoutMs, options) => defaultWait(fence, timeoutMs, options), // could poll a while first
  release: ({ seqno }) => void asked.push(`release ${seqno}`),
}
const BOOSTED = 8 // the first flag that belongs to whoever makes the fence

const context = allocateContext() // a context is a timeline: its fences signal in order
const first = new Fence(ops, context, 1)
const second = new Fence(ops, context, 2)
traceEmit(first) // the job is in the ring

// Of one context the later fence is enough to wait for.
assert.ok(isLater(second, first) && isLaterOrSame(first, first))
assert.equal(laterFence(first, second), second)

// Somebody would like it soon; the driver notes in the fence that it runs faster for it.
first.setDeadline(0)
setFenceFlags(first, BOOSTED)
assert.equal(fenceFlags(first) & BOOSTED, BOOSTED)

const either = waitAnyFence([second, first], 1000)
const leftMs = waitFenceTimeout(first, 1000)
done = 1 // what its interrupt handler does:
assert.ok(!isFlaggedSignaled(first), 'The hardware is done; nobody has told the fence')
assert.ok(signalFence(first))
assert.ok(!signalFence(first), 'A fence signals once')
assert.equal((await either)?.index, 1)
assert.ok((await leftMs) > 0)

// A job that hangs is over, too: the error comes first, then the signal, here with the time of the reset.
setFenceError(second, new DmaBufError('EIO', 'render', 'The ring hangs'))
done = 2
signalFence(second, undefined, 5_000_000)
assert.equal(fenceTimestamp(second), 5_000_000)
await assert.rejects(second.wait(), { code: 'EIO' })
console.log(describeFence(second))

// References: each holder puts its own, and the last put releases. Without puts only release is lost.
const held = getFence(first)
putFence(first)
assert.ok(!asked.includes('release 1'))
putFence(held)
assert.equal(tryGetFence(first), undefined, 'Too late for who only knew of it')

// Where an interface wants a fence and there is no work: one for all, or one with a time of its own.
const nothing = stubFence()
assert.ok(nothing.isSignaled())
assert.equal(createPrivateStub(7).timestampNs, 7)
putFence(nothing)

assert.deepEqual(asked, ['hurry 1', 'interrupt 2', 'interrupt 1', 'release 1'])
assert.ok(trace.includes('emit 1') && trace.includes('signaled 2') && trace.includes('destroy 1'))
console.log(asked.join(', '))
tracing[Symbol.dispose]()
