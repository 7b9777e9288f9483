// Goal: the ioctls of sw_sync, each cause of failure in the kernel's order, nothing left behind.
// Method: a program with a small table; each row of the order breaks its own check and all later ones.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { setDebug } from '#src/core/debug.js'
import { putFence } from '#src/core/fence/fence.js'
import { stubFence } from '#src/core/fence/stub.js'
import { createSyncFile } from '#src/core/sync-file.js'
import { OpenSwSync } from '#src/syscalls/open-sw-sync.js'
import { descriptorForSyncFile, syncFileOfDescriptor } from '#src/syscalls/open-sync-file.js'
import { IOC_NONE, ioctlCommand } from '#src/uapi/ioctl.js'
import * as sw from '#src/uapi/sw-sync.js'
import * as sync from '#src/uapi/sync-file.js'
import { errorCode } from '../helpers/error-code.js'
import { Program } from '../helpers/program.js'
import { BAD_ADDRESS } from '../helpers/user-memory.js'

async function deadlineOf(program: Program, timeline: number, fenceFd: number): Promise<bigint> {
  const bytes = sw.encodeGetDeadline({ deadlineNs: 0n, pad: 0, fenceFd })
  return sw.decodeGetDeadline(await program.ioctl(timeline, sw.SW_SYNC_GET_DEADLINE, bytes))
    .deadlineNs
}

async function setDeadline(program: Program, fd: number, deadlineNs: bigint): Promise<void> {
  const bytes = sync.encodeSetDeadline({ deadlineNs, pad: 0n })
  await program.ioctl(fd, sync.SYNC_IOC_SET_DEADLINE, bytes)
}

test('Each open sw_sync is a timeline of its own, named after its task [SW-1]', async () => {
  using program = new Program()
  const one = program.openTimeline('surface-flinger-main')
  const other = program.openTimeline('surface-flinger-main')
  await program.increment(one, 1)
  const [a, b] = [await program.createFence(one, 1), await program.createFence(other, 1)]
  const [infoA, infoB] = [await program.fileInfo(a), await program.fileInfo(b)]
  assert.deepEqual([infoA.status, infoB.status], [1, 0])
  assert.deepEqual(infoB.fences, [
    { timelineName: 'surface-flinger', driverName: 'sw_sync', status: 0, timestampNs: 0n },
  ])
})

test('CREATE_FENCE makes a close-on-exec sync file and ignores the name [SW-2]', async () => {
  using program = new Program()
  const timeline = program.openTimeline('t')
  const bytes = sw.encodeCreateFenceData({ value: 7, name: 'a name', fence: -5 })
  bytes.set([9, 9], 34)
  const before = [...bytes]
  await program.ioctl(timeline, sw.SW_SYNC_IOC_CREATE_FENCE, bytes)
  assert.deepEqual([...bytes], [...before.slice(0, 36), 1, 0, 0, 0])
  assert.equal(program.table.closeOnExec(1), true)
  assert.match((await program.fileInfo(1)).name, /^sw_sync-t\d+-7$/)
})

test('CREATE_FENCE of a pending seqno is the same fence in another file [SW-4]', async () => {
  using program = new Program()
  const timeline = program.openTimeline()
  using a = syncFileOfDescriptor(program.table, await program.createFence(timeline, 3))!
  using b = syncFileOfDescriptor(program.table, await program.createFence(timeline, 3))!
  assert.equal(a.fence, b.fence)
})

const wrapped = [
  { value: 0x7fffffff, status: 0 },
  { value: 0x80000000, status: 1 },
]
for (const { value, status } of wrapped)
  test(`CREATE_FENCE of ${value} at value 0 has status ${status} [EX-20, SW-3]`, async () => {
    using program = new Program()
    const fd = await program.createFence(program.openTimeline(), value)
    assert.equal((await program.fileInfo(fd)).status, status)
  })

const createOrder = [
  { cause: 'a full table', code: 'EMFILE', limit: 1, address: BAD_ADDRESS },
  { cause: 'a bad address', code: 'EFAULT', limit: 9, address: BAD_ADDRESS },
  { cause: 'memory that cannot be written', code: 'EFAULT', limit: 9, address: undefined },
]
for (const { cause, code, limit, address } of createOrder)
  test(`CREATE_FENCE fails with ${code} for ${cause}, and leaves no fence [SW-2]`, async () => {
    using program = new Program({ limit })
    const timeline = program.openTimeline()
    const bytes = sw.encodeCreateFenceData({ value: 3, name: '', fence: 0 })
    const argument = address ?? program.memory.map(bytes, { isWritable: false })
    assert.equal(await program.refused(timeline, sw.SW_SYNC_IOC_CREATE_FENCE, argument), code)
    const file = program.table.file(timeline)
    assert(file instanceof OpenSwSync)
    assert.deepEqual(file.timeline.pending, [])
  })

test('CREATE_FENCE without memory is ENOMEM, after EFAULT, and leaves no fence [SW-2]', async () => {
  using program = new Program()
  const timeline = program.openTimeline()
  const command = sw.SW_SYNC_IOC_CREATE_FENCE
  using _debug = setDebug({ failAllocations: true })
  assert.equal(await program.refused(timeline, command, BAD_ADDRESS), 'EFAULT')
  const bytes = sw.encodeCreateFenceData({ value: 3, name: '', fence: 0 })
  const argument = program.memory.map(bytes, { isWritable: false })
  assert.equal(await program.refused(timeline, command, argument), 'ENOMEM')
  const file = program.table.file(timeline)
  assert(file instanceof OpenSwSync)
  assert.deepEqual(file.timeline.pending, [])
})

test('INC takes unsigned amounts, in steps that overtake nobody [SW-6]', async () => {
  using program = new Program()
  const timeline = program.openTimeline()
  const near = await program.createFence(timeline, 1)
  const far = await program.createFence(timeline, 0x7fffffff)
  await program.increment(timeline, 0xffffffff)
  for (const fd of [near, far]) assert.equal((await program.fileInfo(fd)).status, 1)
})

test('INC fails with EFAULT only, and moves nothing then [SW-6]', async () => {
  using program = new Program()
  const timeline = program.openTimeline()
  assert.equal(await program.refused(timeline, sw.SW_SYNC_IOC_INC, BAD_ADDRESS), 'EFAULT')
  const file = program.table.file(timeline)
  assert(file instanceof OpenSwSync)
  assert.equal(file.timeline.value, 0)
})

test('Closing the last descriptor of a timeline fails its fences with ENOENT [SW-7]', async () => {
  using program = new Program()
  const timeline = program.openTimeline()
  const fd = await program.createFence(timeline, 1)
  const copy = program.table.dup(timeline)
  program.table.close(timeline)
  assert.equal((await program.fileInfo(fd)).status, 0)
  program.table.close(copy)
  assert.equal((await program.fileInfo(fd)).status, -2)
  assert.equal(await program.waitFor(fd, 0), true)
})

test('GET_DEADLINE tells the earliest deadline, of any timeline’s fence [SW-8]', async () => {
  using program = new Program()
  const asked = program.openTimeline()
  const fd = await program.createFence(program.openTimeline(), 1)
  for (const deadlineNs of [500n, 300n, 400n]) await setDeadline(program, fd, deadlineNs)
  assert.equal(await deadlineOf(program, asked, fd), 300n)
  await setDeadline(program, fd, 2n ** 64n - 7n)
  assert.equal(await deadlineOf(program, asked, fd), 2n ** 64n - 7n)
})

test('GET_DEADLINE of a signalled fence that was asked too late is ENOENT [SW-9]', async () => {
  using program = new Program()
  const timeline = program.openTimeline()
  const fd = await program.createFence(timeline, 1)
  await program.increment(timeline, 1)
  await setDeadline(program, fd, 300n)
  assert.equal(await errorCode(() => deadlineOf(program, timeline, fd)), 'ENOENT')
})

test('GET_DEADLINE takes no array, no stub and no other descriptor [SW-8]', async () => {
  using program = new Program()
  const timeline = program.openTimeline()
  const other = program.openTimeline()
  const a = await program.createFence(timeline, 1)
  const array = await program.merge(a, await program.createFence(other, 1))
  const fence = stubFence()
  const stub = descriptorForSyncFile(program.table, createSyncFile(fence))
  putFence(fence)
  for (const fd of [array, stub, timeline, 99, -1])
    assert.equal(await errorCode(() => deadlineOf(program, timeline, fd)), 'EINVAL')
})

const asked = { deadlineNs: 0n, pad: 0, fenceFd: 99 }
const deadlineOrder = [
  { cause: 'a bad address', code: 'EFAULT', address: BAD_ADDRESS },
  { cause: 'a deadline on input', code: 'EINVAL', data: { ...asked, fenceFd: 1, deadlineNs: 1n } },
  { cause: 'padding', code: 'EINVAL', data: { ...asked, fenceFd: 1, pad: 1 } },
  { cause: 'no sync file', code: 'EINVAL', data: asked },
  { cause: 'no deadline', code: 'ENOENT', data: { ...asked, fenceFd: 1 } },
]
for (const { cause, code, address, data } of deadlineOrder)
  test(`GET_DEADLINE fails with ${code} for ${cause} [SW-8]`, async () => {
    using program = new Program()
    const timeline = program.openTimeline()
    assert.equal(await program.createFence(timeline, 1), 1)
    const bytes = sw.encodeGetDeadline(data ?? asked)
    const argument = address ?? program.memory.map(bytes, { isWritable: false })
    assert.equal(await program.refused(timeline, sw.SW_SYNC_GET_DEADLINE, argument), code)
  })

test('GET_DEADLINE that cannot be written is EFAULT [SW-8]', async () => {
  using program = new Program()
  const timeline = program.openTimeline()
  const fenceFd = await program.createFence(timeline, 1)
  await setDeadline(program, fenceFd, 300n)
  const bytes = sw.encodeGetDeadline({ ...asked, fenceFd })
  const argument = program.memory.map(bytes, { isWritable: false })
  assert.equal(await program.refused(timeline, sw.SW_SYNC_GET_DEADLINE, argument), 'EFAULT')
})

const unknown = [
  { name: 'CREATE_FENCE of another size', command: sw.SW_SYNC_IOC_CREATE_FENCE - (4 << 16) },
  { name: 'INC of another direction', command: (sw.SW_SYNC_IOC_INC | 0x80000000) >>> 0 },
  {
    name: 'number 3',
    command: ioctlCommand({ direction: 1, magic: 'W', number: 3, sizeBytes: 4 }),
  },
  { name: 'MERGE', command: sync.SYNC_IOC_MERGE },
  {
    name: 'Z 0',
    command: ioctlCommand({ direction: IOC_NONE, magic: 'Z', number: 0, sizeBytes: 0 }),
  },
]
for (const { name, command } of unknown)
  test(`ioctl ${name} on sw_sync is ENOTTY [SW-10]`, async () => {
    using program = new Program()
    const timeline = program.openTimeline()
    for (const argument of [program.memory.map(new Uint8Array(64)), BAD_ADDRESS])
      assert.equal(await program.refused(timeline, command, argument), 'ENOTTY')
  })

test('Any command on any bytes is an errno or a success, and descriptors add up [SW-10]', async () => {
  const commands = [sw.SW_SYNC_IOC_CREATE_FENCE, sw.SW_SYNC_IOC_INC, sw.SW_SYNC_GET_DEADLINE]
  const command = fc.oneof(fc.constantFrom(...commands), fc.integer())
  const bytes = fc.uint8Array({ minLength: 0, maxLength: 64 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(command, bytes, fc.boolean()), { maxLength: 8 }),
      async (calls) => {
        using program = new Program({ limit: 4 })
        const timeline = program.openTimeline()
        let created = 0
        for (const [number, data, isWritable] of calls) {
          const argument = program.memory.map(data, { isWritable })
          const code = await errorCode(() => program.ioctlAt(timeline, number, argument))
          if (code === 'none' && number >>> 0 === sw.SW_SYNC_IOC_CREATE_FENCE) created++
          assert.equal(program.table.openCount, 1 + created)
          assert.equal(program.table.takenCount, program.table.openCount)
        }
      },
    ),
    { numRuns: 300 },
  )
})
