// Goal: words read through native calls are the same words that JavaScript sees in the page.
// Method: one memfd mapped twice, as a view on one side and through native calls on the other.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemfd, PAGE_BYTES } from '#src/linux/memfd.js'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import { NativeWords } from '#src/linux/native-words.js'

const EXTREMES = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 0x12345678]

function mapTwice(): { view: Mapping; native: Mapping } & Disposable {
  using fd = createMemfd('words', PAGE_BYTES)
  const view = new Mapping(fd, PAGE_BYTES, MapMode.shared)
  const native = new Mapping(fd, PAGE_BYTES, MapMode.shared)
  const close = (): void => {
    view.close()
    native.close()
  }
  return { view, native, [Symbol.dispose]: close }
}

test('NativeWords has as many words as fit whole', () => {
  using both = mapTwice()
  const { handle } = both.native
  assert.deepEqual(
    [4096, 4095, 7, 4, 3].map((lengthBytes) => new NativeWords(handle, lengthBytes).length),
    [1024, 1023, 1, 1, 0],
  )
})

test('NativeWords.load and read see what a view stored, signed', () => {
  using both = mapTwice()
  const words = new NativeWords(both.native.handle, PAGE_BYTES)
  EXTREMES.forEach((value, index) => {
    both.view.words().store(index, value)
    assert.equal(words.load(index), value)
    assert.equal(words.read(index), value)
  })
})

test('NativeWords.store and write are seen by a view, and wrap as a view wraps', () => {
  using both = mapTwice()
  const words = new NativeWords(both.native.handle, PAGE_BYTES)
  for (const value of [...EXTREMES, 2 ** 32 - 1, 2 ** 32 + 5]) {
    words.store(1023, value)
    assert.equal(both.view.words().load(1023), value | 0)
    words.write(0, value)
    assert.equal(both.view.words().read(0), value | 0)
  }
})

test('NativeWords throws RangeError outside the page, on both sides of it', () => {
  using both = mapTwice()
  const words = new NativeWords(both.native.handle, PAGE_BYTES)
  words.store(1023, 1)
  for (const index of [1024, -1, 0.5, NaN, 2 ** 40]) {
    assert.throws(() => words.load(index), RangeError)
    assert.throws(() => words.read(index), RangeError)
    assert.throws(() => {
      words.store(index, 1)
    }, RangeError)
    assert.throws(() => {
      words.write(index, 1)
    }, RangeError)
  }
})

test('NativeWords throws RangeError after the mapping was closed', () => {
  using both = mapTwice()
  const words = new NativeWords(both.native.handle, PAGE_BYTES)
  both.native.close()
  assert.throws(() => words.load(0), RangeError)
  assert.throws(() => {
    words.store(0, 1)
  }, RangeError)
})

test('NativeWords loads from a read-only page, and throws RangeError instead of writing to it', () => {
  using fd = createMemfd('words', PAGE_BYTES)
  using page = new Mapping(fd, PAGE_BYTES, MapMode.readOnly)
  const words = new NativeWords(page.handle, PAGE_BYTES)
  assert.equal(words.load(0), 0)
  assert.throws(() => {
    words.store(0, 1)
  }, RangeError)
})
