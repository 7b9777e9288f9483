// Goal: the last reference gives the memory back, in the order of the rules, and where it can do no harm.
// Method: an exporter, an owner, a watch and fences that write into one list; closes in awkward places.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drainDeferred } from '#src/core/deferred.js'
import { bufferObjects } from '#src/core/buffer/buffer-list.js'
import { bufferObject } from '#src/core/buffer/buffer.js'
import type { BufferObject } from '#src/core/buffer/buffer-object.js'
import { watchBuffers } from '#src/core/buffer/buffer-watch.js'
import { signalFence } from '#src/core/fence/fence.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import { FenceRig } from '../reservation/fence-rig.js'
import { BufferRig } from '../../helpers/buffer-rig.js'
import { exportFake, FakeExporter, fakeBuffer } from '../../helpers/fake-exporter.js'
import { collectWarnings } from '../../helpers/warnings.js'

function isListed(object: BufferObject): boolean {
  return [...bufferObjects()].includes(object)
}

/** Until all deferred work is done, that of waiting locks included. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

test('The last put tells statistics, gives the memory back, drops fences, then the owner [BUF-21, BUF-23, BUF-8]', async () => {
  const steps: string[] = []
  using warnings = collectWarnings()
  using _watch = watchBuffers({ released: () => steps.push('statistics') })
  using fences = new FenceRig()
  const owner = { tryGet: () => true, put: () => steps.push(`owner ${warnings.rules.join()}`) }
  const exporter = new FakeExporter(16, {
    release: () => {
      assert.equal(warnings.rules.length, 0)
      steps.push('release')
    },
  })
  const buffer = exportFake(exporter, { owner })
  await buffer.attach({ name: 'gpu' })
  const fence = fences.fence({ release: () => steps.push('fence') })
  await buffer.addFence(fence, 'read')
  fences.put(fence)
  buffer.close()
  assert.deepEqual(steps, ['statistics', 'release', 'fence', 'owner BUF-24'])
})

test('A device that is still attached is warned of, by its name, when the memory is gone [BUF-24, PROP-16]', async () => {
  using warnings = collectWarnings()
  const { buffer, exporter } = fakeBuffer()
  await buffer.attach({ name: 'gpu0' })
  await buffer.attach({ name: 'disp0' })
  buffer.close()
  assert.equal(exporter.released, true)
  assert.deepEqual(warnings.rules, ['BUF-24'])
  assert.match(warnings.list[0]!.message, /released with devices attached: disp0, gpu0/)
})

test('A buffer whose devices were detached is released without a word [BUF-24]', async () => {
  using warnings = collectWarnings()
  const { buffer } = fakeBuffer()
  const attachment = await buffer.attach({ name: 'gpu' })
  await attachment.detach()
  buffer.close()
  assert.deepEqual(warnings.rules, [])
})

test('A vmap that is left at the last put is a bug, and the memory stays where it is [BUF-24]', () => {
  const { buffer, exporter } = fakeBuffer()
  bufferObject(buffer, 'test').vmapCount = 1
  assert.throws(() => buffer.close(), { code: 'ERR_DMABUF_BUG', rule: 'BUF-24' })
  assert.equal(exporter.released, false)
})

test('An armed poll slot at the last put is a bug: somebody put too often [BUF-25]', () => {
  const { buffer, exporter } = fakeBuffer()
  const object = bufferObject(buffer, 'test')
  object.poll.in.active = 1
  assert.throws(() => buffer.close(), { code: 'ERR_DMABUF_BUG', rule: 'BUF-25' })
  assert.equal(exporter.released, false)
})

test('One put more than there are references is a bug [BUF-19]', () => {
  const { buffer } = fakeBuffer()
  const object = bufferObject(buffer, 'test')
  buffer.close()
  assert.throws(() => object.put(), { code: 'ERR_DMABUF_BUG', rule: 'BUF-19' })
  assert.throws(() => object.get(), { code: 'ERR_DMABUF_BUG', rule: 'BUF-18' })
})

test('A handle closed in plain code releases at once [BUF-22]', () => {
  const { buffer, exporter } = fakeBuffer()
  buffer.close()
  assert.deepEqual(exporter.calls, ['release'])
})

test('A handle closed in a fence callback leaves the list at once, the memory goes afterwards [BUF-22, BUF-27, PORT-3]', () => {
  using fences = new FenceRig()
  const { buffer, exporter } = fakeBuffer()
  const object = bufferObject(buffer, 'test')
  const fence = fences.fence()
  let isListedInside = true
  fence.addCallback(() => {
    buffer.close()
    isListedInside = isListed(object)
    drainDeferred()
    assert.equal(exporter.released, false, 'Released inside the callback')
  })
  signalFence(fence)
  assert.equal(isListedInside, false)
  assert.equal(exporter.released, false)
  return turns().then(() => assert.equal(exporter.released, true))
})

test('A handle closed in a callback of a callback is released after both [BUF-27]', () => {
  using fences = new FenceRig()
  const { buffer, exporter } = fakeBuffer()
  const [outer, inner] = [fences.fence(), fences.fence()]
  inner.addCallback(() => buffer.close())
  outer.addCallback(() => {
    signalFence(inner)
    assert.equal(exporter.released, false)
  })
  signalFence(outer)
  assert.equal(exporter.released, false)
  drainDeferred()
  assert.equal(exporter.released, true)
})

test('A handle closed by a creator that is told to report signalling is released afterwards [BUF-27]', () => {
  using fences = new FenceRig()
  const { buffer, exporter } = fakeBuffer()
  const fence = fences.fence({
    enableSignaling: () => {
      buffer.close()
      return true
    },
  })
  fence.addCallback(() => {})
  assert.equal(exporter.released, false)
  drainDeferred()
  assert.equal(exporter.released, true)
})

test('After a callback that threw, a handle closed in plain code releases at once again [BUF-27]', () => {
  using warnings = collectWarnings()
  using fences = new FenceRig()
  const fence = fences.fence()
  fence.addCallback(() => {
    throw new Error('broken')
  })
  signalFence(fence)
  assert.deepEqual(warnings.rules, ['PORT-4'])
  const { buffer, exporter } = fakeBuffer()
  buffer.close()
  assert.equal(exporter.released, true)
})

test('A handle closed with the lock held is released when the lock is free, not before [BUF-27]', async () => {
  const { buffer, exporter } = fakeBuffer()
  const { reservation } = buffer
  const held = reservation.tryLock()
  const next = reservation.lock()
  buffer.close()
  await turns()
  assert.equal(exporter.released, false)
  held!.release()
  const second = await next
  await turns()
  assert.equal(exporter.released, false, 'Released while the next one holds the lock')
  second.release()
  await turns()
  assert.equal(exporter.released, true)
})

test('ops.release finds the lock free, also of a reservation that others use [BUF-27, C-7]', async () => {
  const reservation = new Reservation()
  const exporter = new FakeExporter(16, {
    release: () => assert.equal(reservation.isLocked, false),
  })
  const buffer = exportFake(exporter, { reservation })
  const held = reservation.tryLock()
  buffer.close()
  await turns()
  held!.release()
  await turns()
  assert.equal(exporter.released, true)
})

test('A handle closed under a borrowed lock is released though the reservation is destroyed [BUF-27]', async () => {
  using warnings = collectWarnings()
  const reservation = new Reservation()
  const exporter = new FakeExporter(16)
  const buffer = exportFake(exporter, { reservation })
  const held = reservation.tryLock()
  buffer.close()
  reservation.destroy()
  held!.release()
  await turns()
  assert.equal(exporter.released, true)
  assert.deepEqual(warnings.rules, ['RESV-5'])
})

test('A private reservation ends with the buffer, a borrowed one lives on with its fences [BUF-8]', () => {
  const own = fakeBuffer().buffer
  const { reservation: ownReservation } = own
  own.close()
  assert.equal(ownReservation.destroyed, true)
  const lent = new Reservation()
  using rig = new BufferRig({ info: { reservation: lent } })
  const fence = rig.add('write')
  rig.buffer.close()
  assert.equal(lent.destroyed, false)
  assert.equal(lent.isSignaled('write'), false)
  signalFence(fence)
  lent.destroy()
})

test('A release that throws, now or later, is reported; fences and owner go all the same [BUF-23, PORT-4]', async () => {
  for (const release of [
    (): void => {
      throw new Error('broken')
    },
    (): Promise<void> => Promise.reject(new Error('broken')),
  ]) {
    using warnings = collectWarnings()
    let owners = 0
    const owner = { tryGet: () => ++owners > 0, put: () => owners-- }
    {
      using rig = new BufferRig({ release, info: { owner } })
      signalFence(rig.add('read'))
    }
    await turns()
    assert.equal(owners, 0)
    assert.deepEqual(warnings.rules, ['PORT-4'])
    assert.match(warnings.list[0]!.message, /^release must not throw: Error: broken/)
  }
})

test('An owner whose put throws is reported [BUF-21, PORT-4]', () => {
  using warnings = collectWarnings()
  const owner = {
    tryGet: () => true,
    put: () => {
      throw new Error('broken')
    },
  }
  exportFake(new FakeExporter(1), { owner }).close()
  assert.deepEqual(warnings.rules, ['PORT-4'])
  assert.match(warnings.list[0]!.message, /^put of the owner must not throw: Error: broken/)
})

test('A reservation that is asked for after the release is a destroyed one', () => {
  const { buffer } = fakeBuffer()
  const object = bufferObject(buffer, 'test')
  buffer.close()
  assert.equal(object.reservation.destroyed, true)
})

test('BufferObject.whileAlive keeps the memory until the promise settles, either way [BUF-20]', async () => {
  for (const end of ['resolve', 'reject'] as const) {
    const { buffer, exporter } = fakeBuffer()
    const object = bufferObject(buffer, 'test')
    let settle = (): void => {}
    const work = new Promise<void>((resolve, reject) => {
      settle = end === 'resolve' ? resolve : (): void => reject(new Error('broken'))
    })
    const kept = object.whileAlive(work)
    assert.equal(kept, work)
    buffer.close()
    assert.equal(exporter.released, false)
    settle()
    await work.catch(() => {})
    await turns()
    assert.equal(exporter.released, true)
    assert.equal(object.whileAlive(work), work, 'Nothing is kept of what is gone')
  }
})

test('A fence that was never put keeps no buffer alive [BUF-20]', () => {
  using fences = new FenceRig()
  const { buffer, exporter } = fakeBuffer()
  const fence = fences.fence()
  {
    using held = buffer.reservation.tryLock()
    held!.reserve(1)
    held!.add(fence, 'write')
  }
  buffer.close()
  assert.equal(exporter.released, true)
  assert.equal(fences.isReleased(fence), false)
})

test('Handles of several buffers with one reservation, closed under its lock, are all released [BUF-27]', async () => {
  const reservation = new Reservation()
  const exporters = [0, 1, 2].map(() => new FakeExporter(16))
  const buffers = exporters.map((exporter) => exportFake(exporter, { reservation }))
  const held = await reservation.lock()
  for (const buffer of buffers) buffer.close()
  await turns()
  assert.deepEqual(
    exporters.map(({ released }) => released),
    [false, false, false],
  )
  held.release()
  await turns()
  assert.deepEqual(
    exporters.map(({ released }) => released),
    [true, true, true],
  )
  assert.equal(reservation.isLocked, false)
})
