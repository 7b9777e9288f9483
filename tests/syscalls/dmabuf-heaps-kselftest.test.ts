// Goal: the kernel's own user-space tests of heaps hold here, through descriptors and ioctls.
// Method: the same stories over a heap of plain memory that is registered under a name.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MapArea } from '#src/core/buffer/map-area.js'
import { openMemoryHeap } from '#src/core/heap/memory-heap.js'
import { HeapRegistry } from '#src/core/heap/registry.js'
import { mapDescriptor } from '#src/syscalls/mmap.js'
import { bufferOfDescriptor } from '#src/syscalls/open-buffer.js'
import { OpenHeap } from '#src/syscalls/open-heap.js'
import { DMA_BUF_IOCTL_SYNC, encodeSync } from '#src/uapi/dma-buf.js'
import {
  DMA_HEAP_IOCTL_ALLOC,
  encodeAllocationData,
  decodeAllocationData,
  type AllocationData,
} from '#src/uapi/dma-heap.js'
import { MAP_SHARED, O_CLOEXEC, O_RDWR, PROT_READ, PROT_WRITE } from '#src/uapi/file.js'
import { IOC_READ, IOC_WRITE, ioctlCommand } from '#src/uapi/ioctl.js'
import { errorCode } from '../helpers/error-code.js'
import { Program } from '../helpers/program.js'

const ONE_MIB = 1024 * 1024
const START = 3n
const END = 7n
const ASKED = { lengthBytes: BigInt(ONE_MIB), fd: 0, fdFlags: O_RDWR | O_CLOEXEC, heapFlags: 0n }

/** A program that has opened the one heap there is. */
function heapProgram(): { program: Program; heap: number } {
  const memory = openMemoryHeap({ name: 'system' })
  const registry = new HeapRegistry()
  registry.add({
    name: 'system',
    driverData: null,
    ops: {
      allocate: ({ lengthBytes, flags }) => memory.allocate(lengthBytes, { flags }),
    },
  })
  const program = new Program()
  return { program, heap: program.table.open(new OpenHeap(registry.find('system')!, O_RDWR)) }
}

async function allocate(
  { program, heap }: ReturnType<typeof heapProgram>,
  asked: Partial<AllocationData> = {},
): Promise<number> {
  const bytes = encodeAllocationData({ ...ASKED, ...asked })
  return decodeAllocationData(await program.ioctl(heap, DMA_HEAP_IOCTL_ALLOC, bytes)).fd
}

async function map(program: Program, fd: number, lengthBytes: number): Promise<MapArea> {
  return mapDescriptor(program.table, fd, {
    lengthBytes: BigInt(lengthBytes),
    protection: PROT_READ | PROT_WRITE,
    flags: MAP_SHARED,
    pageOffset: 0n,
  })
}

async function sync(program: Program, fd: number, flags: bigint): Promise<void> {
  await program.ioctl(fd, DMA_BUF_IOCTL_SYNC, encodeSync(flags))
}

test('A buffer of 1 MiB maps, syncs and is written; an importer reads it [T-H1]', async (t) => {
  const rig = heapProgram()
  using program = rig.program
  const fd = await allocate(rig)
  using area = await map(program, fd, ONE_MIB)
  const bytes = area.bytes!
  assert.equal(bytes.length, ONE_MIB)
  await sync(program, fd, START)
  bytes.fill(0x5a)
  await sync(program, fd, END)
  await sync(program, fd, START)
  bytes.fill(0xa5)
  await sync(program, fd, END)
  using imported = bufferOfDescriptor(program.table, fd)
  using access = await imported.beginCpuAccess('read')
  assert(access.bytes.every((byte) => byte === 0xa5))
  t.diagnostic('import into vgem: skipped, there is no such driver here')
})

/** Fills and frees 32 buffers, then makes 32 more: they must be zeroed. */
async function fillAndLookAgain(lengthBytes: number): Promise<void> {
  const rig = heapProgram()
  using program = rig.program
  for (const mustBe of ['filled', 'zero']) {
    const fds: number[] = []
    for (let i = 0; i < 32; i++) {
      const fd = await allocate(rig, { lengthBytes: BigInt(lengthBytes) })
      fds.push(fd)
      using area = await map(program, fd, lengthBytes)
      await sync(program, fd, START)
      if (mustBe === 'filled') area.bytes!.fill(0xef)
      else assert(area.bytes!.every((byte) => byte === 0))
      await sync(program, fd, END)
    }
    for (const fd of fds) program.table.close(fd)
    assert.equal(program.table.openCount, 1)
  }
}

test('32 buffers of 4 KiB, filled and freed, come back zeroed [T-H2]', async () => {
  await fillAndLookAgain(4096)
})

test('32 buffers of 1 MiB, filled and freed, come back zeroed [T-H3]', async () => {
  await fillAndLookAgain(ONE_MIB)
})

test('Structures of an older and of a newer header both allocate [T-H4]', async () => {
  const { program, heap } = heapProgram()
  using _program = program
  const command = (sizeBytes: number): number =>
    ioctlCommand({ direction: IOC_READ | IOC_WRITE, magic: 'H', number: 0, sizeBytes })
  const older = encodeAllocationData(ASKED).slice(0, 16)
  await program.ioctl(heap, command(16), older)
  const newer = new Uint8Array(40).fill(0xff)
  newer.set(encodeAllocationData(ASKED))
  await program.ioctl(heap, command(40), newer)
  assert.equal(program.table.openCount, 3)
})

test('Descriptor 0, unknown heap flags and unknown descriptor flags fail [T-H5]', async () => {
  const rig = heapProgram()
  using program = rig.program
  using other = new Program()
  const bytes = encodeAllocationData(ASKED)
  assert.equal(await errorCode(() => other.ioctl(0, DMA_HEAP_IOCTL_ALLOC, bytes)), 'EBADF')
  const stdin = program.openTimeline()
  assert.equal(await program.ioctlError(stdin, DMA_HEAP_IOCTL_ALLOC, bytes), 'ENOTTY')
  assert.equal(await errorCode(() => allocate(rig, { heapFlags: 0x111111n })), 'EINVAL')
  const fdFlags = ~(O_RDWR | O_CLOEXEC) >>> 0
  assert.equal(await errorCode(() => allocate(rig, { fdFlags })), 'EINVAL')
  assert.equal(program.table.openCount, 2)
})

test('A buffer that was asked for without flags cannot be mapped for writing by others [HEAP-10]', async () => {
  const rig = heapProgram()
  using program = rig.program
  const fd = await allocate(rig, { fdFlags: 0 })
  assert.equal(await errorCode(() => map(program, fd, 4096)), 'EACCES')
})
