// Goal: a table describes exactly its pages, and its links carry real bits.
// Method: tables of known pages, read back entry by entry; both sides of the size of a chunk.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ENTRIES_PER_CHUNK,
  LINK_CHAIN,
  LINK_END,
  mangleLinks,
  SgTable,
} from '#src/core/buffer/sg-table.js'
import { DmaBufError } from '#src/core/errors.js'

const isEinval = (operation: string) => (error: unknown) =>
  DmaBufError.is(error, 'EINVAL') && error.rule === 'SG-4' && error.operation === operation

/** Page frames that are never neighbours. */
const apart = (count: number) => Array.from({ length: count }, (_, index) => 2 * index + 1)

const cpuSide = (table: SgTable) =>
  [...table].map(({ pageFrame, offset, lengthBytes }) => [pageFrame, offset, lengthBytes])

test('SgTable.fromPages makes one entry of neighbouring pages [SG-5]', () => {
  const table = SgTable.fromPages([7, 8, 9, 20, 22, 23])
  assert.deepEqual(cpuSide(table), [
    [7, 0, 3 * 4096],
    [20, 0, 4096],
    [22, 0, 2 * 4096],
  ])
})

test('SgTable.fromPages makes an entry for each page where it is told not to merge [SG-5]', () => {
  const table = SgTable.fromPages([7, 8, 20], { merge: false })
  assert.deepEqual(cpuSide(table), [
    [7, 0, 4096],
    [8, 0, 4096],
    [20, 0, 4096],
  ])
})

test('SgTable.fromPages merges up to maxSegmentBytes and no further', () => {
  const at = (maxSegmentBytes: number) => cpuSide(SgTable.fromPages([1, 2, 3], { maxSegmentBytes }))
  assert.deepEqual(at(8191), [[1, 0, 4096], [2, 0, 4096], [3, 0, 4096]]) // prettier-ignore
  assert.deepEqual(at(8192), [[1, 0, 8192], [3, 0, 4096]]) // prettier-ignore
})

test('SgTable.fromPages begins at an offset in the first page and ends with the length', () => {
  const table = SgTable.fromPages([5, 9], { offsetBytes: 100, lengthBytes: 5000 })
  assert.deepEqual(cpuSide(table), [
    [5, 100, 3996],
    [9, 0, 1004],
  ])
})

test('SgTable.fromPages with an offset and no length takes the rest of the pages', () => {
  assert.deepEqual(cpuSide(SgTable.fromPages([5, 9], { offsetBytes: 100 })), [
    [5, 100, 3996],
    [9, 0, 4096],
  ])
})

test('SgTable.fromRuns makes an entry for each run, also inside a page', () => {
  const table = SgTable.fromRuns([
    { address: 0x5000, lengthBytes: 8192 },
    { address: 2 ** 40 + 16, lengthBytes: 32 },
  ])
  assert.deepEqual(cpuSide(table), [
    [5, 0, 8192],
    [2 ** 28, 16, 32],
  ])
})

const refused: readonly [string, () => SgTable][] = [
  ['no pages', () => SgTable.fromPages([])],
  ['no bytes', () => SgTable.fromPages([1], { lengthBytes: 0 })],
  ['an offset beyond the first page', () => SgTable.fromPages([1, 2], { offsetBytes: 4096 })],
  ['a negative offset', () => SgTable.fromPages([1], { offsetBytes: -1 })],
  ['more bytes than the pages hold', () => SgTable.fromPages([1], { lengthBytes: 4097 })],
]
for (const [what, build] of refused)
  test(`A table of ${what} is EINVAL [SG-4]`, () => {
    assert.throws(build, isEinval('SgTable.fromPages'))
  })

test('A table of no runs is EINVAL [SG-4]', () => {
  assert.throws(() => SgTable.fromRuns([]), isEinval('SgTable'))
})

test('A new table has as many DMA entries as CPU entries [SG-1]', () => {
  const table = SgTable.fromPages(apart(3))
  assert.deepEqual([table.origNents, table.nents], [3, 3])
})

const chunkCases: readonly [number, readonly number[]][] = [
  [1, [1]],
  [127, [127]],
  [128, [128]],
  [129, [128, 2]],
  [255, [128, 128]],
  [256, [128, 128, 2]],
]
for (const [count, slots] of chunkCases)
  test(`A table of ${count} entries takes chunks of ${slots.join(' and ')} slots [SG-4]`, () => {
    const table = SgTable.fromPages(apart(count))
    assert.deepEqual(
      table.chunks.map((chunk) => chunk.length),
      slots,
    )
    assert.ok(slots.every((length) => length <= ENTRIES_PER_CHUNK))
    assert.equal([...table].length, count)
    for (let index = 0; index < count; index++)
      assert.equal(table.entry(index).pageFrame, 2 * index + 1)
  })

test('The last slot of a full chunk is a chain link, the last entry bears the end mark [SG-4]', () => {
  const { chunks } = SgTable.fromPages(apart(129))
  const marks = chunks.map((chunk) => chunk.map(({ pageLink }) => pageLink % 4))
  const chained = [...new Array<number>(127).fill(0), LINK_CHAIN]
  assert.deepEqual(marks, [chained, [0, LINK_END]])
})

test('A chain link stands for no bytes and points at the chunk after its own [SG-4]', () => {
  const { chunks } = SgTable.fromPages(apart(300))
  const links = chunks.slice(0, -1).map((chunk) => chunk.at(-1)!)
  assert.deepEqual(
    links.map(({ pageFrame, offset, lengthBytes }) => [pageFrame, offset, lengthBytes]),
    [
      [1, 0, 0],
      [2, 0, 0],
    ],
  )
})

test('A walk over the entries ends at the one marked last, wherever the mark is [SG-3]', () => {
  const table = SgTable.fromPages(apart(3))
  table.entry(1).pageLink += LINK_END
  assert.equal([...table].length, 2)
})

test('SgTable.entry refuses an index outside of the table', () => {
  const table = SgTable.fromPages(apart(129))
  for (const index of [-1, 129, 0.5]) assert.throws(() => table.entry(index), RangeError)
})

test('mangleLinks flips each bit above the low 8 and no other, and undoes itself [ATT-19, PORT-10]', () => {
  const table = SgTable.fromPages(apart(200))
  const links = () => [...table].map(({ pageLink }) => BigInt(pageLink))
  const before = links()
  const ones = (1n << 53n) - 256n
  mangleLinks(table)
  assert.deepEqual(
    links(),
    before.map((link) => link ^ ones),
  )
  mangleLinks(table)
  assert.deepEqual(links(), before)
})

test('A mangled table keeps its chain, its end and its DMA side [ATT-19]', () => {
  const table = SgTable.fromPages(apart(200))
  table.entry(0).dmaAddress = 4096
  table.entry(0).dmaLengthBytes = 8192
  const chains = table.chunks.map((chunk) => chunk.at(-1)!.pageLink)
  mangleLinks(table)
  assert.equal([...table].length, 200)
  assert.equal(table.chunks[0]!.at(-1)!.pageLink, chains[0])
  assert.notEqual(table.entry(0).pageFrame, 1)
  assert.deepEqual([table.entry(0).dmaAddress, table.entry(0).dmaLengthBytes], [4096, 8192])
})

test('SgTable.segments shows the DMA side only, as far as nents [SG-3, SG-6]', () => {
  const table = SgTable.fromPages(apart(3))
  const segments = [
    { address: 0x10000, lengthBytes: 4096 },
    { address: 0x30000, lengthBytes: 8192 },
  ]
  table.setSegments(segments)
  assert.deepEqual([table.nents, table.origNents], [2, 3])
  assert.deepEqual(table.segments, segments)
  const dma = [...table].map(({ dmaAddress, dmaLengthBytes }) => [dmaAddress, dmaLengthBytes])
  assert.deepEqual(dma, [[0x10000, 4096], [0x30000, 8192], [0, 0]]) // prettier-ignore
})

test('SgTable.segments follows entries that an exporter fills itself [SG-6]', () => {
  const table = SgTable.fromPages(apart(1))
  table.entry(0).dmaAddress = 0x70000
  table.entry(0).dmaLengthBytes = 4096
  assert.deepEqual(table.segments, [{ address: 0x70000, lengthBytes: 4096 }])
})

test('SgTable.segments is one list until the DMA side changes', () => {
  const table = SgTable.fromPages(apart(2))
  const before = table.segments
  assert.equal(table.segments, before)
  table.setSegments([{ address: 4096, lengthBytes: 8192 }])
  assert.deepEqual(table.segments, [{ address: 4096, lengthBytes: 8192 }])
})

test('SgTable.clearSegments forgets the DMA side of every entry [SG-3]', () => {
  const table = SgTable.fromPages(apart(2))
  table.setSegments([{ address: 4096, lengthBytes: 8192 }])
  table.entry(1).dmaLengthBytes = 9
  table.clearSegments()
  assert.equal(table.nents, 2)
  assert.ok(table.segments.every(({ lengthBytes }) => lengthBytes === 0))
})
