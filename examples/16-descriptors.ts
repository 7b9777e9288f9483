// A program for Linux, seen from the kernel: it opens device nodes, calls ioctl with its memory, maps and polls.
import assert from 'node:assert/strict'
import {
  createSyncFile,
  DmaBufError,
  openMemoryHeap,
  POLL_ERR,
  POLL_IN,
  POLL_OUT,
  SyncFile,
} from 'dmabuf'
import {
  bufferOfDescriptor,
  describeSwSync,
  descriptorForBuffer,
  descriptorForSyncFile,
  DescriptorTable,
  HeapRegistry,
  mapDescriptor,
  OpenBuffer,
  OpenFile,
  OpenHeap,
  OpenSwSync,
  OpenSyncFile,
  pollDescriptors,
  swSyncDeadlineNs,
  SwSyncTimeline,
  syncFileOfDescriptor,
} from 'dmabuf/framework'

// From the system's headers, as the program has them.
const [ALLOC, SET_NAME, IMPORT_SYNC_FILE] = [0xc0184800, 0x40086201, 0x40086203]
const [CREATE_FENCE, INC] = [0xc0285700, 0x40045701]
const [READ_AND_WRITE, SHARED] = [3, 1]

// The program's memory: one page at address 0x1000, and a fault everywhere else.
const page = new DataView(new ArrayBuffer(4096))
function pageBytes(address: bigint, lengthBytes: number): Uint8Array {
  const offset = Number(address) - 0x1000
  if (offset < 0 || offset + lengthBytes > 4096)
    throw new DmaBufError('EFAULT', 'user memory', `Nothing is at ${address}`)
  return new Uint8Array(page.buffer, offset, lengthBytes)
}
const memory = {
  read: (address: bigint, lengthBytes: number) => pageBytes(address, lengthBytes).slice(),
  write: (address: bigint, bytes: Uint8Array) => pageBytes(address, bytes.length).set(bytes),
}
using table = new DescriptorTable() // the program's descriptors
const ioctl = (fd: number, command: number): Promise<number> =>
  table.file(fd).ioctl(command, 0x1000n, { memory, table })

// open("/dev/dma_heap/system"), and a buffer of two pages from it.
const heaps = new HeapRegistry()
const system = openMemoryHeap({ name: 'system' })
heaps.add({
  name: system.name,
  driverData: system,
  ops: { allocate: ({ lengthBytes, flags }) => system.allocate(lengthBytes, { flags }) },
})
const heapFd = table.open(new OpenHeap(heaps.open(0), 2))
page.setBigUint64(0, 5000n, true) // length
page.setUint32(12, 2, true) // O_RDWR
await ioctl(heapFd, ALLOC)
const bufferFd = page.getUint32(8, true)

pageBytes(0x1000n, 6).set(new TextEncoder().encode('frame\0'))
await ioctl(bufferFd, SET_NAME)
const file = table.file(bufferFd)
assert.ok(file instanceof OpenFile && file instanceof OpenBuffer)
assert.match(file.fdinfo({ closeOnExec: false, mountId: 1 }), /size:\t8192\n.*name:\tframe\n/s)

// A timeline for tests of programs: a fence of it as a sync file, and that on the buffer.
const swSync = new OpenSwSync('demo')
assert.ok(swSync.timeline instanceof SwSyncTimeline)
const swSyncFd = table.open(swSync)
page.setUint32(0, 1, true) // the fence of value 1
await ioctl(swSyncFd, CREATE_FENCE)
const fenceFd = page.getInt32(36, true)
assert.ok(table.file(fenceFd) instanceof OpenSyncFile)
using syncFile = syncFileOfDescriptor(table, fenceFd)
assert.ok(syncFile instanceof SyncFile)
syncFile.setDeadline(1000)
assert.equal(swSyncDeadlineNs(syncFile.fence), 1000)
assert.match(describeSwSync(), /demo: 0\n {2}fence active: 1 \/ 0/)
page.setUint32(0, 2, true) // as work that writes
page.setInt32(4, fenceFd, true)
await ioctl(bufferFd, IMPORT_SYNC_FILE)

// poll(): nothing is ready before the timeline advances, then everything is.
const both = [
  { fd: bufferFd, events: POLL_IN | POLL_OUT },
  { fd: fenceFd, events: POLL_IN },
]
assert.deepEqual(await pollDescriptors(table, both, { timeoutMs: 0 }), [0, 0])
const ready = pollDescriptors(table, both)
page.setUint32(0, 1, true)
await ioctl(swSyncFd, INC)
const [events = POLL_ERR] = await ready
assert.equal(events & POLL_ERR, 0, 'Reported whether asked for or not')
assert.deepEqual(await pollDescriptors(table, both), [POLL_IN | POLL_OUT, POLL_IN])

// mmap(): the mapping keeps the buffer, whoever closes the descriptor.
const request = { lengthBytes: 4096n, protection: READ_AND_WRITE, flags: SHARED, pageOffset: 1n }
using area = await mapDescriptor(table, bufferFd, request)
area.bytes?.fill(7)

// A driver of the kernel's gets at what is behind descriptors, and makes descriptors of what it has.
using handle = bufferOfDescriptor(table, bufferFd)
const sameFd = descriptorForBuffer(table, handle.dup()) // the handle moves into the descriptor
const doneFd = descriptorForSyncFile(table, createSyncFile(handle.fence('read')))
table.close(bufferFd)
using access = await handle.beginCpuAccess('read')
assert.equal(access.bytes[4096], 7)
await assert.rejects(table.file(sameFd).ioctl(SET_NAME, 0n, { memory, table }), { code: 'EFAULT' })
console.log(`open: ${table.descriptors().join(' ')}, the last made was ${doneFd}`)
