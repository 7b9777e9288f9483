// Work that finishes later: fences of timelines, several as one, one after another, and what they wait for.
import assert from 'node:assert/strict'
import { chainFence, createSyncFile, createTimeline, DmaBufError, mergeFences } from 'dmabuf'

using decoder = createTimeline('decoder')
using scaler = createTimeline('scaler')

// A fence is a promise that can be looked at, shared and merged: it signals once and stays signalled.
const decoded = decoder.fence() // the next value of the timeline: 1
assert.equal(decoded.status, 'pending')
decoded.addCallback(({ timestampNs }) => console.log(`decoded at ${timestampNs} ns`))

// Both must be done. explain() says what is missing.
const both = mergeFences([decoded, scaler.fence()])
console.log(both.explain())
decoder.signal(1) // callbacks run in here
assert.equal(both.status, 'pending')
scaler.signal(1)
await both.wait({ timeoutMs: 1000 })

// A chain is a timeline made of any fences: 2 is done when its own fence and everything before it are.
const frames = createTimeline('frames')
const first = chainFence(undefined, frames.fence(1), 1)
const second = chainFence(first, decoder.fence(2), 2)
decoder.signal(2)
assert.equal(second.status, 'pending', 'Frame 1 is missing')
frames.signal(1)
assert.equal(second.status, 'signaled')

// Work that failed is finished, too: waiting for it rejects.
const broken = frames.fence(2)
frames.fail(2, new DmaBufError('EIO', 'decode', 'The bitstream ends early'))
await assert.rejects(broken.wait(), { code: 'EIO' })
assert.equal(broken.status, 'error')

// A sync file carries a fence about, with a name for people.
using file = createSyncFile(both)
assert.equal(file.fence, both)
console.log(`${file.name} is ${file.info().status}`)
