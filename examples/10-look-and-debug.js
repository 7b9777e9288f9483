// A program that is stuck, or holds more than it should: what there is to see, and what debugging finds by itself.
import assert from 'node:assert/strict'
import {
  createTimeline,
  describeBuffers,
  DmaBuf,
  layOutFormat,
  liveBuffers,
  onWarning,
  openMemoryHeap,
  setDebug,
  snapshot,
} from 'dmabuf'
import {
  beginSignalling,
  BufferDirectory,
  endSignalling,
  findBuffer,
  nameTask,
} from 'dmabuf/framework'

const { lengthBytes } = layOutFormat({ fourcc: 'NV12', width: 640, height: 480 })
assert.equal(lengthBytes, 460_800)
const directory = new BufferDirectory()
const frame = openMemoryHeap().allocate(lengthBytes, { name: 'preview' })
const screen = await frame.attach({ name: 'screen' })
const gpu = createTimeline('gpu')
await frame.addFence(gpu.fence(1), 'write')

// The same facts, as plain data for programs, as the kernel's table for people, and one by one.
const [seen] = snapshot().buffers
assert.equal(seen?.name, 'preview')
assert.deepEqual(seen.devices, ['screen'])
assert.deepEqual(
  seen.fences.map(({ usage, timelineName, seqno }) => `${usage} ${timelineName} ${seqno}`),
  ['write gpu 1'],
)
const table = await describeBuffers()
console.log(table.trim().split('\n').at(-1))
assert.equal(directory.open(frame.inode, 'size')(), '462848\n') // whole pages
for (const live of liveBuffers()) assert.equal(live.name, 'preview') // closes each handle itself
const same = findBuffer(BigInt(seen.inode)) // this handle is ours
assert.ok(same instanceof DmaBuf && same.inode === frame.inode)

/** @type {string[]} */
const warnings = []
const hook = onWarning(({ message }) => void warnings.push(message))

// Bytes that are used after their access ended: the most usual mistake, and silent without this.
const stale = setDebug({ staleAccess: 'throw' })
gpu.signal(1)
const access = await frame.beginCpuAccess('read')
const { bytes } = access
access.end()
assert.throws(() => bytes.length, { code: 'EBADF' })
assert.match(warnings.pop() ?? '', /after the access had ended/)

// Who waits for whom. The viewer holds the frame's lock and waits for work that needs that lock: for ever.
const circles = setDebug({ signalling: true })
const [viewer, renderer] = [{}, {}] // any objects: they stand for the parts of a program that wait
nameTask(viewer, 'the viewer')
nameTask(renderer, 'the renderer')
const work = gpu.fence(2)
const cookie = beginSignalling(renderer, work) // from here on the renderer must get to its signal
const held = await frame.reservation.lock({ task: viewer })
const drawn = work.wait({ task: viewer })
const stuck = frame.reservation.lock({ task: renderer, timeoutMs: 10 })
assert.equal(frame.reservation.lockHolder?.name, 'the viewer')
assert.equal(frame.reservation.lockHolder.waiters[0]?.name, 'the renderer')
await assert.rejects(stuck, { code: 'ETIMEDOUT' })
console.log(warnings.at(-1)?.split('\n')[0])
assert.ok(warnings.some((text) => text.includes('- the renderer waits for')))
endSignalling(renderer, cookie)
held.release()
gpu.signal(2)
await drawn
circles[Symbol.dispose]()
stale[Symbol.dispose]()
hook[Symbol.dispose]()
same.close()
gpu.close()
await screen.detach()
frame.close()
directory.close()
