// Goal: views of mapped memory die with their access, and memory goes exactly when nobody can see it any more.
// Method: real mappings; whether memory is mapped is read from /proc/self/maps.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { copiedBytes } from '#src/core/buffer/copied-bytes.js'
import { createMemfd, PAGE_BYTES } from '#src/linux/memfd.js'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import { native } from '#src/linux/native.js'
import { mappedMemfds, settled } from '../helpers/leaks.js'

const LENGTH = 2 * PAGE_BYTES

function map(mode: number = MapMode.shared): Mapping {
  using fd = createMemfd('mapping', LENGTH)
  return new Mapping(fd, LENGTH, mode)
}

async function mappedCount(): Promise<number> {
  await settled()
  return mappedMemfds().filter((line) => line.includes('dmabuf:mapping ')).length
}

test('Mapping fails with the kernel’s reason where the descriptor cannot be mapped', () => {
  const fd = createMemfd('mapping', LENGTH)
  for (const lengthBytes of [0, -1, NaN])
    assert.throws(() => new Mapping(fd, lengthBytes, MapMode.shared), { code: 'EINVAL' })
  assert.throws(() => new Mapping(fd, 2 ** 52, MapMode.shared), { code: 'ENOMEM' })
  assert.throws(() => new Mapping(fd, LENGTH, 3), { code: 'EINVAL' })
  fd.close()
  assert.throws(() => new Mapping(fd, LENGTH, MapMode.shared), { code: 'EBADF' })
})

test('Mapping.openView gives the first bytes, as the memory itself', () => {
  using fd = createMemfd('mapping', LENGTH)
  using mapping = new Mapping(fd, LENGTH, MapMode.shared)
  using other = new Mapping(fd, LENGTH, MapMode.shared)
  for (const lengthBytes of [1, PAGE_BYTES, LENGTH]) {
    const view = mapping.openView('write', 'bracket', lengthBytes)
    assert.equal(view.zeroCopy, true)
    assert.equal(view.bytes.length, lengthBytes)
    view.bytes[lengthBytes - 1] = (lengthBytes & 0x7f) | 1
    view.end()
    const seen = other.openView('read', 'bracket', lengthBytes)
    assert.equal(seen.bytes[lengthBytes - 1], (lengthBytes & 0x7f) | 1)
    seen.end()
  }
  assert.throws(() => mapping.openView('read', 'bracket', LENGTH + 1), { code: 'EINVAL' })
})

test('Mapping: a bracket view is dead after its end', () => {
  using mapping = map()
  const view = mapping.openView('write', 'bracket', LENGTH)
  const { bytes } = view
  const part = bytes.subarray(1, 5)
  bytes.fill(7)
  view.end()
  for (const dead of [bytes, part]) {
    assert.equal(dead.length, 0)
    assert.equal(dead.byteLength, 0)
    assert.equal(dead[0], undefined)
    dead[0] = 1
    assert.equal(dead[0], undefined)
    for (const method of ['fill', 'slice', 'at', 'subarray', 'indexOf', 'join'] as const)
      assert.throws(() => (dead[method] as (value: number) => unknown)(0), TypeError, method)
    assert.throws(() => [...dead], TypeError)
    assert.throws(() => {
      dead.set([1])
    }, TypeError)
  }
  view.end()
  const again = mapping.openView('read', 'bracket', LENGTH)
  assert.equal(again.bytes[0], 7)
  again.end()
})

test('Mapping: a DataView of a bracket is made of a taken buffer, and so lives on', () => {
  using mapping = map()
  const view = mapping.openView('write', 'bracket', LENGTH)
  const data = new DataView(view.bytes.buffer)
  data.setUint32(4, 42)
  view.end()
  assert.equal(data.getUint32(4), 42)
})

test('Mapping: a view whose ArrayBuffer was taken stays readable past close(), until collected', async () => {
  const before = await mappedCount()
  const mapping = map()
  const take = (): ArrayBuffer => {
    const view = mapping.openView('write', 'bracket', LENGTH)
    view.bytes.fill(9)
    const { buffer } = view.bytes
    view.end()
    return buffer
  }
  let taken: ArrayBuffer | undefined = take()
  mapping.close()
  assert.equal(await mappedCount(), before + 1)
  assert.equal(new Uint8Array(taken)[LENGTH - 1], 9)
  taken = undefined
  assert.equal(await mappedCount(), before)
})

test('Mapping: a view whose byteLength was asked dies with its bracket, its memory with the view', async () => {
  // So do fs.read() and crypto.randomFill(), which write to the bare address on another thread.
  const before = await mappedCount()
  const use = async (): Promise<void> => {
    const mapping = map()
    const view = mapping.openView('write', 'bracket', LENGTH)
    assert.equal(view.bytes.byteLength, LENGTH)
    view.end()
    mapping.close()
    assert.equal(await mappedCount(), before + 1)
    assert.equal(view.bytes.length, 0)
  }
  await use()
  assert.equal(await mappedCount(), before)
})

test('Mapping: brackets alone hold nothing: close() gives the memory back without a collection', async () => {
  const before = await mappedCount()
  const mapping = map()
  for (let i = 0; i < 100; i++) {
    const view = mapping.openView('write', 'bracket', LENGTH)
    view.bytes[0] = i
    view.end()
  }
  mapping.close()
  // Finalizers of detached views run in a later turn, without the collector.
  for (let i = 0; i < 5; i++) await new Promise(setImmediate)
  const now = mappedMemfds().filter((line) => line.includes('dmabuf:mapping ')).length
  assert.equal(now, before)
})

test('Mapping.close fails with EBUSY while a loan lives, and says how many', () => {
  const mapping = map()
  const loans = [1, 2].map(() => mapping.openView('read', 'loan', LENGTH))
  assert.throws(
    () => {
      mapping.close()
    },
    { code: 'EBUSY', message: /lent 2 times/ },
  )
  loans[0]?.end()
  assert.throws(
    () => {
      mapping.close()
    },
    { code: 'EBUSY', message: /lent 1 times/ },
  )
  assert.equal(loans[1]?.bytes.length, LENGTH)
  loans[1]?.end()
  mapping.close()
})

test('Mapping: a loan does not die at its end, so that late users read what is there', async () => {
  const before = await mappedCount()
  const mapping = map()
  const use = async (): Promise<void> => {
    const loan = mapping.openView('write', 'loan', PAGE_BYTES)
    loan.bytes.fill(3)
    loan.end()
    mapping.close()
    await settled()
    assert.equal(loan.bytes.length, PAGE_BYTES)
    assert.equal(loan.bytes[PAGE_BYTES - 1], 3)
  }
  await use()
  assert.equal(await mappedCount(), before)
})

test('Mapping.close is idempotent, and nothing can be opened afterwards', () => {
  const mapping = map()
  mapping.close()
  mapping.close()
  mapping[Symbol.dispose]()
  const expected = { code: 'EBADF', message: /Memory is unmapped/ }
  assert.throws(() => mapping.openView('read', 'bracket', 1), expected)
  assert.throws(() => mapping.openView('read', 'loan', 1), expected)
  assert.throws(() => mapping.words(), expected)
})

test('Mapping.words are the words of the page, dead after close()', () => {
  using fd = createMemfd('mapping', PAGE_BYTES)
  const mapping = new Mapping(fd, PAGE_BYTES, MapMode.shared)
  using other = new Mapping(fd, PAGE_BYTES, MapMode.shared)
  const words = mapping.words()
  assert.equal(words.length, PAGE_BYTES / 4)
  words.store(5, -6)
  assert.equal(other.words().load(5), -6)
  other.words().write(6, 7)
  assert.equal(mapping.words().read(6), 7)
  mapping.close()
  assert.throws(() => words.load(5), TypeError)
  assert.equal(words.read(5), undefined)
})

test('Mapping privately: reads follow the owner, stores go nowhere, and only stick to their page', () => {
  using fd = createMemfd('mapping', LENGTH)
  using owner = new Mapping(fd, LENGTH, MapMode.shared)
  using reader = new Mapping(fd, LENGTH, MapMode.private)
  const theirs = owner.openView('write', 'bracket', LENGTH)
  const ours = reader.openView('read', 'bracket', LENGTH)
  for (const value of [1, 2]) {
    theirs.bytes.fill(value)
    assert.equal(ours.bytes[0], value)
    assert.equal(ours.bytes[PAGE_BYTES], value)
  }
  ours.bytes[0] = 99
  assert.equal(theirs.bytes[0], 2)
  theirs.bytes.fill(3)
  assert.equal(ours.bytes[0], 99)
  assert.equal(ours.bytes[PAGE_BYTES], 3)
  theirs.end()
  ours.end()
})

test('Mapping views copy nothing', () => {
  using mapping = map()
  const before = copiedBytes()
  const view = mapping.openView('readwrite', 'bracket', LENGTH)
  view.bytes.fill(1)
  view.end()
  mapping.openView('readwrite', 'loan', LENGTH).end()
  assert.equal(copiedBytes(), before)
})

/** Opens and ends brackets of these lengths; how many views the addon made. */
function viewsMadeFor(lengths: readonly number[]): number {
  using mapping = map()
  const { view } = native()
  let made = 0
  native().view = (...args) => {
    made++
    return view(...args)
  }
  try {
    for (const lengthBytes of lengths) {
      const { bytes, end } = opened(mapping, lengthBytes)
      assert.equal(bytes.length, lengthBytes)
      end()
      assert.equal(bytes.length, 0)
    }
  } finally {
    native().view = view
  }
  return made
}

function opened(mapping: Mapping, lengthBytes: number): { bytes: Uint8Array; end: () => void } {
  const view = mapping.openView('write', 'bracket', lengthBytes)
  return { bytes: view.bytes, end: () => view.end() }
}

test('Mapping: a view that is taken back serves the next bracket of as many bytes, where Node can do that', () => {
  const isReused = 'transfer' in ArrayBuffer.prototype
  assert.equal(viewsMadeFor([LENGTH, LENGTH, LENGTH]), isReused ? 1 : 3)
  assert.equal(viewsMadeFor([LENGTH, 1, LENGTH, LENGTH]), isReused ? 3 : 4)
})

test('Mapping: brackets at the same time have views of their own, and each dies alone', async () => {
  const before = await mappedCount()
  {
    using mapping = map()
    for (let i = 0; i < 3; i++) {
      const [first, second] = [opened(mapping, LENGTH), opened(mapping, LENGTH)]
      first.bytes[0] = 5 + i
      assert.equal(second.bytes[0], 5 + i)
      first.end()
      assert.deepEqual([first.bytes.length, second.bytes.length], [0, LENGTH])
      const third = opened(mapping, LENGTH)
      second.end()
      assert.equal(third.bytes[0], 5 + i)
      third.end()
    }
  }
  assert.equal(await mappedCount(), before)
})

test('Mapping: a view that was moved away unseen is no other bracket’s', async (t) => {
  const transfer = (ArrayBuffer.prototype as { transfer?: (this: ArrayBuffer) => ArrayBuffer })
    .transfer
  if (transfer === undefined) {
    t.skip('This Node has no ArrayBuffer.prototype.transfer: nothing can move a view')
    return
  }
  const before = await mappedCount()
  const bufferOf = Object.getOwnPropertyDescriptor(
    Object.getPrototypeOf(Uint8Array.prototype),
    'buffer',
  )!.get!
  {
    using mapping = map()
    let moved: ArrayBuffer | undefined
    {
      const view = opened(mapping, LENGTH)
      const buffer = bufferOf.call(view.bytes) as ArrayBuffer
      moved = transfer.call(buffer)
      view.end()
    }
    const next = opened(mapping, LENGTH)
    next.bytes[1] = 42
    assert.equal(new Uint8Array(moved)[1], 42)
    next.end()
    assert.equal(moved.byteLength, LENGTH)
    moved = undefined
  }
  assert.equal(await mappedCount(), before)
})
