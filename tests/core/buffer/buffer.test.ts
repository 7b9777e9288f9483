// Goal: a handle behaves as a descriptor does; memory goes back once, when nothing refers to it.
// Method: a fake exporter notes what it is asked; the garbage collector is called by hand.
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import type { Access } from '#src/core/buffer/access.js'
import { bufferCount } from '#src/core/buffer/buffer-list.js'
import { bufferObject, DmaBuf, exportBuffer } from '#src/core/buffer/buffer.js'
import { MapArea } from '#src/core/buffer/map-area.js'
import { mmapBuffer } from '#src/core/buffer/mmap.js'
import { PAGE_BYTES } from '#src/core/buffer/page.js'
import { POLL_IN } from '#src/core/buffer/poll-events.js'
import { setDebug } from '#src/core/debug.js'
import { signalFence } from '#src/core/fence/fence.js'
import { stubFence } from '#src/core/fence/stub.js'
import { onWarning, type Warning } from '#src/core/warn.js'
import { BufferRig } from '../../helpers/buffer-rig.js'
import { deferred } from '../../helpers/deferred.js'
import { exportFake, fakeBuffer, FakeExporter } from '../../helpers/fake-exporter.js'
import { thrownCode } from '../../helpers/error-code.js'
import { collectWarnings } from '../../helpers/warnings.js'

const ACCESSES: readonly Access[] = ['read', 'write', 'readwrite']
const closed = { name: 'DmaBufError', code: 'EBADF', errno: -9, rule: 'BUF-17' }

function exportOf(lengthBytes: number, more: { inode?: bigint; name?: string } = {}): DmaBuf {
  return exportFake(new FakeExporter(16), { lengthBytes, ...more })
}

test('exportBuffer makes one open handle with what the exporter said [BUF-1]', () => {
  using buffer = exportOf(16, { name: 'frame-0' })
  assert.equal(buffer.exporterName, 'fake')
  assert.equal(buffer.lengthBytes, 16)
  assert.equal(buffer.name, 'frame-0')
  assert.equal(buffer.closed, false)
})

test('exportBuffer leaves the name undefined where none is given [BUF-10]', () => {
  using buffer = exportOf(16)
  assert.equal(buffer.name, undefined)
})

test('exportBuffer gives one handle, which has the only reference [BUF-10]', () => {
  using buffer = exportOf(16)
  assert.equal(bufferObject(buffer, 'test').references, 1)
})

test('exportBuffer takes a reference on the owner, once all else is checked, and the release gives it back [BUF-5, BUF-21]', () => {
  const steps: string[] = []
  const owner = { tryGet: () => steps.push('get') > 0, put: () => steps.push('put') }
  const exporter = new FakeExporter(16, { release: () => steps.push('release') })
  const buffer = exportFake(exporter, { owner })
  assert.deepEqual(steps, ['get'])
  buffer.close()
  assert.deepEqual(steps, ['get', 'release', 'put'])
})

test('exportBuffer fails with ENOENT where the owner is going away: the memory stays the exporter’s [BUF-5, BUF-6]', () => {
  const before = bufferCount()
  const exporter = new FakeExporter(16)
  const owner = { tryGet: () => false, put: () => assert.fail('Nothing was taken') }
  assert.throws(() => exportFake(exporter, { owner }), { code: 'ENOENT', rule: 'BUF-5' })
  const failure = new Error('broken')
  const broken = {
    tryGet: () => {
      throw failure
    },
    put: () => assert.fail('Nothing was taken'),
  }
  assert.throws(() => exportFake(exporter, { owner: broken }), failure)
  assert.deepEqual(exporter.calls, [])
  assert.equal(bufferCount(), before)
})

test('exportBuffer asks the owner before it asks for memory, and after it looked at the ops [BUF-5, BUF-6]', () => {
  using _warnings = collectWarnings()
  using _debug = setDebug({ failAllocations: true })
  const owner = { tryGet: () => false, put: () => assert.fail('Nothing was taken') }
  const ops = new FakeExporter(16)
  const info = { exporterName: 'fake', lengthBytes: 16, ops, owner }
  assert.equal(
    thrownCode(() => exportBuffer({ ...info, state: null as unknown as FakeExporter })),
    'EINVAL',
  )
  assert.equal(
    thrownCode(() => exportBuffer({ ...info, state: ops })),
    'ENOENT',
  )
  const there = { tryGet: () => true, put: () => {} }
  assert.equal(
    thrownCode(() => exportBuffer({ ...info, state: ops, owner: there })),
    'ENOMEM',
  )
})

test('exportBuffer gives the owner back where a later step fails, and does not release [BUF-5, BUF-6]', () => {
  using warnings = collectWarnings()
  const before = bufferCount()
  const exporter = new FakeExporter(16)
  let owners = 0
  const owner = { tryGet: () => ++owners > 0, put: () => owners-- }
  const broken = {
    tryGet: () => true,
    put: () => {
      throw new Error('broken')
    },
  }
  {
    using _debug = setDebug({ failAllocations: true })
    assert.throws(() => exportFake(exporter, { owner }), { code: 'ENOMEM', rule: 'BUF-6' })
    assert.throws(() => exportFake(exporter, { owner: broken }), { code: 'ENOMEM' })
  }
  assert.equal(owners, 0)
  assert.deepEqual(warnings.rules, ['PORT-4'])
  assert.match(warnings.list[0]!.message, /^put of the owner must not throw: Error: broken/)
  assert.deepEqual(exporter.calls, [])
  assert.equal(bufferCount(), before)
})

test('bufferObject knows no buffer but handles: EINVAL for anything else [BUF-17]', () => {
  for (const wrong of [undefined, null, {}, 5, Object.create(DmaBuf.prototype) as DmaBuf])
    assert.throws(() => bufferObject(wrong as DmaBuf, 'share'), {
      code: 'EINVAL',
      operation: 'share',
      rule: 'BUF-17',
    })
})

test('A buffer is kept by handles, accesses, loans and areas; not by attachments, mappings and fences [BUF-18, BUF-20, ATT-11]', async () => {
  using rig = new BufferRig({ lengthBytes: PAGE_BYTES, mmap: () => {} })
  const counts: number[] = []
  const count = (): number => counts.push(rig.extra)
  const second = rig.buffer.dup()
  count()
  const access = rig.buffer.tryBeginCpuAccess('read')
  count()
  const work = deferred()
  const loan = rig.buffer.lend('read', () => work.promise)
  await turn()
  count()
  const area = new MapArea(1)
  await mmapBuffer(rig.buffer, area, 0)
  count()
  const attachment = await rig.buffer.attach({ name: 'gpu' })
  const table = await attachment.map('bidirectional')
  const fence = rig.add('write')
  count()
  rig.poll(POLL_IN)
  count()
  assert.deepEqual(counts, [1, 2, 3, 4, 4, 5])
  await attachment.unmap(table, 'bidirectional')
  await attachment.detach()
  signalFence(fence)
  area.close()
  work.resolve()
  await loan
  access!.end()
  second.close()
  assert.equal(rig.extra, 0)
})

test('DmaBuf.reservation is the buffer’s, the same for all handles [BUF-8]', () => {
  using first = exportOf(16)
  using second = first.dup()
  assert.equal(first.reservation, second.reservation)
  second.close()
  assert.throws(() => second.reservation, { ...closed, operation: 'reservation' })
})

test('DmaBuf.attach ties a device to the buffer behind the handle', async () => {
  using rig = new BufferRig()
  const attachment = await rig.buffer.attach({ name: 'gpu' })
  assert.equal(attachment.buffer, rig.object)
  assert.equal(rig.object.attachmentCount, 1)
  await attachment.detach()
  rig.buffer.close()
  await assert.rejects(rig.buffer.attach({ name: 'gpu' }), { ...closed, operation: 'attach' })
})

test('DmaBuf.inode rises from buffer to buffer and is never used again [BUF-12]', () => {
  const inodes = [0, 1, 2].map(() => {
    using buffer = exportOf(1)
    return buffer.inode
  })
  assert.equal(inodes[1], inodes[0]! + 1n)
  assert.equal(inodes[2], inodes[0]! + 2n)
})

test("DmaBuf.inode is the memory's own where it has one [BUF-12]", () => {
  using buffer = exportOf(1, { inode: 2n ** 63n })
  assert.equal(buffer.inode, 2n ** 63n)
})

test('DmaBuf.dup gives another handle on the same buffer [BUF-18]', () => {
  using first = exportOf(16)
  using second = first.dup()
  assert.notEqual(second, first)
  assert.equal(second.inode, first.inode)
  assert.equal(bufferObject(second, 'test'), bufferObject(first, 'test'))
})

test('DmaBuf.setName renames the buffer for all its handles [BUF-10, BUF-53]', () => {
  using first = exportOf(16, { name: 'before' })
  using second = first.dup()
  using access = second.tryBeginCpuAccess('read')
  assert.ok(access)
  second.setName('after')
  assert.equal(first.name, 'after')
})

test('DmaBuf.close gives the memory back with the last handle, once [BUF-19, BUF-23]', () => {
  const { buffer, exporter } = fakeBuffer()
  const second = buffer.dup()
  buffer.close()
  buffer.close()
  assert.equal(buffer.closed, true)
  assert.deepEqual(exporter.calls, [])
  second[Symbol.dispose]()
  second.close()
  assert.deepEqual(exporter.calls, ['release'])
})

test('A dup outlives the handle it was made of [BUF-18, BUF-20]', () => {
  const { buffer, exporter } = fakeBuffer()
  using second = buffer.dup()
  buffer.close()
  using access = second.tryBeginCpuAccess('write')
  assert.equal(access?.bytes.length, 16)
  assert.equal(exporter.released, false)
})

test('An open access keeps the memory past close() of the last handle [BUF-20]', () => {
  const { buffer, exporter } = fakeBuffer()
  const access = buffer.tryBeginCpuAccess('write')
  buffer.close()
  access!.bytes.fill(7)
  assert.equal(exporter.released, false)
  access!.end()
  assert.equal(exporter.released, true)
  assert.ok(exporter.memory.every((byte) => byte === 7))
})

test('Every method of a closed handle fails with EBADF, the facts stay readable [BUF-17]', async () => {
  const buffer = exportOf(16, { name: 'gone', inode: 77n })
  buffer.close()
  assert.throws(() => buffer.dup(), { ...closed, operation: 'dup' })
  assert.throws(() => buffer.setName('x'), { ...closed, operation: 'setName' })
  assert.throws(() => buffer.tryBeginCpuAccess('read'), {
    ...closed,
    operation: 'tryBeginCpuAccess',
  })
  assert.throws(() => bufferObject(buffer, 'share'), { ...closed, operation: 'share' })
  await assert.rejects(buffer.beginCpuAccess('read'), { ...closed, operation: 'beginCpuAccess' })
  await assert.rejects(buffer.vmap(), { ...closed, operation: 'vmap' })
  await assert.rejects(buffer.addFence(stubFence(), 'read'), { ...closed, operation: 'addFence' })
  await assert.rejects(
    buffer.lend('read', async () => assert.fail('Lent after close()')),
    { ...closed, operation: 'lend' },
  )
  assert.deepEqual(
    [buffer.name, buffer.inode, buffer.lengthBytes, buffer.exporterName, buffer.closed],
    ['gone', 77n, 16, 'fake', true],
  )
})

test('Every kind of access may begin, no other word', async () => {
  using buffer = exportOf(16)
  for (const access of ACCESSES) {
    using tried = buffer.tryBeginCpuAccess(access)
    using begun = await buffer.beginCpuAccess(access)
    assert.equal(tried?.access, access)
    assert.equal(begun.access, access)
    assert.equal(await buffer.lend(access, async ({ length }) => length), 16)
  }
  for (const wrong of ['', 'rw', 'Read', undefined] as unknown as Access[]) {
    assert.throws(() => buffer.tryBeginCpuAccess(wrong), TypeError)
    await assert.rejects(buffer.beginCpuAccess(wrong), TypeError)
    await assert.rejects(
      buffer.lend(wrong, async () => {}),
      TypeError,
    )
  }
})

test('An access may be of 0 bytes up to the whole buffer', async () => {
  using buffer = exportOf(16)
  for (const lengthBytes of [0, 1, 15, 16]) {
    using access = buffer.tryBeginCpuAccess('read', lengthBytes)
    assert.equal(access?.bytes.length, lengthBytes)
    assert.equal(await buffer.lend('read', async ({ length }) => length, lengthBytes), lengthBytes)
  }
  for (const lengthBytes of [-1, 17, 1.5, NaN]) {
    assert.throws(() => buffer.tryBeginCpuAccess('read', lengthBytes), RangeError)
    await assert.rejects(
      buffer.lend('read', async () => {}, lengthBytes),
      RangeError,
    )
  }
})

test('DmaBuf.beginCpuAccess waits for the exporter first [CPU-1, CPU-3]', async () => {
  const device = deferred()
  const { buffer, exporter } = fakeBuffer(16, { begin: () => device.promise })
  const begun = buffer.beginCpuAccess('readwrite')
  await turn()
  assert.deepEqual(exporter.calls, ['begin bidirectional'])
  device.resolve()
  const access = await begun
  access.bytes.fill(1)
  access.end()
  buffer.close()
  assert.deepEqual(exporter.calls, [
    'begin bidirectional',
    'open bracket readwrite 16',
    'close bracket',
    'end bidirectional',
    'release',
  ])
})

test('DmaBuf.beginCpuAccess passes on what the exporter says, and nothing is begun then [CPU-1]', async () => {
  const failure = new Error('device is gone')
  const { buffer, exporter } = fakeBuffer(16, { begin: () => Promise.reject(failure) })
  await assert.rejects(buffer.beginCpuAccess('read'), failure)
  await assert.rejects(
    buffer.lend('read', async () => assert.fail('Lent after a failure')),
    failure,
  )
  buffer.close()
  assert.deepEqual(exporter.calls, ['begin from-device', 'begin from-device', 'release'])
})

test('close() while an access begins leaves the access alive [BUF-20]', async () => {
  const device = deferred()
  const { buffer, exporter } = fakeBuffer(16, { begin: () => device.promise })
  const begun = buffer.beginCpuAccess('read')
  buffer.close()
  device.resolve()
  const access = await begun
  assert.equal(access.bytes.length, 16)
  assert.equal(exporter.released, false)
  access.end()
  assert.equal(exporter.released, true)
})

test('DmaBuf.tryBeginCpuAccess leaves it where the exporter must wait', () => {
  const { buffer, exporter } = fakeBuffer(16, { begin: () => {} })
  assert.equal(buffer.tryBeginCpuAccess('read'), undefined)
  buffer.close()
  assert.deepEqual(exporter.calls, ['release'])
})

test('DmaBuf.lend keeps the memory until the promise settles, past close() [BUF-20]', async () => {
  const { buffer, exporter } = fakeBuffer()
  const work = deferred<string>()
  let lent: Uint8Array | undefined = undefined
  const loan = buffer.lend('write', (bytes) => {
    lent = bytes
    return work.promise
  })
  buffer.close()
  await turn()
  assert.deepEqual(exporter.calls, ['open loan write 16'])
  lent!.fill(9)
  work.resolve('done')
  assert.equal(await loan, 'done')
  assert.deepEqual(exporter.calls.slice(1), ['close loan', 'end to-device', 'release'])
  assert.equal(exporter.memory[15], 9)
})

test('DmaBuf.lend ends the access when the work fails, at once or later', async () => {
  for (const fail of [
    (): Promise<void> => {
      throw new Error('broken')
    },
    (): Promise<void> => Promise.reject(new Error('broken')),
  ]) {
    const { buffer, exporter } = fakeBuffer(16, { begin: () => {} })
    await assert.rejects(buffer.lend('read', fail), { message: 'broken' })
    buffer.close()
    assert.deepEqual(exporter.calls, [
      'begin from-device',
      'open loan read 16',
      'close loan',
      'end from-device',
      'release',
    ])
  }
})

test('DmaBuf.lend ends what the exporter began though no view could be made [CPU-6]', async () => {
  const open = (): never => {
    throw new Error('no view')
  }
  const { buffer, exporter } = fakeBuffer(16, { begin: () => {}, open })
  await assert.rejects(
    buffer.lend('read', async () => {}),
    { message: 'no view' },
  )
  buffer.close()
  assert.deepEqual(exporter.calls, [
    'begin from-device',
    'open loan read 16',
    'end from-device',
    'release',
  ])
})

test('Loans and brackets of one buffer may overlap, the last one gives it back [BUF-20]', async () => {
  const { buffer, exporter } = fakeBuffer()
  const work = [deferred(), deferred()]
  const loans = work.map(({ promise }) => buffer.lend('read', () => promise))
  const access = buffer.tryBeginCpuAccess('read')
  buffer.close()
  work[0]!.resolve()
  await loans[0]
  access!.end()
  assert.equal(exporter.released, false)
  work[1]!.resolve()
  await loans[1]
  assert.equal(exporter.released, true)
})

async function collectGarbage(): Promise<void> {
  for (let round = 0; round < 4; round++) {
    gc!()
    await turn()
    await turn()
  }
}

function forgetBuffer(): FakeExporter {
  const exporter = new FakeExporter(16)
  exportFake(exporter, { name: 'forgotten' })
  return exporter
}

test('A handle collected while open is reported with the stack that made it, never closed', async () => {
  const warnings: Warning[] = []
  using _hook = onWarning((warning) => warnings.push(warning))
  const exporter = forgetBuffer()
  await collectGarbage()
  const [warning, ...others] = warnings.filter(({ message }) => message.includes('forgotten'))
  assert.equal(others.length, 0)
  assert.equal(warning?.rule, 'DMABUF_LEAK')
  assert.match(warning.message, /^DmaBuf forgotten of fake was garbage collected without close\(\)/)
  assert.match(warning.stack ?? '', /forgetBuffer/)
  assert.deepEqual(exporter.calls, [], 'A garbage collector releases nothing')
})

test('A handle closed in time is not reported', async () => {
  const warnings: Warning[] = []
  using _hook = onWarning((warning) => warnings.push(warning))
  exportOf(16, { name: 'tidy' }).close()
  await collectGarbage()
  assert.deepEqual(
    warnings.filter(({ message }) => message.includes('tidy')),
    [],
  )
})
