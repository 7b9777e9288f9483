// Goal: the exporter maps once for all kernel code, and the count is never wrong.
// Method: an exporter that notes its calls and fails; counts at 0, 1 and 2; state broken by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IosysMap } from '#src/core/buffer/iosys-map.js'
import {
  openVmap,
  vmapBuffer,
  vmapUnlocked,
  vunmapBuffer,
  vunmapUnlocked,
} from '#src/core/buffer/vmap.js'
import { DmaBufError } from '#src/core/errors.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import { isSettled, RecordingBuffer } from '../../helpers/recording-buffer.js'
import { collectWarnings } from '../../helpers/warnings.js'

const isCode =
  (code: string, rule?: string, operation = 'vmap') =>
  (error: unknown) =>
    DmaBufError.is(error, code) &&
    (rule === undefined || error.rule === rule) &&
    (code === 'ERR_DMABUF_BUG' || error.operation === operation)
const isBug = (rule: string) => isCode('ERR_DMABUF_BUG', rule)

/** A map that is not null, to see it cleared. */
const used = () => IosysMap.ofIomem(new Uint8Array(8))

// First, while nothing has failed in this process yet.
test('A vmap op that fails warns once per system, gives its error on and leaves the count at 0 [CPU-10]', async () => {
  using warnings = collectWarnings()
  for (const later of [false, true, false]) {
    const error = new DmaBufError('ENOMEM', 'vmap', 'No addresses')
    const fail = () => {
      if (!later) throw error
      return Promise.reject(error)
    }
    const buffer = new RecordingBuffer({ replace: { vmap: fail } })
    const map = used()
    await assert.rejects(vmapUnlocked(buffer, map), (found) => found === error)
    assert.equal(map.isNull, true)
    assert.equal(buffer.vmapCount, 0)
    assert.equal(buffer.vmapPointer, undefined)
    assert.equal(buffer.reservation.isLocked, false)
  }
  assert.deepEqual(
    warnings.list.map(({ rule }) => rule),
    ['CPU-10'],
  )
})

test('vmapBuffer clears the map in all cases, then looks for what is wrong: no buffer, no lock, no op [CPU-9, CPU-13]', async () => {
  using warnings = collectWarnings()
  const buffer = new RecordingBuffer({ without: ['vmap'] })
  using held = await buffer.reservation.lock()
  using foreign = await new Reservation().lock()
  const cases: [Promise<void>, IosysMap, (error: unknown) => boolean][] = []
  const add = (vmap: (map: IosysMap) => Promise<void>, expected: (error: unknown) => boolean) => {
    const map = used()
    const promise = vmap(map)
    // At once, before anything is waited for.
    assert.equal(map.isNull, true)
    cases.push([promise, map, expected])
  }
  add((map) => vmapBuffer(null, held, map), isCode('EINVAL', 'CPU-9'))
  add((map) => vmapUnlocked(undefined, map), isCode('EINVAL', 'CPU-9'))
  add((map) => vmapBuffer(buffer, foreign, map), isCode('EINVAL', undefined))
  add((map) => vmapBuffer(buffer, held, map), isCode('EINVAL', 'CPU-9'))
  for (const [promise, map, expected] of cases) {
    await assert.rejects(promise, expected)
    assert.equal(map.isNull, true)
    assert.equal(map.isIomem, false)
  }
  assert.deepEqual(
    warnings.list.map(({ rule }) => rule),
    ['CPU-9', 'CPU-9'],
  )
})

test('The first vmap asks the exporter with the lock held, the others share its map [CPU-10, CPU-11, C-7]', async () => {
  const buffer = new RecordingBuffer()
  const [first, second] = [new IosysMap(), new IosysMap()]
  await vmapUnlocked(buffer, first)
  assert.deepEqual(buffer.take(), ['vmap, locked'])
  assert.equal(buffer.vmapCount, 1)
  await vmapUnlocked(buffer, second)
  assert.deepEqual(buffer.take(), [])
  assert.equal(buffer.vmapCount, 2)
  assert.equal(first.equals(second), true)
  second.write('u8', 3, 7)
  assert.equal(first.read('u8', 3), 7)
  assert.equal(buffer.memory[3], 7)
})

test('The last vunmap tells the exporter, and the next vmap asks again [CPU-11, CPU-12, C-7]', async () => {
  const buffer = new RecordingBuffer()
  const map = new IosysMap()
  await vmapUnlocked(buffer, map)
  await vmapUnlocked(buffer, map)
  buffer.take()
  await vunmapUnlocked(buffer, map)
  assert.deepEqual(buffer.take(), [])
  assert.equal(buffer.vmapCount, 1)
  await vunmapUnlocked(buffer, map)
  assert.deepEqual(buffer.take(), ['vunmap, locked'])
  assert.deepEqual([buffer.vmapCount, buffer.vmapPointer], [0, undefined])
  await vmapUnlocked(buffer, map)
  assert.deepEqual(buffer.take(), ['vmap, locked'])
})

test('vmap does not begin CPU access: that is for its caller to do [CPU-15]', async () => {
  const buffer = new RecordingBuffer()
  await buffer.add('kernel')
  const map = new IosysMap()
  assert.equal(await isSettled(vmapUnlocked(buffer, map)), true)
  assert.deepEqual(buffer.take(), ['vmap, locked'])
  assert.equal(map.bytes.length, buffer.lengthBytes)
})

test('A vmap op that answers no map is ENOMEM', async () => {
  using _warnings = collectWarnings()
  const buffer = new RecordingBuffer({ replace: { vmap: () => undefined } })
  await assert.rejects(vmapUnlocked(buffer, new IosysMap()), isCode('ENOMEM'))
  assert.equal(buffer.vmapCount, 0)
})

test('A count without a map, and a map without a count, are bugs [CPU-11]', async () => {
  const buffer = new RecordingBuffer()
  buffer.vmapCount = 1
  await assert.rejects(vmapUnlocked(buffer, new IosysMap()), isBug('CPU-11'))
  buffer.vmapPointer = new IosysMap()
  await assert.rejects(vmapUnlocked(buffer, new IosysMap()), isBug('CPU-11'))
  buffer.vmapCount = 0
  buffer.vmapPointer = used()
  await assert.rejects(vmapUnlocked(buffer, new IosysMap()), isBug('CPU-11'))
  assert.deepEqual(buffer.take(), [])
  assert.equal(buffer.reservation.isLocked, false)
})

test('vunmap of nothing warns and returns [CPU-12]', async () => {
  using held = await new Reservation().lock()
  using warnings = collectWarnings()
  vunmapBuffer(null, held, new IosysMap())
  await vunmapUnlocked(undefined, new IosysMap())
  assert.deepEqual(
    warnings.list.map(({ rule }) => rule),
    ['CPU-12', 'CPU-12'],
  )
})

test('vunmap of what is not mapped, has no count, or is another map is a bug, and changes nothing [CPU-12]', async () => {
  const buffer = new RecordingBuffer()
  const map = new IosysMap()
  await assert.rejects(vunmapUnlocked(buffer, map), isBug('CPU-12'))
  await vmapUnlocked(buffer, map)
  await assert.rejects(vunmapUnlocked(buffer, used()), isBug('CPU-12'))
  const iomem = IosysMap.ofIomem(buffer.memory)
  await assert.rejects(vunmapUnlocked(buffer, iomem), isBug('CPU-12'))
  assert.equal(buffer.vmapCount, 1)
  buffer.vmapCount = 0
  await assert.rejects(vunmapUnlocked(buffer, map), isBug('CPU-12'))
  assert.equal(buffer.reservation.isLocked, false)
})

test('vmapUnlocked and vunmapUnlocked wait for the lock [CPU-13]', async () => {
  const buffer = new RecordingBuffer()
  let held = await buffer.reservation.lock()
  const map = used()
  const mapping = vmapUnlocked(buffer, map)
  assert.equal(map.isNull, true)
  assert.equal(await isSettled(mapping), false)
  held.release()
  await mapping
  held = await buffer.reservation.lock()
  const unmapping = vunmapUnlocked(buffer, map)
  assert.equal(await isSettled(unmapping), false)
  held.release()
  await unmapping
  assert.deepEqual(buffer.take(), ['vmap, locked', 'vunmap, locked'])
})

test('vunmapBuffer needs the lock of this buffer [CPU-12, C-8]', async () => {
  const buffer = new RecordingBuffer()
  const map = new IosysMap()
  await vmapUnlocked(buffer, map)
  using foreign = await new Reservation().lock()
  assert.throws(() => vunmapBuffer(buffer, foreign, map), isCode('EINVAL', undefined, 'vunmap'))
  assert.equal(buffer.vmapCount, 1)
})

test('A vmap whose lock was released meanwhile is undone [C-8]', async () => {
  using _warnings = collectWarnings()
  let go = () => {}
  const buffer = new RecordingBuffer({
    replace: {
      vmap: () => new Promise((resolve) => (go = () => resolve(used()))),
    },
  })
  const held = await buffer.reservation.lock()
  const mapping = vmapBuffer(buffer, held, new IosysMap())
  held.release()
  go()
  await assert.rejects(mapping, isCode('EINVAL'))
  assert.equal(buffer.vmapCount, 0)
  assert.deepEqual(buffer.take(), ['vmap, locked', 'vunmap'])
})

for (const later of [false, true])
  test(`A vunmap op that ${later ? 'rejects' : 'throws'} is reported, and the buffer is unmapped [PORT-4]`, async () => {
    const fail = () => {
      if (!later) throw new Error('Broken')
      return Promise.reject(new Error('Broken'))
    }
    const buffer = new RecordingBuffer({ replace: { vunmap: fail } })
    const map = new IosysMap()
    await vmapUnlocked(buffer, map)
    using warnings = collectWarnings()
    await vunmapUnlocked(buffer, map)
    await Promise.resolve()
    assert.deepEqual(
      warnings.list.map(({ message }) => message),
      ['vunmap must not throw: Error: Broken'],
    )
    assert.deepEqual([buffer.vmapCount, buffer.vmapPointer], [0, undefined])
  })

test('An exporter without a vunmap op needs none', async () => {
  const buffer = new RecordingBuffer({ without: ['vunmap'] })
  const map = new IosysMap()
  await vmapUnlocked(buffer, map)
  await vunmapUnlocked(buffer, map)
  assert.equal(buffer.vmapCount, 0)
})

test('vmapBuffer twice in one lock hold, while the exporter takes its time, is one map for both [CPU-11, CPU-12]', async () => {
  const maps = [new Uint8Array(8), new Uint8Array(8)]
  const vmap = async () => {
    const bytes = maps.pop()!
    await Promise.resolve()
    return IosysMap.ofMemory(bytes)
  }
  const buffer = new RecordingBuffer({ replace: { vmap } })
  const [one, two] = [new IosysMap(), new IosysMap()]
  using held = await buffer.reservation.lock()
  await Promise.all([vmapBuffer(buffer, held, one), vmapBuffer(buffer, held, two)])
  assert.equal(buffer.vmapCount, 2)
  assert.equal(one.equals(two), true)
  vunmapBuffer(buffer, held, one)
  vunmapBuffer(buffer, held, two)
  assert.equal(buffer.vmapCount, 0)
  const called = (name: string) => buffer.calls.filter((call) => call.startsWith(name)).length
  assert.deepEqual([called('vmap'), called('vunmap')], [2, 2])
})

/** A recorder whose references are counted. */
class CountedRecorder extends RecordingBuffer {
  references = 0
  get(): void {
    this.references++
  }
  put(): void {
    this.references--
  }
}

test('openVmap keeps the buffer until its map is taken back, once [CPU-15]', async () => {
  const buffer = new CountedRecorder()
  const vmap = await openVmap(buffer)
  assert.equal(buffer.references, 1)
  assert.equal(vmap.map.bytes.buffer, buffer.memory.buffer)
  const ending = vmap.end()
  assert.equal(vmap.end(), ending)
  await vmap[Symbol.asyncDispose]()
  assert.equal(buffer.references, 0)
  assert.deepEqual(buffer.take(), ['vmap, locked', 'vunmap, locked'])
})

test('openVmap that fails keeps nothing', async () => {
  const buffer = new CountedRecorder({ without: ['vmap'] })
  await assert.rejects(openVmap(buffer), isCode('EINVAL', 'CPU-9'))
  assert.equal(buffer.references, 0)
})

test('Vmap.end gives the buffer back also where the map is not the buffer’s any more', async () => {
  const buffer = new CountedRecorder()
  const vmap = await openVmap(buffer)
  vmap.map.clear()
  await assert.rejects(vmap.end(), isBug('CPU-12'))
  assert.equal(buffer.references, 0)
})
