// Goal: fences go out of a buffer and into it as sync files, each cause of failure in the kernel's order.
// Method: buffers of fake exporters with fences of every usage; each row of an order breaks its own check and
// all later ones.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { setDebug } from '#src/core/debug.js'
import { createFenceArray } from '#src/core/fence/fence-array.js'
import { createFenceChain } from '#src/core/fence/fence-chain.js'
import { getFence, putFence, signalFence, type Fence } from '#src/core/fence/fence.js'
import { createSyncFile } from '#src/core/sync-file.js'
import { bufferOfDescriptor } from '#src/syscalls/open-buffer.js'
import { descriptorForSyncFile, syncFileOfDescriptor } from '#src/syscalls/open-sync-file.js'
import * as uapi from '#src/uapi/dma-buf.js'
import { errorCode } from '../helpers/error-code.js'
import { addFence, countOf, fencesOf, gpuFence, openBuffer } from '../helpers/open-buffers.js'
import { Program } from '../helpers/program.js'
import { BAD_ADDRESS } from '../helpers/user-memory.js'

const EXPORT = uapi.DMA_BUF_IOCTL_EXPORT_SYNC_FILE
const IMPORT = uapi.DMA_BUF_IOCTL_IMPORT_SYNC_FILE
const READ = 1
const WRITE = 2

async function exportSyncFile(program: Program, fd: number, flags: number): Promise<number> {
  const bytes = uapi.encodeSyncFileArgument({ flags, fd: -77 })
  const argument = uapi.decodeSyncFileArgument(await program.ioctl(fd, EXPORT, bytes))
  assert.equal(argument.flags, flags)
  return argument.fd
}

async function importFence(
  program: Program,
  fd: number,
  flags: number,
  fence: Fence,
): Promise<void> {
  const file = descriptorForSyncFile(program.table, createSyncFile(fence))
  await program.ioctl(fd, IMPORT, uapi.encodeSyncFileArgument({ flags, fd: file }))
  program.table.close(file)
}

const usages = ['kernel', 'write', 'read', 'bookkeep'] as const
const exports = [
  { flags: READ, seen: ['kernel', 'write'] },
  { flags: WRITE, seen: ['kernel', 'write', 'read'] },
  { flags: READ | WRITE, seen: ['kernel', 'write', 'read'] },
]
for (const { flags, seen } of exports)
  test(`EXPORT_SYNC_FILE with flags ${flags} waits for ${seen.join(', ')} [BUF-55]`, async () => {
    using program = new Program()
    const { fd } = openBuffer(program)
    const fences = usages.map((timelineName) => gpuFence({ timelineName }))
    for (const [index, usage] of usages.entries())
      await addFence(program, fd, fences[index]!, usage)
    const { fences: leaves } = await program.fileInfo(await exportSyncFile(program, fd, flags))
    assert.deepEqual(leaves.map(({ timelineName }) => timelineName).sort(), [...seen].sort())
  })

test('EXPORT_SYNC_FILE of an idle buffer is the signalled stub, close-on-exec [BUF-55]', async () => {
  using program = new Program()
  const { fd } = openBuffer(program)
  const made = await exportSyncFile(program, fd, WRITE)
  const { name, status } = await program.fileInfo(made)
  assert.deepEqual([name, status, program.table.closeOnExec(made)], ['stub-stub0-0', 1, true])
})

test('EXPORT_SYNC_FILE of one fence is that fence [BUF-55]', async () => {
  using program = new Program()
  const { fd } = openBuffer(program)
  const fence = gpuFence()
  await addFence(program, fd, fence, 'write')
  using file = syncFileOfDescriptor(program.table, await exportSyncFile(program, fd, READ))!
  assert.equal(file.fence, fence)
})

test('What was exported does not wait for what is added later [BUF-56]', async () => {
  using program = new Program()
  const { fd } = openBuffer(program)
  const first = gpuFence()
  await addFence(program, fd, first, 'write')
  const made = await exportSyncFile(program, fd, WRITE)
  await addFence(program, fd, gpuFence(), 'write')
  signalFence(first)
  assert.equal(await program.waitFor(made, 0), true)
  assert.equal(await program.waitFor(await exportSyncFile(program, fd, WRITE), 0), false)
})

interface Refusal {
  readonly cause: string
  readonly code: string
  readonly flags: number
  readonly limit?: number
  readonly fd?: number
  readonly address?: bigint
}

const badFlags = [0, 4, 5, 7, 0x80000001]

// Each breaks its own check and all later ones. @rule BUF-55
const exportOrder: readonly Refusal[] = [
  { cause: 'a bad pointer', code: 'EFAULT', flags: 0, limit: 1, address: BAD_ADDRESS },
  ...badFlags.map((flags) => ({ cause: `flags ${flags}`, code: 'EINVAL', flags, limit: 1 })),
  { cause: 'a full table', code: 'EMFILE', flags: READ, limit: 1 },
  { cause: 'memory that cannot be written', code: 'EFAULT', flags: READ, limit: 9 },
]
for (const { cause, code, flags, limit = 9, address } of exportOrder)
  test(`EXPORT_SYNC_FILE fails with ${code} for ${cause}, and leaves nothing behind [BUF-55]`, async () => {
    using program = new Program({ limit })
    let releases = 0
    const { fd, exporter } = openBuffer(program)
    const fence = gpuFence({ release: () => releases++ })
    await addFence(program, fd, fence, 'write')
    putFence(fence)
    const bytes = uapi.encodeSyncFileArgument({ flags, fd: -1 })
    const argument = address ?? program.memory.map(bytes, { isWritable: false })
    assert.equal(await program.refused(fd, EXPORT, argument), code)
    program.table.close(fd)
    assert.deepEqual([exporter.released, releases], [true, 1], 'a reference leaked')
  })

test('EXPORT_SYNC_FILE without memory is ENOMEM and takes no number and no reference [BUF-55]', async () => {
  using program = new Program()
  let releases = 0
  const { fd } = openBuffer(program)
  const fence = gpuFence({ release: () => releases++ })
  await addFence(program, fd, fence, 'write')
  putFence(fence)
  const argument = program.memory.map(uapi.encodeSyncFileArgument({ flags: READ, fd: 0 }))
  using _debug = setDebug({ failAllocations: true })
  assert.equal(await program.refused(fd, EXPORT, argument), 'ENOMEM')
  program.table.close(fd)
  assert.equal(releases, 1)
})

test('EXPORT_SYNC_FILE is EMFILE before ENOMEM, and that before EFAULT for the way out [BUF-55]', async () => {
  for (const [limit, code] of [
    [1, 'EMFILE'],
    [9, 'ENOMEM'],
  ] as const) {
    using program = new Program({ limit })
    const { fd } = openBuffer(program)
    await addFence(program, fd, gpuFence(), 'write')
    const bytes = uapi.encodeSyncFileArgument({ flags: READ, fd: 0 })
    const argument = program.memory.map(bytes, { isWritable: false })
    using _debug = setDebug({ failAllocations: true })
    assert.equal(await program.refused(fd, EXPORT, argument), code)
  }
})

const imports = [
  { flags: READ, usage: 'read', before: 'write' },
  { flags: WRITE, usage: 'write', before: 'kernel' },
  { flags: READ | WRITE, usage: 'write', before: 'kernel' },
] as const
for (const { flags, usage, before } of imports)
  test(`IMPORT_SYNC_FILE with flags ${flags} adds with usage ${usage} [BUF-57]`, async () => {
    using program = new Program()
    const { fd } = openBuffer(program)
    const fence = gpuFence()
    await importFence(program, fd, flags, fence)
    assert.deepEqual(fencesOf(program, fd, usage), [fence])
    assert.deepEqual(fencesOf(program, fd, before), [])
  })

test('IMPORT_SYNC_FILE adds the leaves of containers, one by one [BUF-57]', async () => {
  using program = new Program()
  const { fd } = openBuffer(program)
  const leaves = [gpuFence(), gpuFence(), gpuFence()]
  const [a, b, c] = leaves as [Fence, Fence, Fence]
  const array = createFenceArray([getFence(a), getFence(b)], { context: 9999, seqno: 1 })
  const chain = createFenceChain(createFenceChain(undefined, array, 1), getFence(c), 2)
  await importFence(program, fd, WRITE, chain)
  assert.deepEqual(new Set(fencesOf(program, fd, 'write')), new Set(leaves))
})

test('IMPORT_SYNC_FILE waits for no fence and takes no descriptor [BUF-58]', async () => {
  using program = new Program()
  const { fd, file } = openBuffer(program)
  const pending = gpuFence()
  await addFence(program, fd, pending, 'write')
  await importFence(program, fd, WRITE, gpuFence())
  assert.equal(fencesOf(program, fd, 'write').length, 2)
  assert.deepEqual([program.table.takenCount, countOf(file)], [1, 1])
})

test('IMPORT_SYNC_FILE can raise what the same context only booked [BUF-58]', async () => {
  using program = new Program()
  const { fd } = openBuffer(program)
  const fence = gpuFence()
  await addFence(program, fd, fence, 'bookkeep')
  assert.deepEqual(fencesOf(program, fd, 'read'), [])
  await importFence(program, fd, READ, fence)
  assert.deepEqual(fencesOf(program, fd, 'read'), [fence])
  assert.deepEqual(fencesOf(program, fd, 'bookkeep'), [fence])
})

test('What was exported comes back by import, into another buffer [BUF-55, BUF-57, BUF-59]', async () => {
  using program = new Program()
  const { fd: from } = openBuffer(program)
  const { fd: to } = openBuffer(program)
  const fence = gpuFence()
  await addFence(program, from, fence, 'write')
  const file = await exportSyncFile(program, from, READ)
  // Added between the two calls: nothing ties them together.
  await addFence(program, from, gpuFence(), 'write')
  await program.ioctl(to, IMPORT, uapi.encodeSyncFileArgument({ flags: WRITE, fd: file }))
  assert.deepEqual(fencesOf(program, to, 'write'), [fence])
})

// Each breaks its own check and all later ones. @rule BUF-57
const importOrder: readonly Refusal[] = [
  { cause: 'a bad pointer', code: 'EFAULT', flags: 0, fd: -1, address: BAD_ADDRESS },
  ...badFlags.map((flags) => ({ cause: `flags ${flags}`, code: 'EINVAL', flags, fd: -1 })),
  { cause: 'descriptor -1', code: 'EINVAL', flags: READ, fd: -1 },
  { cause: 'a closed descriptor', code: 'EINVAL', flags: READ, fd: 99 },
  { cause: 'a buffer’s descriptor', code: 'EINVAL', flags: READ, fd: 0 },
]
for (const { cause, code, flags, fd: imported = -1, address } of importOrder)
  test(`IMPORT_SYNC_FILE fails with ${code} for ${cause}, never EBADF [BUF-57, MIS-14]`, async () => {
    using program = new Program()
    const { fd } = openBuffer(program)
    const bytes = uapi.encodeSyncFileArgument({ flags, fd: imported })
    const argument = address ?? program.memory.map(bytes)
    assert.equal(await program.refused(fd, IMPORT, argument), code)
    assert.deepEqual(fencesOf(program, fd, 'bookkeep'), [])
  })

test('IMPORT_SYNC_FILE needs only to read its argument [BUF-57]', async () => {
  using program = new Program()
  const { fd } = openBuffer(program)
  const file = descriptorForSyncFile(program.table, createSyncFile(gpuFence()))
  const bytes = uapi.encodeSyncFileArgument({ flags: READ, fd: file })
  const argument = program.memory.map(bytes, { isWritable: false })
  assert.equal(await program.ioctlAt(fd, IMPORT, argument), 0)
})

test('IMPORT_SYNC_FILE without memory looks at the pointer, the flags and the descriptor first [BUF-57]', async () => {
  using program = new Program()
  const { fd } = openBuffer(program)
  using _debug = setDebug({ failAllocations: true })
  assert.equal(await program.refused(fd, IMPORT, BAD_ADDRESS), 'EFAULT')
  for (const flags of [0, READ]) {
    const argument = program.memory.map(uapi.encodeSyncFileArgument({ flags, fd: -1 }))
    assert.equal(await program.refused(fd, IMPORT, argument), 'EINVAL')
  }
})

test('IMPORT_SYNC_FILE without memory is ENOMEM [BUF-57]', async () => {
  using program = new Program()
  const { fd } = openBuffer(program)
  const file = descriptorForSyncFile(program.table, createSyncFile(gpuFence()))
  const argument = program.memory.map(uapi.encodeSyncFileArgument({ flags: READ, fd: file }))
  using _debug = setDebug({ failAllocations: true })
  assert.equal(await program.refused(fd, IMPORT, argument), 'ENOMEM')
})

test('IMPORT_SYNC_FILE holds on to the sync file while it waits for the lock [BUF-57]', async () => {
  using program = new Program()
  const { fd, exporter } = openBuffer(program)
  let releases = 0
  const fence = gpuFence({ release: () => releases++ })
  const file = descriptorForSyncFile(program.table, createSyncFile(fence))
  putFence(fence)
  const bytes = uapi.encodeSyncFileArgument({ flags: READ, fd: file })
  const argument = program.memory.map(bytes)
  const handle = bufferOfDescriptor(program.table, fd)
  const held = await handle.reservation.lock()
  handle.close()
  const importing = program.ioctlAt(fd, IMPORT, argument)
  program.table.close(file)
  program.table.close(fd)
  assert.deepEqual([exporter.released, releases], [false, 0])
  held.release()
  await importing
})

test('Any bytes of EXPORT and IMPORT are an errno or a success, and nothing is lost [BUF-55, BUF-57]', async () => {
  const small = fc.constantFrom(-1, 0, 1, 2, 3, 4, 9)
  const call = fc.record({
    command: fc.oneof(fc.constantFrom(EXPORT, IMPORT, uapi.DMA_BUF_IOCTL_SYNC), fc.integer()),
    bytes: fc.oneof(
      fc
        .record({ flags: fc.oneof(fc.nat(4), fc.nat()), fd: small })
        .map(uapi.encodeSyncFileArgument),
      fc.uint8Array({ maxLength: 16 }),
    ),
    isWritable: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(call, { maxLength: 8 }), async (calls) => {
      using program = new Program({ limit: 5 })
      let releases = 0
      const { fd, exporter, file } = openBuffer(program)
      const fence = gpuFence({ release: () => releases++ })
      descriptorForSyncFile(program.table, createSyncFile(fence))
      signalFence(fence)
      putFence(fence)
      let exported = 0
      for (const { command, bytes, isWritable } of calls) {
        const argument = program.memory.map(bytes, { isWritable })
        const code = await errorCode(() => program.ioctlAt(fd, command, argument))
        if (code === 'none' && command >>> 0 === EXPORT) exported++
        assert.equal(program.table.openCount, 2 + exported)
        assert.equal(program.table.takenCount, program.table.openCount)
        assert.equal(countOf(file), 1)
      }
      program.table[Symbol.dispose]()
      assert.deepEqual([exporter.released, releases], [true, 1])
    }),
    { numRuns: 300 },
  )
})
