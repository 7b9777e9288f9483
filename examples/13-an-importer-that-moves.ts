// Memory that moves while a device uses it: the importer is told, finishes what it does there, and maps again.
import assert from 'node:assert/strict'
import { Attachment, createTimeline, openMemoryHeap, setDebug } from 'dmabuf'
import {
  attachDevice,
  BufferObject,
  bufferObject,
  detachDevice,
  isDynamicExporter,
  mapAttachment,
  moveMemory,
  moveNotify,
  pinAttachment,
  unmapAttachment,
  unpinAttachment,
} from 'dmabuf/framework'

// Unless importers are trusted, whatever they map is pinned, and nothing moves.
using _debug = setDebug({ moveNotify: true })
using frame = openMemoryHeap({ name: 'vram', movable: true }).allocate(16_384, { name: 'frame' })
const buffer = bufferObject(frame, 'import') // what drivers see behind a handle
assert.ok(buffer instanceof BufferObject && isDynamicExporter(buffer))

using jobs = createTimeline('gpu')
const stale: Attachment[] = []
const importer = {
  // The lock is held here: no waiting. The running job keeps the old place until its fence signals.
  moveNotify(attachment: Attachment): void {
    stale.push(attachment)
  },
}
const gpu = await attachDevice(buffer, { name: 'gpu' }, importer)
assert.ok(gpu instanceof Attachment && gpu.isDynamic)

// A mapping under the lock, and a job that works on it.
using held = await frame.reservation.lock()
const table = await mapAttachment(gpu, held, 'bidirectional')
const before = table.segments[0]?.address
const job = jobs.fence(1)
held.reserve(1)
held.add(job, 'write')

moveMemory(frame, held)
assert.deepEqual(stale, [gpu])
unmapAttachment(gpu, held, table, 'bidirectional') // the job goes on: the fence guards the old place
const again = await gpu.mapLocked(held, 'bidirectional') // the same, as a method
const after = again.segments[0]?.address
assert.notEqual(after, before)
console.log(`moved from 0x${before?.toString(16)} to 0x${after?.toString(16)}`)
jobs.signal(1)

// A screen reads all the time, so its memory has to stay.
await pinAttachment(gpu, held)
assert.throws(() => moveMemory(frame, held), { code: 'EBUSY' })
unpinAttachment(gpu, held)

// moveMemory() does that for heaps; an exporter with memory of its own tells its importers by itself.
moveNotify(buffer, held)
assert.equal(stale.length, 2)

gpu.unmapLocked(held, again, 'bidirectional')
held.release() // detaching takes the lock
await detachDevice(buffer, gpu)
