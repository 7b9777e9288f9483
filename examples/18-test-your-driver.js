// Tests without sleeping and without a device: time by hand, fences by hand, and the contract of a heap.
import assert from 'node:assert/strict'
import { openMemoryHeap } from 'dmabuf'
import {
  allocateContext,
  createFenceArray,
  defer,
  drainDeferred,
  getFence,
  useHost,
  waitFenceTimeout,
} from 'dmabuf/framework'
import {
  ContractError,
  createFakeFence,
  heapCases,
  ManualClock,
  useManualClock,
} from 'dmabuf/testing'

// A wait of a second, in no time.
const time = useManualClock()
const job = createFakeFence({ name: 'job' })
const leftMs = waitFenceTimeout(job, 1000)
time.clock.advance(400)
job.signal()
assert.equal(await leftMs, 600)
const late = createFakeFence().wait({ timeoutMs: 50 })
time.clock.advance(50)
await assert.rejects(late, { code: 'ETIMEDOUT' })
assert.equal(time.clock.timerCount, 0, 'Whoever waits cleans up')
time[Symbol.dispose]() // the real time again

// A fake fence notes what it is asked, and may answer as badly as a device does.
job.setDeadline(5)
assert.deepEqual(job.calls, ['enable'], 'Nobody hurries what is over')
const dead = createFakeFence({ ops: { enableSignaling: () => false } })
assert.ok(!dead.addCallback(() => {}), 'It was over before anybody could be told')

// Some things happen only after the call that caused them: drainDeferred() is when, without awaiting.
/** @type {string[]} */
const order = []
const part = createFakeFence()
const whole = createFenceArray([getFence(part)], { context: allocateContext(), seqno: 1 })
whole.addCallback(() => void order.push('whole'))
part.signal()
defer(() => void order.push('afterwards'))
order.push('signalled')
drainDeferred()
assert.deepEqual(order, ['signalled', 'whole', 'afterwards'])

// Time can come from anywhere: of a simulation, say.
const simulation = useHost(new ManualClock(1_000))
const simulated = createFakeFence()
simulated.signal()
assert.equal(simulated.timestampNs, 1_000)
simulation[Symbol.dispose]()

// The contract of heaps, as exporters have theirs. With a test runner: for (const part of heapCases) test(part.name, …)
const heap = openMemoryHeap({ name: 'mine' })
for (const part of heapCases) await part.run(heap)

// A heap that lies about its name is found out.
const liar = { ...heap, name: 'yours' }
/** @type {string[]} */
const broken = []
for (const part of heapCases)
  await part.run(liar).catch((error) => {
    assert.ok(error instanceof ContractError)
    broken.push(...part.rules)
  })
assert.deepEqual(broken, ['HEAP-11', 'BUF-10'])
console.log(`a heap keeps ${heapCases.length} parts of its contract, a liar not ${broken.join()}`)
