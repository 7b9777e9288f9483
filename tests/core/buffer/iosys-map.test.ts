// Goal: a map is an address and a kind of memory, and nothing is read or written outside of it.
// Method: maps of known bytes, compared, moved, and used at both sides of their ends.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IosysMap } from '#src/core/buffer/iosys-map.js'

const bytes = () => Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)

test('A new map is null and of system memory [CPU-14]', () => {
  const map = new IosysMap()
  assert.deepEqual([map.isNull, map.isIomem], [true, false])
})

test('isNull looks at the address only, of either kind [CPU-14]', () => {
  const memory = bytes()
  assert.equal(IosysMap.ofMemory(memory).isNull, false)
  assert.equal(IosysMap.ofIomem(memory).isNull, false)
  const moved = new IosysMap()
  moved.advance(8)
  assert.equal(moved.isNull, false)
})

test('equals wants the same kind and the same address [CPU-14]', () => {
  const memory = bytes()
  const map = IosysMap.ofMemory(memory)
  assert.equal(map.equals(IosysMap.ofMemory(memory)), true)
  assert.equal(map.equals(IosysMap.ofMemory(bytes())), false)
  assert.equal(map.equals(IosysMap.ofMemory(memory.subarray(1))), false)
  assert.equal(map.equals(IosysMap.ofIomem(memory)), false)
})

test('A null map of system memory differs from a null map of I/O memory [CPU-14]', () => {
  const iomem = IosysMap.ofIomem(new Uint8Array(8))
  const system = new IosysMap()
  // The address becomes null, the kind stays.
  const nulled = new IosysMap()
  nulled.set(iomem)
  assert.equal(nulled.equals(iomem), true)
  nulled.clear()
  assert.equal(nulled.equals(system), true)
  nulled.setNullIomem()
  assert.deepEqual([nulled.isNull, nulled.isIomem], [true, true])
  assert.equal(nulled.equals(system), false)
})

test('clear gives a null map of system memory again [CPU-14]', () => {
  const map = IosysMap.ofIomem(bytes())
  map.clear()
  assert.deepEqual([map.isNull, map.isIomem], [true, false])
})

test('setMemory and setIomem set the kind with the address [CPU-14]', () => {
  const map = new IosysMap()
  map.setIomem(bytes())
  assert.equal(map.isIomem, true)
  map.setMemory(bytes())
  assert.equal(map.isIomem, false)
})

for (const kind of ['ofMemory', 'ofIomem'] as const)
  test(`advance moves the address of a map ${kind} [CPU-14]`, () => {
    const memory = bytes()
    const map = IosysMap[kind](memory)
    map.advance(3)
    assert.equal(map.read('u8', 0), 3)
    assert.equal(map.equals(IosysMap[kind](memory.subarray(3))), true)
    map.advance(-3)
    assert.equal(map.equals(IosysMap[kind](memory)), true)
  })

test('copyTo, copyFrom and fill work from an offset on [CPU-14]', () => {
  const memory = bytes()
  const map = IosysMap.ofMemory(memory)
  map.copyTo(2, Uint8Array.of(20, 30))
  map.fill(8, 255, 2)
  assert.deepEqual([...memory], [0, 1, 20, 30, 4, 5, 6, 7, 255, 255])
  const target = new Uint8Array(3)
  map.copyFrom(target, 1)
  assert.deepEqual([...target], [1, 20, 30])
})

const words = [
  ['u8', 0xfe, [0xfe]],
  ['u16', 0xfedc, [0xdc, 0xfe]],
  ['u32', 0xfedcba98, [0x98, 0xba, 0xdc, 0xfe]],
] as const
for (const [type, value, expected] of words)
  test(`write and read ${type} at an odd offset, little endian [CPU-14]`, () => {
    const memory = new Uint8Array(8)
    const map = IosysMap.ofMemory(memory)
    map.write(type, 1, value)
    assert.deepEqual([...memory.subarray(1, 1 + expected.length)], expected)
    assert.equal(map.read(type, 1), value)
  })

test('write and read u64 are bigints [CPU-14]', () => {
  const memory = new Uint8Array(9)
  const map = IosysMap.ofMemory(memory)
  map.write('u64', 1, 0xfedcba9876543210n)
  assert.deepEqual([...memory], [0, 0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe])
  assert.equal(map.read('u64', 1), 0xfedcba9876543210n)
})

test('Nothing is touched outside of the memory', () => {
  const map = IosysMap.ofMemory(bytes())
  map.fill(9, 1, 1)
  assert.throws(() => map.fill(9, 1, 2), RangeError)
  assert.throws(() => map.copyTo(-1, new Uint8Array(1)), RangeError)
  assert.throws(() => map.copyFrom(new Uint8Array(11), 0), RangeError)
  assert.throws(() => map.read('u16', 9), RangeError)
  assert.throws(() => new IosysMap().write('u8', 0, 1), RangeError)
})

test('bytes is the memory from the address on', () => {
  const memory = bytes()
  const map = IosysMap.ofMemory(memory.subarray(0, 4))
  map.advance(2)
  assert.equal(map.bytes.buffer, memory.buffer)
  assert.equal(map.bytes[0], 2)
  assert.throws(() => new IosysMap().bytes, RangeError)
})
