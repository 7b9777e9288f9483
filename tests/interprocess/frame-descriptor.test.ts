// Goal: a frame is described to strangers, and a stranger's description is checked before it is believed.
// Method: round trips over random facts and formats, both sides of each limit, random words.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DmaBufError } from '#src/core/errors.js'
import {
  layOutFormat,
  type FrameColor,
  type LaidOutFormat,
  type Plane,
} from '#src/core/frame/format.js'
import {
  DESCRIPTOR_WORDS,
  loadFenceStatus,
  MAX_DAMAGE,
  readBufferSerial,
  readFacts,
  readFormat,
  readFormatSerial,
  storeFenceStatus,
  writeBufferSerial,
  writeFacts,
  writeFormat,
  type FrameFacts,
  type Rectangle,
} from '#src/interprocess/frame-descriptor.js'
import type { Words } from '#src/interprocess/words.js'
import { wordsOf } from '../helpers/hooked-words.js'

const BASE = DESCRIPTOR_WORDS
const U32 = 2 ** 32 - 1
const CAPACITY = 4096
const nonsense = { name: 'DmaBufError', code: 'EPROTO', operation: 'receive' }

const u32 = fc.integer({ min: 0, max: U32 })
const plain = { noNullPrototype: true } as const
const rectangle = fc.record({ x: u32, y: u32, width: u32, height: u32 }, plain)
const facts = fc.record(
  {
    lengthBytes: u32,
    timestampNs: fc.maxSafeNat(),
    publishedNs: fc.maxSafeNat(),
    damage: fc.array(rectangle, { maxLength: MAX_DAMAGE }),
  },
  plain,
)
const side = fc.integer({ min: 1, max: 16384 })
const plane = fc.record(
  {
    offsetBytes: u32,
    strideBytes: fc.integer({ min: 1, max: 65536 }),
    rowCount: side,
  },
  plain,
)
const color = fc.record<FrameColor>(
  {
    range: fc.constantFrom('full', 'limited'),
    matrix: fc.constantFrom('bt601', 'bt709', 'bt2020'),
  },
  plain,
)
const format = fc.record<LaidOutFormat>(
  {
    fourcc: fc.constantFrom('AB24', 'R8  ', 'NV12', '~~~~', '    '),
    modifier: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    width: side,
    height: side,
    planes: fc.array(plane, { minLength: 1, maxLength: 4 }),
    color,
  },
  { ...plain, requiredKeys: ['fourcc', 'modifier', 'width', 'height', 'planes'] },
)

/** Three descriptors; the one in the middle is ours. */
function page(): Words {
  return wordsOf(3 * DESCRIPTOR_WORDS)
}

const usual: LaidOutFormat = {
  fourcc: 'AB24',
  modifier: 0n,
  width: 4,
  height: 2,
  planes: [{ offsetBytes: 0, strideBytes: 16, rowCount: 2 }],
}

function formatWith(change: Partial<LaidOutFormat>, capacity = CAPACITY) {
  const words = page()
  writeFormat(words, BASE, { ...usual, ...change }, 1)
  return readFormat(words, BASE, capacity)
}

test('readFacts gives back what writeFacts was given, with the ticket', () => {
  fc.assert(
    fc.property(facts, fc.maxSafeNat(), (given, ticket) => {
      const words = page()
      writeFacts(words, BASE, ticket, given)
      assert.deepEqual(readFacts(words, BASE, U32), { ...given, ticket })
    }),
  )
})

test('readFormat gives back what writeFormat was given', () => {
  fc.assert(
    fc.property(format, fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (given, serial) => {
      const words = page()
      writeFormat(words, BASE, given, serial)
      assert.deepEqual(readFormat(words, BASE, Infinity), given)
      assert.equal(readFormatSerial(words, BASE), serial)
    }),
  )
})

test('A format without modifier is linear', () => {
  const words = page()
  const { modifier: _modifier, ...rest } = usual
  writeFormat(words, BASE, rest, 1)
  assert.deepEqual(readFormat(words, BASE, CAPACITY), usual)
})

test('Frames without a format are plain bytes, also after frames with one', () => {
  const words = page()
  assert.equal(readFormat(words, BASE, CAPACITY), undefined)
  writeFormat(words, BASE, usual, 1)
  writeFormat(words, BASE, undefined, 2)
  assert.equal(readFormat(words, BASE, CAPACITY), undefined)
  assert.equal(readFormatSerial(words, BASE), 2)
})

test('A descriptor stays within its words', () => {
  const words = page()
  const most = { x: U32, y: U32, width: U32, height: U32 }
  const planes: Plane[] = Array.from({ length: 4 }, () => ({
    offsetBytes: U32,
    strideBytes: U32,
    rowCount: U32,
  }))
  const damage = Array.from({ length: MAX_DAMAGE }, () => most)
  writeFacts(words, BASE, Number.MAX_SAFE_INTEGER, {
    ...{ lengthBytes: U32, timestampNs: 1, damage },
    publishedNs: Number.MAX_SAFE_INTEGER,
  })
  writeFormat(words, BASE, { ...usual, modifier: 2n ** 64n - 1n, planes }, -1)
  for (let i = 0; i < words.length; i++)
    if (i < BASE || i >= BASE + DESCRIPTOR_WORDS) assert.equal(words.read(i), 0, `word ${i}`)
  assert.equal(readFacts(words, BASE, U32).damage.length, MAX_DAMAGE, 'The format left the facts')
})

test('More than 8 damage rectangles are published as all of it', () => {
  const one = { x: 1, y: 2, width: 3, height: 4 }
  for (const [count, kept] of [
    [0, 0],
    [MAX_DAMAGE, MAX_DAMAGE],
    [MAX_DAMAGE + 1, 0],
  ] as const) {
    const words = page()
    const given: FrameFacts = { lengthBytes: 1, timestampNs: 1, damage: Array(count).fill(one) }
    writeFacts(words, BASE, 1, given)
    assert.equal(readFacts(words, BASE, CAPACITY).damage.length, kept)
  }
})

test('A time of 2^53 and more, or of a fraction, loses its last bits only', () => {
  for (const [given, kept] of [
    [2 ** 53 + 2, 2 ** 53 + 2],
    [2 ** 62, 2 ** 62],
    [2 ** 33 + 0.5, 2 ** 33],
  ] as const) {
    const words = page()
    writeFacts(words, BASE, 1, { lengthBytes: 0, timestampNs: given, damage: [] })
    assert.equal(readFacts(words, BASE, CAPACITY).timestampNs, kept)
  }
})

test('readFacts refuses more bytes than the buffer has with EPROTO', () => {
  for (const lengthBytes of [0, CAPACITY]) {
    const words = page()
    writeFacts(words, BASE, 1, { lengthBytes, timestampNs: 0, damage: [] })
    assert.equal(readFacts(words, BASE, CAPACITY).lengthBytes, lengthBytes)
  }
  for (const lengthBytes of [CAPACITY + 1, 2 ** 31, U32]) {
    const words = page()
    writeFacts(words, BASE, 1, { lengthBytes, timestampNs: 0, damage: [] })
    assert.throws(() => readFacts(words, BASE, CAPACITY), nonsense)
  }
})

test('readFacts refuses more than 8 damage rectangles with EPROTO', () => {
  const words = page()
  const DAMAGE_COUNT = 26
  for (const count of [0, 8]) {
    words.write(BASE + DAMAGE_COUNT, count)
    assert.equal(readFacts(words, BASE, CAPACITY).damage.length, count)
  }
  for (const count of [9, -1, 2 ** 31 - 1]) {
    words.write(BASE + DAMAGE_COUNT, count)
    assert.throws(() => readFacts(words, BASE, CAPACITY), nonsense)
  }
})

test('readFormat refuses a side outside 1 to 16384 with EPROTO', () => {
  for (const pixels of [1, 16384]) {
    assert.equal(formatWith({ width: pixels })?.width, pixels)
    assert.equal(formatWith({ height: pixels })?.height, pixels)
  }
  for (const pixels of [0, 16385, -1]) {
    assert.throws(() => formatWith({ width: pixels }), nonsense)
    assert.throws(() => formatWith({ height: pixels }), nonsense)
  }
})

test('readFormat refuses anything but 1 to 4 planes with EPROTO', () => {
  const [one] = usual.planes
  for (const count of [1, 4])
    assert.equal(formatWith({ planes: Array(count).fill(one) as Plane[] })?.planes.length, count)
  const words = page()
  writeFormat(words, BASE, usual, 1)
  for (const count of [0, 5, -1, 2 ** 31 - 1]) {
    words.write(BASE + 8, count)
    assert.throws(() => readFormat(words, BASE, CAPACITY), nonsense)
  }
})

test('readFormat refuses an empty plane, and one beyond its buffer, with EPROTO', () => {
  const withPlane = (offsetBytes: number, strideBytes: number, rowCount: number) =>
    formatWith({ planes: [{ offsetBytes, strideBytes, rowCount }] })?.planes[0]
  assert.deepEqual(withPlane(4095, 1, 1), { offsetBytes: 4095, strideBytes: 1, rowCount: 1 })
  assert.deepEqual(withPlane(96, 40, 100), { offsetBytes: 96, strideBytes: 40, rowCount: 100 })
  for (const [offsetBytes, strideBytes, rowCount] of [
    [4096, 1, 1],
    [97, 40, 100],
    [0, 0, 1],
    [0, 1, 0],
    [U32, 1, 1],
    [0, U32, U32],
    [U32, U32, U32],
    [0, 2 ** 31, 2 ** 31],
  ] as const)
    assert.throws(() => withPlane(offsetBytes, strideBytes, rowCount), nonsense)
})

test('readFormat refuses a colour or fourcc that is none with EPROTO', () => {
  const words = page()
  writeFormat(words, BASE, usual, 1)
  for (let number = 0; number <= 6; number++) {
    words.write(BASE + 9, number)
    assert.equal(readFormat(words, BASE, CAPACITY)?.color === undefined, number === 0)
  }
  for (const number of [7, -1]) {
    words.write(BASE + 9, number)
    assert.throws(() => readFormat(words, BASE, CAPACITY), nonsense)
  }
  words.write(BASE + 9, 0)
  for (const number of [1, -1, 0x1f414141, 0x7f414141, 0x414141]) {
    words.write(BASE + 3, number)
    assert.throws(() => readFormat(words, BASE, CAPACITY), nonsense)
  }
})

test('Random words are a description within its buffer, or EPROTO', () => {
  const word = fc.oneof(
    fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    fc.integer({ min: 0, max: 8 }),
    fc.constantFrom(0x34324241, 16384, 16385, CAPACITY, -1),
  )
  const bytes = fc.array(word, { minLength: DESCRIPTOR_WORDS, maxLength: DESCRIPTOR_WORDS })
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read()
    } catch (error) {
      assert.ok(DmaBufError.is(error, 'EPROTO'), String(error))
      return undefined
    }
  }
  fc.assert(
    fc.property(bytes, (values) => {
      const words = page()
      values.forEach((value, index) => words.write(BASE + index, value))
      const read = attempt(() => readFacts(words, BASE, CAPACITY))
      if (read) assert.ok(read.lengthBytes <= CAPACITY && read.damage.length <= MAX_DAMAGE)
      // The number of planes and the colour are rarely right by chance.
      words.write(BASE + 8, (values[8]! & 3) + 1)
      words.write(BASE + 9, values[9]! & 3)
      words.write(BASE + 3, 0x34324241)
      const layout = attempt(() => readFormat(words, BASE, CAPACITY))
      for (const { offsetBytes, strideBytes, rowCount } of layout?.planes ?? [])
        assert.ok(offsetBytes + strideBytes * rowCount <= CAPACITY)
    }),
    { numRuns: 2000 },
  )
})

test('Damage lies within its frame: both sides of each edge, and anywhere without a format', () => {
  const { format } = layOutFormat({ fourcc: 'R8  ', width: 10, height: 4 })
  const read = (rectangle: Rectangle, of?: LaidOutFormat): unknown => {
    const words = page()
    writeFacts(words, BASE, 1, { lengthBytes: 1, timestampNs: 1, damage: [rectangle] })
    return readFacts(words, BASE, CAPACITY, of).damage[0]
  }
  const inside = [
    { x: 0, y: 0, width: 10, height: 4 },
    { x: 9, y: 3, width: 1, height: 1 },
    { x: 10, y: 4, width: 0, height: 0 },
  ]
  for (const rectangle of inside) assert.deepEqual(read(rectangle, format), rectangle)
  const outside = [
    { x: 0, y: 0, width: 11, height: 4 },
    { x: 0, y: 0, width: 10, height: 5 },
    { x: 9, y: 0, width: 2, height: 1 },
    { x: 0, y: 3, width: 1, height: 2 },
    { x: 2 ** 32 - 1, y: 0, width: 2, height: 1 },
  ]
  for (const rectangle of outside) {
    assert.throws(() => read(rectangle, format), {
      code: 'EPROTO',
      message: /damage beyond its frame/,
    })
    assert.deepEqual(read(rectangle), rectangle)
  }
})

test('What became of a fence is 0, 1 or -errno; anything else is EPROTO', () => {
  const words = page()
  for (const [stored, status] of [
    [0, 0],
    [1, 1],
    [-1, -1],
    [-4095, -4095],
    [-4096, -71],
    [2, -71],
    [2 ** 31 - 1, -71],
  ] as const) {
    storeFenceStatus(words, BASE, stored)
    assert.equal(loadFenceStatus(words, BASE), status)
  }
})

test('A buffer serial is any number of 32 bits', () => {
  const words = page()
  for (const serial of [1, 2 ** 31, 2 ** 32 - 1]) {
    writeBufferSerial(words, BASE, serial)
    assert.equal(readBufferSerial(words, BASE), serial)
  }
})
