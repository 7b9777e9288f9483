// Goal: CPU access begins with the exporter, then waits for what the rules name; every failure reaches the caller.
// Method: an exporter that notes, waits and fails; fences of all usages; a manual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Access } from '#src/core/buffer/access.js'
import { bufferObject, exportBuffer } from '#src/core/buffer/buffer.js'
import { beginSync, endSync } from '#src/core/buffer/cpu-sync.js'
import type { Direction } from '#src/core/buffer/device.js'
import { DmaBufError } from '#src/core/errors.js'
import { signalFence } from '#src/core/fence/fence.js'
import { USAGES, type Usage } from '#src/core/reservation/usage.js'
import { BufferRig } from '../../helpers/buffer-rig.js'
import { deferred } from '../../helpers/deferred.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { isSettled } from '../../helpers/recording-buffer.js'
import { collectWarnings } from '../../helpers/warnings.js'

const WAITS: Readonly<Record<Direction, readonly Usage[]>> = {
  'from-device': ['kernel', 'write'],
  'to-device': ['kernel', 'write', 'read'],
  bidirectional: ['kernel', 'write', 'read'],
}

const ACCESS: Readonly<Record<Direction, Access>> = {
  'from-device': 'read',
  'to-device': 'write',
  bidirectional: 'readwrite',
}

for (const direction of Object.keys(WAITS) as Direction[])
  for (const usage of USAGES) {
    const waits = WAITS[direction].includes(usage)
    test(`CPU access ${direction} ${waits ? 'waits' : 'does not wait'} for ${usage} fences [CPU-2, CPU-5, MIS-2]`, async () => {
      using rig = new BufferRig()
      const fence = rig.add(usage)
      const access = ACCESS[direction]
      const begun = beginSync(rig.object, direction)
      const lent = rig.buffer.lend(access, async ({ length }) => length)
      const access1 = rig.buffer.beginCpuAccess(access)
      using tried = rig.buffer.tryBeginCpuAccess(access)
      for (const waiting of [begun, lent, access1])
        assert.equal(await isSettled(waiting), !waits, direction)
      assert.equal(tried === undefined, waits)
      signalFence(fence)
      await begun
      assert.equal(await lent, 16)
      ;(await access1).end()
    })
  }

test('Pending work is waited for though the exporter has no begin [CPU-2]', async () => {
  using rig = new BufferRig()
  const fence = rig.add('write')
  const begun = beginSync(rig.object, 'from-device')
  assert.equal(await isSettled(begun), false)
  signalFence(fence)
  await begun
})

test('The exporter is asked first, and fences that it makes are waited for, too [CPU-1, CPU-3]', async () => {
  const device = deferred()
  using rig = new BufferRig({ begin: () => device.promise })
  const early = rig.add('write')
  const begun = beginSync(rig.object, 'from-device')
  assert.deepEqual(rig.exporter.calls, ['begin from-device'])
  signalFence(early)
  assert.equal(await isSettled(begun), false)
  const late = rig.add('write')
  device.resolve()
  assert.equal(await isSettled(begun), false)
  signalFence(late)
  await begun
})

test('An exporter that fails ends it: nothing is waited for [CPU-1]', async () => {
  const failure = new DmaBufError('EIO', 'test', 'device is gone')
  for (const begin of [
    (): void => {
      throw failure
    },
    (): Promise<void> => Promise.reject(failure),
  ]) {
    using rig = new BufferRig({ begin })
    rig.add('write')
    await assert.rejects(beginSync(rig.object, 'from-device'), failure)
    await assert.rejects(rig.buffer.beginCpuAccess('read'), failure)
    await assert.rejects(
      rig.buffer.lend('read', async () => assert.fail('Lent')),
      failure,
    )
    assert.deepEqual(rig.exporter.calls, Array(3).fill('begin from-device'))
    assert.equal(rig.extra, 0)
  }
})

test('What the exporter says comes before an interruption, and no buffer before both [CPU-1, CPU-3]', async () => {
  using _warnings = collectWarnings()
  const failure = new DmaBufError('EIO', 'test', 'device is gone')
  let isBroken = true
  using rig = new BufferRig({
    begin: () => {
      if (isBroken) throw failure
    },
  })
  rig.add('write')
  const options = { signal: AbortSignal.abort('enough') }
  await assert.rejects(beginSync(null, 'from-device', options), { code: 'EINVAL' })
  await assert.rejects(beginSync(rig.object, 'from-device', options), failure)
  isBroken = false
  await assert.rejects(
    beginSync(rig.object, 'from-device', options),
    (reason) => reason === 'enough',
  )
})

test('A wait that is interrupted leaves the begin without an end: the caller begins again [CPU-3, BUF-51]', async () => {
  using rig = new BufferRig({ begin: () => {} })
  const fence = rig.add('write')
  const reason = new Error('enough')
  const controller = new AbortController()
  const begun = rig.buffer.beginCpuAccess('read', { signal: controller.signal })
  assert.equal(await isSettled(begun), false)
  controller.abort(reason)
  await assert.rejects(begun, reason)
  assert.deepEqual(rig.exporter.calls, ['begin from-device'])
  assert.equal(rig.extra, 0)
  signalFence(fence)
  ;(await rig.buffer.beginCpuAccess('read')).end()
  assert.deepEqual(rig.exporter.calls.slice(1), ['begin from-device', 'end from-device'])
})

test('The time of a begin covers the exporter and the fences together', async () => {
  using time = useManualClock()
  const device = deferred()
  using rig = new BufferRig({ begin: () => device.promise })
  const fence = rig.add('write')
  const begun = rig.buffer.beginCpuAccess('read', { timeoutMs: 20 })
  time.clock.advance(15)
  device.resolve()
  assert.equal(await isSettled(begun), false)
  time.clock.advance(4)
  assert.equal(await isSettled(begun), false)
  time.clock.advance(1)
  await assert.rejects(begun, { code: 'ETIMEDOUT', operation: 'beginCpuAccess' })
  assert.equal(rig.extra, 0)
  signalFence(fence)
  const late = rig.buffer.beginCpuAccess('read', { timeoutMs: 0 })
  ;(await late).end()
  await assert.rejects(rig.buffer.beginCpuAccess('read', { timeoutMs: -1 }), RangeError)
})

test('What failed is finished: begin succeeds after it [CPU-4]', async () => {
  using rig = new BufferRig()
  signalFence(rig.add('write'), new DmaBufError('EIO', 'test', 'The work failed'))
  await beginSync(rig.object, 'bidirectional')
  const pending = rig.add('write')
  const begun = rig.buffer.beginCpuAccess('read')
  signalFence(pending, new DmaBufError('EIO', 'test', 'The work failed'))
  ;(await begun).end()
  using access = rig.buffer.tryBeginCpuAccess('readwrite')
  assert.ok(access)
})

test('An access keeps nobody else away: not the CPU, not a device, not the lock [CPU-5]', async () => {
  using rig = new BufferRig()
  using first = await rig.buffer.beginCpuAccess('write')
  using second = await rig.buffer.beginCpuAccess('write')
  assert.ok(first !== second)
  const attachment = await rig.buffer.attach({ name: 'gpu' })
  await attachment.unmap(await attachment.map('bidirectional'), 'bidirectional')
  await attachment.detach()
  using held = rig.object.reservation.tryLock()
  assert.ok(held)
  const begun = rig.buffer.beginCpuAccess('write')
  assert.equal(await isSettled(begun), true, 'A lock that somebody holds is not waited for')
  ;(await begun).end()
})

test('An access publishes no fence, and sharing needs none [PROP-7]', async () => {
  using rig = new BufferRig()
  using access = await rig.buffer.beginCpuAccess('write')
  assert.ok(access)
  assert.equal(rig.object.knownReservation, undefined)
})

test('endSync asks the exporter, waits for no fence, and needs no begin before it [CPU-6, CPU-7]', () => {
  using rig = new BufferRig({ begin: () => {} })
  const fence = rig.add('write')
  endSync(rig.object, 'to-device')
  endSync(rig.object, 'from-device')
  assert.deepEqual(rig.exporter.calls, ['end to-device', 'end from-device'])
  signalFence(fence)
})

test('A direction that differs from that of the begin reaches the exporter as it is [CPU-7]', async () => {
  using rig = new BufferRig({ begin: () => {} })
  await beginSync(rig.object, 'from-device')
  endSync(rig.object, 'bidirectional')
  assert.deepEqual(rig.exporter.calls, ['begin from-device', 'end bidirectional'])
})

test('endSync passes on what the exporter says, and does nothing where it says nothing [CPU-6]', () => {
  const failure = new DmaBufError('EINTR', 'test', 'again')
  using rig = new BufferRig({
    end: () => {
      throw failure
    },
  })
  assert.throws(() => endSync(rig.object, 'to-device'), failure)
  const ops = { map: () => assert.fail('Nobody is attached'), unmap() {}, release() {} }
  using silent = exportBuffer({ exporterName: 'silent', lengthBytes: 1, ops, state: {} })
  endSync(bufferObject(silent, 'test'), 'to-device')
})

test('begin and end run without the lock, so that an exporter may take it [CPU-8, C-7]', async () => {
  const check = (): void => {
    using held = rig.object.reservation.tryLock()
    assert.ok(held, 'The lock was held')
  }
  using rig: BufferRig = new BufferRig({ begin: check, end: check })
  await beginSync(rig.object, 'bidirectional')
  endSync(rig.object, 'bidirectional')
  using access = await rig.buffer.beginCpuAccess('readwrite')
  assert.ok(access)
})

test('begin makes memory coherent and no more: nothing is pinned or mapped for it [PROP-12]', async () => {
  const calls: string[] = []
  const note = (name: string) => (): never => {
    calls.push(name)
    throw new Error(name)
  }
  const ops = {
    map: note('map'),
    unmap: note('unmap'),
    attach: note('attach'),
    pin: note('pin'),
    unpin: note('unpin'),
    vmap: note('vmap'),
    beginCpuAccess: () => void calls.push('begin'),
    release() {},
  }
  using buffer = exportBuffer({ exporterName: 'fake', lengthBytes: 16, ops, state: {} })
  ;(await buffer.beginCpuAccess('read')).end()
  assert.deepEqual(calls, ['begin'])
})

test('Without a buffer both warn and refuse [CPU-1, CPU-6]', async () => {
  using warnings = collectWarnings()
  for (const nothing of [undefined, null]) {
    const refused = (operation: string) => ({ code: 'EINVAL', operation })
    await assert.rejects(beginSync(nothing, 'to-device'), refused('beginCpuAccess'))
    assert.throws(() => endSync(nothing, 'to-device'), refused('endCpuAccess'))
  }
  assert.deepEqual(warnings.rules, ['CPU-1', 'CPU-6', 'CPU-1', 'CPU-6'])
})

test('A loan fails with what the exporter says at its end, unless the work failed before [CPU-6]', async () => {
  using warnings = collectWarnings()
  const failure = new DmaBufError('EIO', 'test', 'flush failed')
  using rig = new BufferRig({
    end: () => {
      throw failure
    },
  })
  await assert.rejects(
    rig.buffer.lend('write', async () => 1),
    failure,
  )
  assert.deepEqual(warnings.rules, [])
  const first = new Error('work failed')
  await assert.rejects(
    rig.buffer.lend('write', () => Promise.reject(first)),
    first,
  )
  assert.deepEqual(warnings.rules, ['PORT-4'])
  assert.match(warnings.list[0]!.message, /^endCpuAccess must not throw: .*flush failed/)
  assert.equal(rig.extra, 0)
})

test('A loan waits with the signal it was given', async () => {
  using rig = new BufferRig()
  rig.add('write')
  const reason = new Error('enough')
  const controller = new AbortController()
  const { signal } = controller
  const lent = rig.buffer.lend('read', async () => assert.fail('Lent'), 16, { signal })
  assert.equal(await isSettled(lent), false)
  controller.abort(reason)
  await assert.rejects(lent, reason)
  assert.deepEqual(rig.exporter.calls, [])
})

test('A creator that closes the handle while tryBeginCpuAccess asks leaves EBADF, not a dead access', () => {
  using rig = new BufferRig()
  rig.add('write', {
    isSignaled: () => {
      rig.buffer.close()
      return true
    },
  })
  assert.throws(() => rig.buffer.tryBeginCpuAccess('read'), {
    code: 'EBADF',
    operation: 'tryBeginCpuAccess',
  })
  assert.equal(rig.released, true)
})
