// Work of devices on shared buffers, in order though nobody passes fences about: each buffer remembers its own.
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { createTimeline, openMemoryHeap } from 'dmabuf'
import { submit } from 'dmabuf/framework'

const heap = openMemoryHeap()
const input = heap.allocate(4096, { name: 'input' })
const output = heap.allocate(4096, { name: 'output' })
const engine = createTimeline('engine')
let jobs = 0

/**
 * Starts a job of a device that waits for what it depends on, works, and signals its fence.
 *
 * @param {readonly import('dmabuf').Fence[]} dependencies
 * @param {() => void} work
 */
function start(dependencies, work) {
  const done = engine.fence(++jobs)
  const seqno = done.seqno
  void Promise.all(dependencies.map((fence) => fence.wait())).then(async () => {
    await turn() // the device takes its time
    work()
    engine.signal(seqno)
  })
  return done
}

/** @param {import('dmabuf').DmaBuf} buffer @param {number} value */
async function fill(buffer, value) {
  await submit([{ reservation: buffer.reservation, write: true }], (dependencies) =>
    start(dependencies, () => write(buffer, value)),
  )
}

/** @param {import('dmabuf').DmaBuf} from @param {import('dmabuf').DmaBuf} to */
async function copy(from, to) {
  const uses = [
    { reservation: from.reservation, write: false },
    { reservation: to.reservation, write: true },
  ]
  await submit(uses, (dependencies) => start(dependencies, () => write(to, read(from))))
}

// The device's own view of the memory: it needs no bracket.
/** @type {Map<import('dmabuf').DmaBuf, number>} */
const memory = new Map()
/** @param {import('dmabuf').DmaBuf} buffer @param {number} value */
const write = (buffer, value) => void memory.set(buffer, value)
/** @param {import('dmabuf').DmaBuf} buffer */
const read = (buffer) => memory.get(buffer) ?? 0

await fill(input, 7)
await copy(input, output) // waits for the fill, by the fence in the buffer
await fill(input, 8) // waits for the copy, which still reads

assert.equal(output.tryBeginCpuAccess('read'), undefined, 'The copy is pending')
const access = await output.beginCpuAccess('read') // waits for it
assert.equal(read(output), 7)
assert.equal(access.bytes.length, 4096)
await input.ready('write')
assert.equal(read(input), 8)
console.log(`${jobs} jobs in order`)

access.end()
engine.close()
output.close()
input.close()
