// Goal: ALLOC for structures of every size, each cause of failure in the kernel's order.
// Method: a heap of fake exporters that notes what it is asked; a program with a small table.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { DmaBuf } from '#src/core/buffer/buffer.js'
import { DmaBufError } from '#src/core/errors.js'
import { HeapRegistry, type HeapOps, type HeapRequest } from '#src/core/heap/registry.js'
import { OpenBuffer } from '#src/syscalls/open-buffer.js'
import { OpenHeap } from '#src/syscalls/open-heap.js'
import * as uapi from '#src/uapi/dma-heap.js'
import { O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY, SEEK_SET } from '#src/uapi/file.js'
import { IOC_NONE, IOC_READ, IOC_WRITE, ioctlCommand } from '#src/uapi/ioctl.js'
import { errorCode, thrownCode } from '../helpers/error-code.js'
import { exportFake, FakeExporter } from '../helpers/fake-exporter.js'
import { Program } from '../helpers/program.js'
import { BAD_ADDRESS } from '../helpers/user-memory.js'

const ALLOC = uapi.DMA_HEAP_IOCTL_ALLOC
const ASKED = { lengthBytes: 4096n, fd: 0, fdFlags: O_RDWR | O_CLOEXEC, heapFlags: 0n }

/** A heap of plain memory, without the memory: what it handed out stays to be looked at. */
class FakeHeap implements HeapOps<null> {
  readonly requests: HeapRequest[] = []
  readonly exporters: FakeExporter[] = []
  fail: (() => void) | undefined = undefined

  allocate(request: HeapRequest, heap: { readonly name: string }): DmaBuf {
    this.requests.push(request)
    this.fail?.()
    const exporter = new FakeExporter(0)
    this.exporters.push(exporter)
    const { lengthBytes, flags } = request
    return exportFake(exporter, { lengthBytes, flags, exporterName: heap.name })
  }
}

/** A program with a heap open as descriptor 0. */
function heapProgram(options: { limit?: number } = {}): {
  program: Program
  heap: FakeHeap
  fd: number
} {
  const heap = new FakeHeap()
  const registered = new HeapRegistry().add({ name: 'system', ops: heap, driverData: null })
  const program = new Program(options)
  return { program, heap, fd: program.table.open(new OpenHeap(registered, O_RDONLY)) }
}

function fileAt(program: Program, fd: number): OpenBuffer {
  const file = program.table.file(fd)
  assert(file instanceof OpenBuffer)
  return file
}

async function allocate(
  program: Program,
  fd: number,
  asked: Partial<uapi.AllocationData>,
): Promise<number> {
  const bytes = uapi.encodeAllocationData({ ...ASKED, ...asked })
  return uapi.decodeAllocationData(await program.ioctl(fd, ALLOC, bytes)).fd
}

const lengths = [
  { lengthBytes: 1n, size: 4096 },
  { lengthBytes: 4096n, size: 4096 },
  { lengthBytes: 4097n, size: 8192 },
]
for (const { lengthBytes, size } of lengths)
  test(`ALLOC of ${lengthBytes} bytes makes a buffer of ${size} [HEAP-9, HEAP-11, EX-17]`, async () => {
    const { program, fd } = heapProgram()
    const file = fileAt(program, await allocate(program, fd, { lengthBytes }))
    assert.equal(file.fstat().sizeBytes, size)
    assert.match(file.fdinfo({ closeOnExec: true, mountId: 1 }), /^exp_name:\tsystem$/m)
  })

const refused = [
  { name: 'a length of 0', asked: { lengthBytes: 0n } },
  { name: 'a length of 2^64-1', asked: { lengthBytes: 2n ** 64n - 1n } },
  { name: 'the first length that wraps', asked: { lengthBytes: 2n ** 64n - 4095n } },
  { name: 'O_NONBLOCK', asked: { fdFlags: O_RDWR | O_NONBLOCK } },
  { name: 'the highest descriptor flag', asked: { fdFlags: 0x80000000 } },
  { name: 'heap flag 1', asked: { heapFlags: 1n } },
  { name: 'the highest heap flag', asked: { heapFlags: 1n << 63n } },
  { name: 'descriptor 5 on input', asked: { fd: 5 } },
]
for (const { name, asked } of refused)
  test(`ALLOC with ${name} is EINVAL and asks no heap [HEAP-9, EX-17]`, async () => {
    const { program, heap, fd } = heapProgram()
    assert.equal(await errorCode(() => allocate(program, fd, asked)), 'EINVAL')
    assert.deepEqual(heap.requests, [])
    assert.equal(program.table.takenCount, 1)
  })

test('ALLOC of more than any heap has is ENOMEM, not EINVAL [HEAP-9]', async () => {
  const { program, fd } = heapProgram()
  const lengthBytes = 2n ** 64n - 4096n
  assert.equal(await errorCode(() => allocate(program, fd, { lengthBytes })), 'ENOMEM')
})

// Each breaks its own check and all later ones. @rule HEAP-9
const order = [
  {
    message: /Descriptor must be 0/,
    asked: { fd: 5, fdFlags: O_NONBLOCK, heapFlags: 1n, lengthBytes: 0n },
  },
  { message: /Descriptor flags/, asked: { fdFlags: O_NONBLOCK, heapFlags: 1n, lengthBytes: 0n } },
  { message: /Heap flags/, asked: { heapFlags: 1n, lengthBytes: 0n } },
  { message: /Length/, asked: { lengthBytes: 0n } },
]
for (const { message, asked } of order)
  test(`ALLOC fails first for ${message.source} [HEAP-9]`, async () => {
    const { program, fd } = heapProgram()
    await assert.rejects(allocate(program, fd, asked), { code: 'EINVAL', message })
  })

test('ALLOC passes the heap’s own failure on [HEAP-9]', async () => {
  const { program, heap, fd } = heapProgram()
  heap.fail = () => {
    throw new DmaBufError('ENOMEM', 'allocate', 'Free memory first')
  }
  assert.equal(await errorCode(() => allocate(program, fd, {})), 'ENOMEM')
  assert.equal(program.table.takenCount, 1)
})

test('ALLOC tells of the heap’s failure before the full table, and of wrong flags before both [HEAP-9]', async () => {
  const { program, heap, fd } = heapProgram({ limit: 1 })
  for (const code of ['EINTR', 'ENOMEM']) {
    heap.fail = () => {
      throw new DmaBufError(code, 'allocate', 'Not now')
    }
    assert.equal(await errorCode(() => allocate(program, fd, { heapFlags: 1n })), 'EINVAL')
    assert.equal(await errorCode(() => allocate(program, fd, {})), code)
  }
})

test('ALLOC into a full table is EMFILE, after the heap was asked, and gives the buffer back [HEAP-9]', async () => {
  const { program, heap, fd } = heapProgram({ limit: 1 })
  assert.equal(await errorCode(() => allocate(program, fd, {})), 'EMFILE')
  assert.deepEqual(
    heap.exporters.map(({ released }) => released),
    [true],
  )
})

const flags = [
  { fdFlags: 0, mode: O_RDONLY, closeOnExec: false },
  { fdFlags: O_WRONLY, mode: O_WRONLY, closeOnExec: false },
  { fdFlags: O_RDWR | O_CLOEXEC, mode: O_RDWR, closeOnExec: true },
  { fdFlags: 3 | O_CLOEXEC, mode: 3, closeOnExec: true },
]
for (const { fdFlags, mode, closeOnExec } of flags)
  test(`ALLOC with descriptor flags ${fdFlags} opens with mode ${mode} [HEAP-10]`, async () => {
    const { program, heap, fd } = heapProgram()
    const made = await allocate(program, fd, { fdFlags })
    assert.deepEqual([heap.requests[0]!.flags, fileAt(program, made).flags], [mode, mode])
    assert.equal(program.table.closeOnExec(made), closeOnExec)
  })

test('ALLOC writes the whole structure back, with the descriptor in it [HEAP-8]', async () => {
  const { program, fd } = heapProgram()
  const bytes = uapi.encodeAllocationData(ASKED)
  await program.ioctl(fd, ALLOC, bytes)
  assert.deepEqual(uapi.decodeAllocationData(bytes), { ...ASKED, fd: 1 })
})

test('ALLOC takes the historic 16 bytes, without heap flags [HEAP-6]', async () => {
  const { program, fd } = heapProgram()
  const bytes = uapi.encodeAllocationData({ ...ASKED, heapFlags: 2n ** 64n - 1n })
  const old = bytes.slice(0, 16)
  await program.ioctl(fd, 0xc0104800, old)
  assert.equal(new DataView(old.buffer).getUint32(8, true), 1)
})

test('ALLOC takes a larger structure, ignores its tail and gives it back [HEAP-6]', async () => {
  const { program, fd } = heapProgram()
  const bytes = new Uint8Array(40).fill(0xaa)
  bytes.set(uapi.encodeAllocationData(ASKED))
  const command = ioctlCommand({
    direction: IOC_READ | IOC_WRITE,
    magic: 'H',
    number: 0,
    sizeBytes: 40,
  })
  await program.ioctl(fd, command, bytes)
  assert.equal(uapi.decodeAllocationData(bytes.slice(0, 24)).fd, 1)
  assert(bytes.subarray(24).every((byte) => byte === 0xaa))
})

test('ALLOC without the bit of writing reads nothing: all is 0, so the length is wrong [HEAP-6]', async () => {
  const { program, fd } = heapProgram()
  const command = ioctlCommand({ direction: IOC_READ, magic: 'H', number: 0, sizeBytes: 24 })
  const bytes = uapi.encodeAllocationData(ASKED)
  const argument = program.memory.map(bytes)
  assert.equal(await program.refused(fd, command, argument), 'EINVAL')
  assert(
    bytes.every((byte) => byte === 0),
    'what it read is copied back',
  )
})

test('ALLOC without the bit of reading makes a buffer and tells nobody its descriptor [HEAP-6]', async () => {
  const { program, fd } = heapProgram()
  const command = ioctlCommand({ direction: IOC_WRITE, magic: 'H', number: 0, sizeBytes: 24 })
  const bytes = uapi.encodeAllocationData(ASKED)
  await program.ioctl(fd, command, bytes)
  assert.equal(uapi.decodeAllocationData(bytes).fd, 0)
  assert.equal(program.table.openCount, 2)
})

test('ALLOC with no size at all touches no memory [HEAP-6]', async () => {
  const { program, fd } = heapProgram()
  const command = ioctlCommand({
    direction: IOC_READ | IOC_WRITE,
    magic: 'H',
    number: 0,
    sizeBytes: 0,
  })
  assert.equal(await program.refused(fd, command, BAD_ADDRESS), 'EINVAL')
})

test('ALLOC that cannot be read is EFAULT [HEAP-7]', async () => {
  const { program, heap, fd } = heapProgram()
  assert.equal(await program.refused(fd, ALLOC, BAD_ADDRESS), 'EFAULT')
  assert.deepEqual(heap.requests, [])
})

test('A failed ALLOC is copied out all the same: EFAULT wins where that fails [HEAP-7]', async () => {
  const { program, fd } = heapProgram()
  const bytes = uapi.encodeAllocationData({ ...ASKED, lengthBytes: 0n })
  const argument = program.memory.map(bytes, { isWritable: false })
  assert.equal(await program.refused(fd, ALLOC, argument), 'EFAULT')
})

test('A made descriptor stays open where its number cannot be told, as in the kernel [HEAP-7]', async () => {
  const { program, heap, fd } = heapProgram()
  const bytes = uapi.encodeAllocationData(ASKED)
  const argument = program.memory.map(bytes, { isWritable: false })
  assert.equal(await errorCode(() => program.ioctlAt(fd, ALLOC, argument)), 'EFAULT')
  assert.deepEqual([program.table.openCount, heap.exporters[0]!.released], [2, false])
})

for (const number of [1, 2, 255])
  test(`ioctl number ${number} on a heap is EINVAL, not ENOTTY [HEAP-5, MIS-14]`, async () => {
    const { program, fd } = heapProgram()
    const command = ioctlCommand({
      direction: IOC_READ | IOC_WRITE,
      magic: 'H',
      number,
      sizeBytes: 24,
    })
    for (const argument of [program.memory.map(uapi.encodeAllocationData(ASKED)), BAD_ADDRESS])
      assert.equal(await program.refused(fd, command, argument), 'EINVAL')
  })

test('ioctl number 0 on a heap is ALLOC, whatever the letter [HEAP-5]', async () => {
  const { program, fd } = heapProgram()
  const command = ioctlCommand({
    direction: IOC_READ | IOC_WRITE,
    magic: 'Z',
    number: 0,
    sizeBytes: 24,
  })
  await program.ioctl(fd, command, uapi.encodeAllocationData(ASKED))
  assert.equal(program.table.openCount, 2)
})

for (const mode of [O_RDONLY, O_WRONLY, O_RDWR, 3])
  test(`A heap opened with mode ${mode} allocates [HEAP-4]`, async () => {
    const { program, heap } = heapProgram()
    const registered = new HeapRegistry().add({ name: 'other', ops: heap, driverData: null })
    await allocate(program, program.table.open(new OpenHeap(registered, mode)), {})
    assert.equal(heap.requests.length, 1)
  })

test('A heap has no position and no bytes [HEAP-4]', () => {
  const { program, fd } = heapProgram()
  const file = program.table.file(fd)
  assert.equal(
    thrownCode(() => file.lseek(0n, SEEK_SET)),
    'ESPIPE',
  )
  assert.equal(
    thrownCode(() => file.read()),
    'EINVAL',
  )
  program.table.close(fd)
})

test('An interrupted ALLOC is what the heap makes of it; it sees the signal', async () => {
  const { signal } = new AbortController()
  const heap = new FakeHeap()
  const registered = new HeapRegistry().add({ name: 'system', ops: heap, driverData: null })
  using program = new Program({ signal })
  await allocate(program, program.table.open(new OpenHeap(registered, O_RDWR)), {})
  assert.equal(heap.requests[0]!.signal, signal)
})

test('Any command on any bytes is an errno or a success, and nothing is lost [HEAP-5, HEAP-6]', async () => {
  const size = fc.constantFrom(0, 8, 16, 24, 32)
  const command = fc.oneof(
    fc.integer(),
    fc
      .record({
        direction: fc.constantFrom(IOC_NONE, IOC_WRITE, IOC_READ, IOC_READ | IOC_WRITE),
        magic: fc.constant('H'),
        number: fc.constantFrom(0, 0, 0, 1),
        sizeBytes: size,
      })
      .map(ioctlCommand),
  )
  const plausible = fc.record({
    lengthBytes: fc.oneof(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.bigInt({ min: 0n, max: 9999n }),
    ),
    fd: fc.constantFrom(0, 0, 0, 1),
    fdFlags: fc.constantFrom(0, 1, 2, 3, O_CLOEXEC, O_RDWR | O_CLOEXEC, O_NONBLOCK),
    heapFlags: fc.constantFrom(0n, 0n, 0n, 1n),
  })
  const bytes = fc.oneof(plausible.map(uapi.encodeAllocationData), fc.uint8Array({ maxLength: 40 }))
  await fc.assert(
    fc.asyncProperty(command, bytes, fc.boolean(), async (number, data, isWritable) => {
      const { program, heap, fd } = heapProgram()
      const argument = program.memory.map(data, { isWritable })
      await errorCode(() => program.ioctlAt(fd, number, argument))
      const living = heap.exporters.filter(({ released }) => !released).length
      assert.equal(program.table.openCount, 1 + living)
      assert.equal(program.table.takenCount, program.table.openCount)
      program.table[Symbol.dispose]()
      assert(heap.exporters.every(({ released }) => released))
    }),
    { numRuns: 500 },
  )
})
