// Goal: fences go out of a buffer as one, and come in leaf by leaf, with the usages of the rules.
// Method: fences of a rig that counts references, containers of them, sync files.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import type { Access } from '#src/core/buffer/access.js'
import { addFenceTo, fenceOf } from '#src/core/buffer/buffer-fences.js'
import { allocateContext } from '#src/core/fence/context.js'
import { createFenceArray, isFenceArray } from '#src/core/fence/fence-array.js'
import { getFence, putFence, signalFence, type Fence } from '#src/core/fence/fence.js'
import { stubFence } from '#src/core/fence/stub.js'
import { USAGES, type Usage } from '#src/core/reservation/usage.js'
import { createSyncFile, type SyncFile } from '#src/core/sync-file.js'
import { BufferRig } from '../../helpers/buffer-rig.js'
import { isSettled } from '../../helpers/recording-buffer.js'
import { collectWarnings } from '../../helpers/warnings.js'

const SNAPSHOT: Readonly<Record<Access, readonly Usage[]>> = {
  read: ['kernel', 'write'],
  write: ['kernel', 'write', 'read'],
  readwrite: ['kernel', 'write', 'read'],
}

/** The buffer's fences with their usages, in the order of the table. */
function slots(rig: BufferRig): readonly (readonly [Fence, Usage])[] {
  using held = rig.object.reservation.tryLock()
  return [...held!.entries('bookkeep')].map(({ fence, usage }) => [fence, usage] as const)
}

for (const access of Object.keys(SNAPSHOT) as Access[])
  for (const usage of USAGES) {
    const isIn = SNAPSHOT[access].includes(usage)
    test(`DmaBuf.fence of a ${access} ${isIn ? 'has' : 'leaves out'} ${usage} fences [BUF-55, MIS-2]`, () => {
      using rig = new BufferRig()
      const fence = rig.add(usage)
      const snapshot = rig.buffer.fence(access)
      using file = rig.buffer.exportSyncFile(access)
      const expected = isIn ? fence : stubFence()
      assert.equal(snapshot, expected)
      assert.equal(file.fence, expected)
      putFence(snapshot)
      if (!isIn) putFence(expected)
    })
  }

test('DmaBuf.fence is the global stub where nothing is pending [BUF-55]', () => {
  using rig = new BufferRig()
  const stub = stubFence()
  assert.equal(rig.buffer.fence('write'), stub)
  assert.equal(rig.object.knownReservation, undefined, 'It needs no reservation')
  signalFence(rig.add('write'))
  assert.equal(rig.buffer.fence('write'), stub)
})

test('DmaBuf.fence of several is an array of them, in a context of its own [BUF-55]', () => {
  using rig = new BufferRig()
  const [w, r] = [rig.add('write'), rig.add('read')]
  const all = rig.buffer.fence('write')
  assert.ok(isFenceArray(all))
  assert.deepEqual(all.elements, [w, r])
  assert.ok(all.context !== w.context && all.context !== r.context)
  putFence(all)
})

test('What was exported does not change when fences are added later [BUF-56]', () => {
  using rig = new BufferRig()
  const first = rig.add('write')
  using file = rig.buffer.exportSyncFile('write')
  const second = rig.add('write')
  signalFence(first)
  assert.equal(file.fence.isSignaled(), true)
  assert.equal(second.isSignaled(), false)
})

test('A fence added between an export and an import is not in the first, and stays in the buffer [BUF-59]', async () => {
  using rig = new BufferRig()
  const own = rig.fences.fence()
  const before = rig.add('read')
  using exported = rig.buffer.exportSyncFile('write')
  const between = rig.add('read')
  using file = createSyncFile(own)
  await rig.buffer.importSyncFile(file, 'write')
  assert.equal(exported.fence, before)
  assert.deepEqual(slots(rig), [
    [before, 'read'],
    [between, 'read'],
    [own, 'write'],
  ])
})

for (const [access, usage] of [
  ['read', 'read'],
  ['write', 'write'],
  ['readwrite', 'write'],
] as const)
  test(`DmaBuf.importSyncFile adds the fence of a ${access} as ${usage} [BUF-57]`, async () => {
    using rig = new BufferRig()
    const fence = rig.fences.fence()
    using file = createSyncFile(fence)
    await rig.buffer.importSyncFile(file, access)
    assert.deepEqual(slots(rig), [[fence, usage]])
    const other = rig.fences.fence()
    await rig.buffer.addFence(other, access)
    assert.deepEqual(slots(rig)[1], [other, usage])
  })

test('Containers never enter a reservation: their leaves do, the signalled ones, too [BUF-57]', async () => {
  using rig = new BufferRig()
  const leaves = [rig.fences.fence(), rig.fences.signaled(), rig.fences.fence()]
  const array = createFenceArray(
    leaves.map((fence) => getFence(fence)),
    { context: allocateContext(), seqno: 1 },
  )
  await rig.buffer.addFence(array, 'read')
  putFence(array)
  const expected = new Set([leaves[0], leaves[2]])
  const found = slots(rig).map(([fence]) => fence)
  assert.deepEqual(new Set(found.filter((fence) => fence !== leaves[1])), expected)
  const done = rig.fences.signaled()
  using other = new BufferRig()
  await other.buffer.addFence(done, 'write')
  assert.deepEqual(slots(other), [[done, 'write']])
})

test('Importing never waits for the fence, and leaves unrelated ones alone [BUF-58]', async () => {
  using rig = new BufferRig()
  const old = rig.add('write')
  const fence = rig.fences.fence()
  await rig.buffer.addFence(fence, 'write')
  assert.deepEqual(slots(rig), [
    [old, 'write'],
    [fence, 'write'],
  ])
})

test('Importing may promote a bookkeeping fence of the same timeline [BUF-58]', async () => {
  using rig = new BufferRig()
  rig.add('bookkeep', { context: 7, seqno: 1 })
  const later = rig.fences.fence({ context: 7, seqno: 2 })
  await rig.buffer.addFence(later, 'read')
  assert.deepEqual(slots(rig), [[later, 'read']])
})

test('A container of nothing adds nothing', async () => {
  using warnings = collectWarnings()
  using rig = new BufferRig()
  const empty = createFenceArray([], { context: allocateContext(), seqno: 1 })
  await rig.buffer.addFence(empty, 'read')
  putFence(empty)
  assert.deepEqual(warnings.rules, ['ARR-1'])
  assert.equal(rig.object.knownReservation, undefined)
})

test('addFenceTo waits for the lock, keeping buffer and fence meanwhile', async () => {
  using rig = new BufferRig()
  const fence = rig.fences.fence()
  const held = rig.object.reservation.tryLock()
  const adding = addFenceTo(rig.object, fence, true)
  rig.buffer.close()
  assert.equal(await isSettled(adding), false)
  assert.equal(rig.released, false)
  held!.release()
  await adding
})

test('A lock that cannot be had, and a list that cannot grow, add nothing and leave nothing [BUF-57]', async () => {
  using rig = new BufferRig()
  const fence = rig.fences.fence()
  {
    using _held = rig.object.reservation.tryLock()
    await assert.rejects(rig.buffer.addFence(fence, 'read', { signal: AbortSignal.abort() }), {
      code: 'EINTR',
    })
  }
  {
    using _debug = setDebug({ failAllocations: true })
    await assert.rejects(rig.buffer.addFence(fence, 'read'), { code: 'ENOMEM' })
  }
  assert.deepEqual(slots(rig), [])
  assert.equal(rig.extra, 0)
})

test('DmaBuf.fence gives references back where there is no memory for an array', () => {
  using rig = new BufferRig()
  rig.add('write')
  rig.add('write')
  using _debug = setDebug({ failAllocations: true })
  assert.throws(() => fenceOf(rig.object, true), { code: 'ENOMEM' })
  assert.throws(() => rig.buffer.exportSyncFile('write'), { code: 'ENOMEM' })
})

test('Fences and sync files are refused that are none, and closed ones [BUF-57]', async () => {
  using rig = new BufferRig()
  const fence = rig.fences.fence()
  for (const wrong of [undefined, null, {}]) {
    await assert.rejects(rig.buffer.addFence(wrong as Fence, 'read'), TypeError)
    await assert.rejects(rig.buffer.importSyncFile(wrong as SyncFile, 'read'), {
      code: 'EINVAL',
      rule: 'BUF-57',
    })
  }
  await assert.rejects(rig.buffer.addFence(fence, 'rw' as Access), TypeError)
  assert.throws(() => rig.buffer.fence('rw' as Access), TypeError)
  const file = createSyncFile(fence)
  file.close()
  await assert.rejects(rig.buffer.importSyncFile(file, 'read'), { code: 'EBADF' })
  rig.buffer.close()
  await assert.rejects(rig.buffer.importSyncFile(file, 'read'), {
    code: 'EBADF',
    operation: 'importSyncFile',
  })
  assert.throws(() => rig.buffer.fence('read'), { code: 'EBADF', operation: 'fence' })
})
