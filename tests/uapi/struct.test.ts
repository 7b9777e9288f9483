// Goal: what a structure holds comes out as it went in, names to the last byte.
// Method: values at the edges of each type; fast-check over all byte strings for the text.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeText, encodeText, Struct } from '#src/uapi/struct.js'

test('Struct.over refuses bytes of another length', () => {
  assert.throws(() => Struct.over(new Uint8Array(7), 8), RangeError)
  assert.throws(() => Struct.over(new Uint8Array(9), 8), RangeError)
  assert.equal(Struct.over(new Uint8Array(8), 8).u64(0), 0n)
})

test('Struct keeps the edges of unsigned, signed and 64-bit members apart', () => {
  const struct = Struct.ofSize(16).setU32(0, 0xffffffff).setS32(4, -1)
  struct.setU64(8, 2n ** 64n - 1n)
  assert.deepEqual([struct.u32(0), struct.s32(0), struct.u32(4)], [0xffffffff, -1, 0xffffffff])
  assert.equal(struct.u64(8), 2n ** 64n - 1n)
})

test('Struct works inside a larger buffer', () => {
  const whole = new Uint8Array(24)
  new Struct(whole.subarray(8, 16)).setU64(0, 2n ** 64n - 1n)
  assert.deepEqual(
    [...whole],
    [...Array<number>(8).fill(0), ...Array<number>(8).fill(255), ...Array<number>(8).fill(0)],
  )
})

test('Struct.setName cuts to 31 bytes and clears what was there [SF-17]', () => {
  const struct = new Struct(new Uint8Array(33).fill(0x55))
  struct.setName(0, 'a'.repeat(40))
  assert.equal(struct.bytes[30], 0x61)
  assert.equal(struct.bytes[31], 0)
  assert.equal(struct.bytes[32], 0x55)
  struct.setName(0, 'b')
  assert.deepEqual([...struct.bytes.subarray(0, 32)], [0x62, ...Array<number>(31).fill(0)])
})

test('Struct.name never looks at the last byte of its field [SF-12]', () => {
  const struct = new Struct(new Uint8Array(32).fill(0x61))
  assert.equal(struct.name(0), 'a'.repeat(31))
})

test('Struct.name ends at the first NUL', () => {
  const struct = Struct.ofSize(32).setName(0, 'one\0two')
  assert.equal(struct.name(0), 'one')
})

test('encodeText agrees with the platform on all text', () => {
  const encoder = new TextEncoder()
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.deepEqual(encodeText(text), encoder.encode(text))
    }),
  )
})

test('encodeText makes a replacement character of half a pair', () => {
  for (const half of ['\ud800', '\udbff', '\udc7f', '\udd00', '\udfff'])
    assert.deepEqual(encodeText(half), new TextEncoder().encode(half))
})

test('decodeText agrees with the platform on UTF-8', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.equal(decodeText(new TextEncoder().encode(text)), text)
    }),
  )
})

test('decodeText loses no byte, UTF-8 or not', () => {
  const byte = fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(0xc0, 0xed, 0xa0, 0xf4, 0x90),
  )
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 12 }), (bytes) => {
      assert.deepEqual([...encodeText(decodeText(Uint8Array.from(bytes)))], bytes)
    }),
    { numRuns: 2000 },
  )
})

const malformed = [
  { name: 'an overlong slash', bytes: [0xc0, 0xaf] },
  { name: 'a surrogate', bytes: [0xed, 0xb2, 0x80] },
  { name: 'a code point past the last', bytes: [0xf4, 0x90, 0x80, 0x80] },
  { name: 'a cut sequence', bytes: [0xe2, 0x82] },
  { name: 'a stray tail', bytes: [0x80] },
]
for (const { name, bytes } of malformed)
  test(`decodeText keeps ${name} as raw bytes`, () => {
    const text = decodeText(Uint8Array.from(bytes))
    assert.equal(text.length, bytes.length)
    assert.match(text, /^[\udc80-\udcff]+$/)
  })
