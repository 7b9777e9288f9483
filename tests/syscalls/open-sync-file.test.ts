// Goal: the ioctls of a sync file, each cause of failure in the kernel's order, nothing left behind.
// Method: a program with a small table; each row of the order breaks its own rule and all later ones.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { setDebug } from '#src/core/debug.js'
import { DmaBufError } from '#src/core/errors.js'
import { createFenceArray } from '#src/core/fence/fence-array.js'
import { Fence, putFence, signalFence, type FenceOps } from '#src/core/fence/fence.js'
import { stubFence } from '#src/core/fence/stub.js'
import { createSyncFile } from '#src/core/sync-file.js'
import { descriptorForSyncFile, syncFileOfDescriptor } from '#src/syscalls/open-sync-file.js'
import { POLLERR, POLLIN, POLLOUT, SEEK_SET } from '#src/uapi/file.js'
import { IOC_NONE, ioctlCommand } from '#src/uapi/ioctl.js'
import * as sync from '#src/uapi/sync-file.js'
import { errorCode, thrownCode } from '../helpers/error-code.js'
import { useManualClock } from '../helpers/manual-clock.js'
import { Program } from '../helpers/program.js'
import { BAD_ADDRESS } from '../helpers/user-memory.js'

const MERGE = { name: '', fd2: 0, fence: -1, flags: 0, pad: 0 }
const INFO = { name: '', status: 0, flags: 0, fenceCount: 0, pad: 0, fencesAddress: 0n }

function fenceWith(ops: Partial<FenceOps> = {}, context = 9, seqno = 4): Fence {
  return new Fence({ driverName: 'gpu', timelineName: 'ring', ...ops }, context, seqno)
}

function openFence(program: Program, fence = fenceWith()): number {
  const fd = descriptorForSyncFile(program.table, createSyncFile(fence))
  putFence(fence)
  return fd
}

test('descriptorForSyncFile moves the handle into a close-on-exec descriptor [SF-1]', () => {
  using program = new Program()
  let releases = 0
  const fence = fenceWith({ release: () => releases++ })
  const file = createSyncFile(fence)
  putFence(fence)
  const fd = descriptorForSyncFile(program.table, file)
  assert.deepEqual([file.closed, program.table.closeOnExec(fd), releases], [true, true, 0])
  program.table.close(fd)
  assert.equal(releases, 1)
})

test('descriptorForSyncFile leaves the handle its owner’s where the table is full [SF-1]', () => {
  using program = new Program({ limit: 0 })
  let releases = 0
  const fence = fenceWith({ release: () => releases++ })
  const file = createSyncFile(fence)
  putFence(fence)
  assert.equal(
    thrownCode(() => descriptorForSyncFile(program.table, file)),
    'EMFILE',
  )
  assert.equal(file.closed, false)
  file.close()
  assert.equal(releases, 1)
})

test('syncFileOfDescriptor is a handle of one’s own, or nothing [SF-3]', () => {
  using program = new Program()
  const fence = fenceWith()
  const fd = openFence(program, fence)
  const file = syncFileOfDescriptor(program.table, fd)
  program.table.close(fd)
  assert.equal(file?.fence, fence)
  file.close()
  assert.equal(syncFileOfDescriptor(program.table, fd), undefined)
  assert.equal(syncFileOfDescriptor(program.table, program.openTimeline()), undefined)
})

test('A sync file is no memory and no stream [SF-2]', () => {
  using program = new Program()
  const file = program.table.file(openFence(program))
  assert.equal(
    thrownCode(() => file.read()),
    'EINVAL',
  )
  assert.equal(
    thrownCode(() => file.write()),
    'EBADF',
  )
  assert.equal(
    thrownCode(() => file.lseek(0n, SEEK_SET)),
    'ESPIPE',
  )
})

test('poll says POLLIN and nothing else, with an error too [SF-4]', () => {
  using program = new Program()
  const fence = fenceWith()
  const file = program.table.file(openFence(program, fence))
  assert.equal(file.poll(POLLIN | POLLOUT | POLLERR), 0)
  signalFence(fence, new DmaBufError('EIO', 'render', 'Shader hangs'))
  assert.equal(file.poll(POLLIN | POLLOUT | POLLERR), POLLIN)
  assert.equal(file.poll(POLLOUT), 0)
})

const unknown = [
  {
    name: '0 of the > family',
    command: ioctlCommand({ direction: 1, magic: '>', number: 0, sizeBytes: 4 }),
  },
  {
    name: '1 of the > family',
    command: ioctlCommand({ direction: 3, magic: '>', number: 1, sizeBytes: 48 }),
  },
  {
    name: '2 of the > family',
    command: ioctlCommand({ direction: 3, magic: '>', number: 2, sizeBytes: 40 }),
  },
  { name: 'MERGE without its direction', command: sync.SYNC_IOC_MERGE & 0x3fffffff },
  { name: 'MERGE of another size', command: sync.SYNC_IOC_MERGE + (8 << 16) },
  { name: 'MERGE of another family', command: sync.SYNC_IOC_MERGE ^ 0x100 },
  { name: 'FILE_INFO of another size', command: sync.SYNC_IOC_FILE_INFO - (8 << 16) },
  {
    name: 'SET_DEADLINE with a direction more',
    command: (sync.SYNC_IOC_SET_DEADLINE | 0x80000000) >>> 0,
  },
]
for (const { name, command } of unknown)
  test(`ioctl ${name} is ENOTTY [SF-8, SF-9]`, async () => {
    using program = new Program()
    const fd = openFence(program)
    for (const argument of [program.memory.map(new Uint8Array(256)), BAD_ADDRESS])
      assert.equal(await program.refused(fd, command, argument), 'ENOTTY')
  })

test('ioctl of the proposed PREPARE and FINISH numbers is ENOTTY [PROP-1, PROP-2]', async () => {
  using program = new Program()
  const fd = openFence(program)
  for (const number of [0, 1]) {
    const command = ioctlCommand({ direction: IOC_NONE, magic: 'Z', number, sizeBytes: 0 })
    assert.equal(await program.refused(fd, command, 0n), 'ENOTTY')
  }
})

test('ioctl takes a command with its sign bit set for the unsigned one', async () => {
  using program = new Program()
  const fd = openFence(program)
  const bytes = sync.encodeMergeData({ ...MERGE, fd2: fd })
  await program.ioctl(fd, sync.SYNC_IOC_MERGE | 0, bytes)
  assert.equal(sync.decodeMergeData(bytes).fence, 1)
})

test('MERGE makes a close-on-exec descriptor for both fences, named as asked [SF-10, SF-11]', async () => {
  using program = new Program()
  const a = openFence(program, fenceWith({}, 1))
  const b = openFence(program, fenceWith({}, 2))
  const fd = await program.merge(a, b, 'both')
  assert.deepEqual([fd, program.table.closeOnExec(fd)], [2, true])
  const { name, fenceCount } = await program.fileInfo(fd)
  assert.deepEqual([name, fenceCount], ['both', 2])
})

test('MERGE with the same file is its fence [SF-11]', async () => {
  using program = new Program()
  const fence = fenceWith()
  const a = openFence(program, fence)
  const fd = await program.merge(a, a)
  using file = syncFileOfDescriptor(program.table, fd)!
  assert.equal(file.fence, fence)
  assert.equal(file.name, 'gpu-ring9-4')
})

test('MERGE forces the last byte of the name to NUL and leaves the rest [SF-12]', async () => {
  using program = new Program()
  const a = openFence(program)
  const bytes = sync.encodeMergeData({ ...MERGE, fd2: a })
  bytes.fill(0x78, 0, 32)
  await program.ioctl(a, sync.SYNC_IOC_MERGE, bytes)
  assert.deepEqual([...bytes.subarray(29, 33)], [0x78, 0x78, 0, a])
  const { name } = await program.fileInfo(sync.decodeMergeData(bytes).fence)
  assert.equal(name, 'x'.repeat(31))
})

test('MERGE keeps a name that is no UTF-8 byte for byte', async () => {
  using program = new Program()
  const a = openFence(program)
  const bytes = sync.encodeMergeData({ ...MERGE, fd2: a })
  bytes.set([0xff, 0xe2, 0x82, 0x41], 0)
  await program.ioctl(a, sync.SYNC_IOC_MERGE, bytes)
  const info = sync.encodeFileInfo(INFO)
  await program.ioctl(sync.decodeMergeData(bytes).fence, sync.SYNC_IOC_FILE_INFO, info)
  assert.deepEqual([...info.subarray(0, 6)], [0xff, 0xe2, 0x82, 0x41, 0, 0])
})

// Each breaks its own check and all later ones, so the order shows. @rule SF-10
const mergeOrder = [
  { cause: 'a full table', code: 'EMFILE', limit: 1, address: BAD_ADDRESS },
  { cause: 'a bad address', code: 'EFAULT', limit: 9, address: BAD_ADDRESS },
  { cause: 'flags', code: 'EINVAL', limit: 9, data: { ...MERGE, flags: 1, fd2: 77 } },
  { cause: 'padding', code: 'EINVAL', limit: 9, data: { ...MERGE, pad: 1, fd2: 77 } },
  { cause: 'no second file', code: 'ENOENT', limit: 9, data: { ...MERGE, fd2: 77 } },
  { cause: 'a negative second file', code: 'ENOENT', limit: 9, data: { ...MERGE, fd2: -1 } },
  { cause: 'memory that cannot be written', code: 'EFAULT', limit: 9, data: MERGE },
]
for (const { cause, code, limit, address, data } of mergeOrder)
  test(`MERGE fails with ${code} for ${cause}, and leaves nothing behind [SF-10, MIS-14]`, async () => {
    using program = new Program({ limit })
    let releases = 0
    const fd = openFence(program, fenceWith({ release: () => releases++ }))
    const bytes = sync.encodeMergeData(data ?? MERGE)
    const argument = address ?? program.memory.map(bytes, { isWritable: false })
    assert.equal(await program.refused(fd, sync.SYNC_IOC_MERGE, argument), code)
    assert.equal(sync.decodeMergeData(bytes).fence, -1)
    program.table.close(fd)
    assert.equal(releases, 1, 'a reference leaked')
  })

test('MERGE without memory is ENOMEM, after ENOENT, and leaves nothing behind [SF-10]', async () => {
  using program = new Program()
  const fd = openFence(program)
  using _debug = setDebug({ failAllocations: true })
  for (const [fd2, code] of [
    [77, 'ENOENT'],
    [fd, 'ENOMEM'],
  ] as const) {
    const bytes = sync.encodeMergeData({ ...MERGE, fd2 })
    const argument = program.memory.map(bytes, { isWritable: false })
    assert.equal(await program.refused(fd, sync.SYNC_IOC_MERGE, argument), code)
  }
})

test('FILE_INFO without memory for the array is ENOMEM, after EINVAL, before EFAULT [SF-14, SF-19]', async () => {
  using program = new Program()
  const fences = [1, 2].map((context) => fenceWith({}, context))
  const fd = openFence(program, createFenceArray(fences, { context: 5, seqno: 1 }))
  using _debug = setDebug({ failAllocations: true })
  for (const [fenceCount, code] of [
    [1, 'EINVAL'],
    [2, 'ENOMEM'],
    [0, 'none'],
  ] as const) {
    const bytes = sync.encodeFileInfo({ ...INFO, fenceCount, fencesAddress: BAD_ADDRESS })
    const argument = program.memory.map(bytes)
    assert.equal(await program.refused(fd, sync.SYNC_IOC_FILE_INFO, argument), code)
  }
})

test('MERGE with a descriptor that is no sync file is ENOENT [SF-10, MIS-14]', async () => {
  using program = new Program()
  const fd = openFence(program)
  const bytes = sync.encodeMergeData({ ...MERGE, fd2: program.openTimeline() })
  assert.equal(await program.refused(fd, sync.SYNC_IOC_MERGE, program.memory.map(bytes)), 'ENOENT')
})

test('FILE_INFO counts first, then fills the array [SF-13, SF-19]', async () => {
  using time = useManualClock()
  using program = new Program()
  const a = fenceWith({}, 1)
  const b = fenceWith({ driverName: 'display-engine-with-a-very-long-name' }, 2)
  const fd = openFence(program, createFenceArray([a, b], { context: 5, seqno: 1 }))
  const counted = sync.encodeFileInfo(INFO)
  await program.ioctl(fd, sync.SYNC_IOC_FILE_INFO, counted)
  const { fenceCount, name } = sync.decodeFileInfo(counted)
  assert.deepEqual([fenceCount, name], [2, 'dma_fence_array-unbound5-1'])
  signalFence(b, new DmaBufError('EIO', 'render', 'Shader hangs'))
  const seen = await program.fileInfo(fd)
  assert.equal(seen.name, 'dma_fence_array-unbound5-1')
  assert.deepEqual(seen.fences, [
    { timelineName: 'ring', driverName: 'gpu', status: 0, timestampNs: 0n },
    {
      timelineName: 'ring',
      driverName: 'display-engine-with-a-very-long',
      status: -5,
      timestampNs: BigInt(time.clock.nowNs()),
    },
  ])
})

test('FILE_INFO refuses an array that is too small and takes a larger one [SF-14]', async () => {
  using program = new Program()
  const fences = [1, 2].map((context) => fenceWith({}, context))
  const fd = openFence(program, createFenceArray(fences, { context: 5, seqno: 1 }))
  const array = new Uint8Array(3 * sync.SYNC_FENCE_INFO_BYTES).fill(0x55)
  const fencesAddress = program.memory.map(array)
  const small = sync.encodeFileInfo({ ...INFO, fenceCount: 1, fencesAddress })
  const before = [...small]
  assert.equal(await program.ioctlError(fd, sync.SYNC_IOC_FILE_INFO, small), 'EINVAL')
  assert.deepEqual([...small], before)
  assert(array.every((byte) => byte === 0x55))
  const large = sync.encodeFileInfo({ ...INFO, fenceCount: 3, fencesAddress })
  await program.ioctl(fd, sync.SYNC_IOC_FILE_INFO, large)
  assert.equal(sync.decodeFileInfo(large).fenceCount, 2)
  assert(array.subarray(160).every((byte) => byte === 0x55))
})

const stub = (): Fence => stubFence()
const leafCounts = [
  { name: 'a plain fence', count: 1, make: () => fenceWith() },
  { name: 'the stub', count: 1, make: stub },
  {
    name: 'an array with a signalled leaf',
    count: 2,
    make: () => {
      const done = fenceWith({}, 1)
      signalFence(done)
      return createFenceArray([done, fenceWith({}, 2)], { context: 5, seqno: 1 })
    },
  },
]
for (const { name, count, make } of leafCounts)
  test(`FILE_INFO of ${name} counts ${count} [SF-15]`, async () => {
    using program = new Program()
    assert.equal((await program.fileInfo(openFence(program, make()))).fenceCount, count)
  })

const EIO = new DmaBufError('EIO', 'render', 'Shader hangs')
const ENOENT = new DmaBufError('ENOENT', 'render', 'Gone')
const statuses = [
  { name: 'signalled, signalled', leaves: [null, null], counted: 0, listed: 1 },
  { name: 'active, failed', leaves: [undefined, EIO], counted: 0, listed: 0 },
  { name: 'failed, active', leaves: [EIO, undefined], counted: 0, listed: -5 },
  { name: 'failed, failed', leaves: [ENOENT, EIO], counted: 0, listed: -2 },
  { name: 'signalled, failed', leaves: [null, EIO], counted: 0, listed: -5 },
]
for (const { name, leaves, listed } of statuses)
  test(`FILE_INFO of an array of ${name} fences lists ${listed} overall [SF-18]`, async () => {
    using program = new Program()
    const fences = leaves.map((error, index) => {
      const fence = fenceWith({}, index + 1)
      if (error !== undefined) signalFence(fence, error ?? undefined)
      return fence
    })
    const fd = openFence(program, createFenceArray(fences, { context: 5, seqno: 1 }))
    assert.equal((await program.fileInfo(fd)).status, listed)
  })

test('FILE_INFO that only counts tells the status of the wrapped fence, not of its leaves [SF-18]', async () => {
  using program = new Program()
  const failed = fenceWith({}, 1)
  signalFence(failed, EIO)
  const array = createFenceArray([failed, fenceWith({}, 2)], { context: 5, seqno: 1 })
  const fd = openFence(program, array)
  const counted = await program.ioctl(fd, sync.SYNC_IOC_FILE_INFO, sync.encodeFileInfo(INFO))
  assert.equal(sync.decodeFileInfo(counted).status, 0)
  assert.equal((await program.fileInfo(fd)).status, -5)
})

test('FILE_INFO of a merge lists what was pending when it was made [EX-12, SF-15, SF-18]', async () => {
  using program = new Program()
  const [one, two] = [program.openTimeline('one'), program.openTimeline('two')]
  const [a, b] = [await program.createFence(one, 1), await program.createFence(two, 1)]
  const before = await program.merge(a, b)
  await program.increment(one, 1)
  const after = await program.merge(a, b)
  const counted = await program.ioctl(before, sync.SYNC_IOC_FILE_INFO, sync.encodeFileInfo(INFO))
  const { status, fenceCount } = sync.decodeFileInfo(counted)
  assert.deepEqual([status, fenceCount], [0, 2])
  const listed = await program.fileInfo(before)
  assert.deepEqual([listed.status, listed.fenceCount], [0, 2])
  assert.equal((await program.fileInfo(after)).fenceCount, 1)
})

// Each breaks its own check and all later ones. @rule SF-14, SF-19
const infoOrder = [
  { cause: 'a bad address', code: 'EFAULT', address: BAD_ADDRESS },
  { cause: 'flags', code: 'EINVAL', data: { ...INFO, flags: 1, fenceCount: 1 } },
  { cause: 'padding', code: 'EINVAL', data: { ...INFO, pad: 1, fenceCount: 1 } },
  { cause: 'an array too small', code: 'EINVAL', data: { ...INFO, fenceCount: 1 } },
  { cause: 'an array nowhere', code: 'EFAULT', data: { ...INFO, fenceCount: 2 } },
  { cause: 'a header that cannot be written', code: 'EFAULT', data: INFO },
]
for (const { cause, code, address, data } of infoOrder)
  test(`FILE_INFO fails with ${code} for ${cause} [SF-14, SF-19]`, async () => {
    using program = new Program()
    const fences = [1, 2].map((context) => fenceWith({}, context))
    const fd = openFence(program, createFenceArray(fences, { context: 5, seqno: 1 }))
    const bytes = sync.encodeFileInfo({ ...(data ?? INFO), fencesAddress: BAD_ADDRESS })
    const argument = address ?? program.memory.map(bytes, { isWritable: false })
    assert.equal(await program.refused(fd, sync.SYNC_IOC_FILE_INFO, argument), code)
  })

test('FILE_INFO writes the array before the header [SF-19]', async () => {
  using program = new Program()
  const fd = openFence(program)
  const array = new Uint8Array(sync.SYNC_FENCE_INFO_BYTES)
  const fencesAddress = program.memory.map(array)
  const header = sync.encodeFileInfo({ ...INFO, fenceCount: 1, fencesAddress })
  const argument = program.memory.map(header, { isWritable: false })
  assert.equal(await program.refused(fd, sync.SYNC_IOC_FILE_INFO, argument), 'EFAULT')
  assert.equal(sync.decodeFenceInfo(array).driverName, 'gpu')
})

test('SET_DEADLINE reaches the fence, whatever the time; past 2^63 it is long ago [SF-20]', async () => {
  using program = new Program()
  const asked: number[] = []
  const fd = openFence(program, fenceWith({ setDeadline: (_, ns) => asked.push(ns) }))
  for (const deadlineNs of [0n, 1_000_000_007n, 2n ** 64n - 1n])
    await program.ioctl(
      fd,
      sync.SYNC_IOC_SET_DEADLINE,
      sync.encodeSetDeadline({ deadlineNs, pad: 0n }),
    )
  assert.deepEqual(asked, [0, 1_000_000_007, -1])
})

test('SET_DEADLINE fails with EFAULT, then EINVAL for padding, and asks nothing [SF-20]', async () => {
  using program = new Program()
  const fd = openFence(program, fenceWith({ setDeadline: () => assert.fail() }))
  assert.equal(await program.refused(fd, sync.SYNC_IOC_SET_DEADLINE, BAD_ADDRESS), 'EFAULT')
  const bytes = sync.encodeSetDeadline({ deadlineNs: 5n, pad: 1n })
  assert.equal(await program.ioctlError(fd, sync.SYNC_IOC_SET_DEADLINE, bytes), 'EINVAL')
})

test('Any command on any bytes is an errno or a success, and descriptors add up [SF-8]', async () => {
  const commands = [sync.SYNC_IOC_MERGE, sync.SYNC_IOC_FILE_INFO, sync.SYNC_IOC_SET_DEADLINE]
  const command = fc.oneof(fc.constantFrom(...commands), fc.integer())
  const bytes = fc.uint8Array({ minLength: 0, maxLength: 64 })
  const sparse = fc
    .array(fc.tuple(fc.nat(63), fc.nat(255)), { maxLength: 4 })
    .map((pairs) =>
      pairs.reduce((all, [at, byte]) => all.fill(byte, at, at + 1), new Uint8Array(64)),
    )
  await fc.assert(
    fc.asyncProperty(
      command,
      fc.oneof(bytes, sparse),
      fc.boolean(),
      async (number, data, isWritable) => {
        using program = new Program({ limit: 4 })
        let releases = 0
        const fd = openFence(program, fenceWith({ release: () => releases++ }))
        const code = await errorCode(() =>
          program.ioctlAt(fd, number, program.memory.map(data, { isWritable })),
        )
        const isMerged = code === 'none' && number >>> 0 === sync.SYNC_IOC_MERGE
        assert.equal(program.table.openCount, isMerged ? 2 : 1)
        assert.equal(program.table.takenCount, program.table.openCount)
        program.table[Symbol.dispose]()
        assert.equal(releases, 1)
      },
    ),
    { numRuns: 500 },
  )
})
