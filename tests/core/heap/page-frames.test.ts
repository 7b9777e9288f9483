// Goal: memory is put where devices reach it, is never given twice, and devices read what is there.
// Method: small memories by hand, random devices against an exhaustive search, and counts of work.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  combineConstraints,
  findContradiction,
  segmentProblem,
} from '#src/core/buffer/constraints.js'
import type { DeviceConstraints } from '#src/core/buffer/device.js'
import { DmaBufError } from '#src/core/errors.js'
import { dmaMemory, PageFrames, systemFrames } from '#src/core/heap/page-frames.js'
import { anyDevices, mostPages } from '../../helpers/placement-oracle.js'
import { Random } from '../../helpers/random.js'

const PAGE = 4096
const free = combineConstraints([])
const need = (constraints: DeviceConstraints) => combineConstraints([{ name: 'd', constraints }])

/** Memory whose bytes tell where in the buffer they are, in pages. */
const backing = {
  deviceBytes: (offset: number, lengthBytes: number) =>
    Uint8Array.from({ length: lengthBytes }, (_, index) => Math.floor((offset + index) / PAGE)),
}

const small = (pages = 16) => new PageFrames({ sizeBytes: pages * PAGE })

test('place takes the highest memory, in one run where it can', () => {
  const frames = small()
  const { segments } = frames.place(2 * PAGE, free, backing)
  assert.deepEqual(segments, [{ address: 15 * PAGE, lengthBytes: 2 * PAGE }])
  assert.equal(frames.freeBytes, 14 * PAGE)
})

test('place takes whole pages, one at least', () => {
  const frames = small()
  for (const [lengthBytes, expected] of [
    [0, 1],
    [1, 1],
    [4096, 1],
    [4097, 2],
  ] as const)
    // prettier-ignore
    assert.equal(
      frames.place(lengthBytes, free, backing).segments[0]!.lengthBytes,
      expected * PAGE,
    )
})

test('No buffer is at address 0', () => {
  const frames = small(1)
  assert.deepEqual(frames.place(1, free, backing).segments[0]!.address, PAGE)
})

const demands: readonly [DeviceConstraints, readonly (readonly [number, number])[]][] = [
  [{ maxSegmentBytes: 2 * PAGE }, [[13, 2], [15, 2]]], // prettier-ignore
  [{ addressMask: 5 * PAGE - 1 }, [[1, 4]]], // prettier-ignore
  [{ alignBytes: 8 * PAGE }, [[8, 4]]], // prettier-ignore
  [{ boundaryBytes: 4 * PAGE }, [[12, 4]]], // prettier-ignore
  [{ boundaryBytes: 2 * PAGE }, [[12, 2], [14, 2]]], // prettier-ignore
  [{ alignBytes: 4 * PAGE, maxSegmentBytes: 3 * PAGE }, [[12, 3], [16, 1]]], // prettier-ignore
]
for (const [constraints, expected] of demands)
  test(`place of 4 pages honours ${JSON.stringify(constraints)} [ATT-34]`, () => {
    const { segments } = small().place(4 * PAGE, need(constraints), backing)
    const pages = segments.map((run) => [run.address / PAGE, run.lengthBytes / PAGE])
    assert.deepEqual(pages, expected)
    assert.equal(segmentProblem(segments, constraints), undefined)
  })

test('place uses several holes where no single one is large enough, unless it must be one', () => {
  const frames = small(9)
  const taken = Array.from({ length: 9 }, () => frames.place(PAGE, free, backing))
  for (const index of [1, 3, 4]) taken[index]!.free()
  const isEnomem = (error: unknown) => DmaBufError.is(error, 'ENOMEM')
  assert.throws(() => frames.place(3 * PAGE, need({ contiguous: true }), backing), isEnomem)
  assert.equal(frames.freeBytes, 3 * PAGE)
  assert.equal(frames.place(3 * PAGE, free, backing).segments.length, 2)
})

test('place is ENOMEM where memory is short, and takes nothing then', () => {
  const frames = small(4)
  frames.place(PAGE, free, backing)
  assert.throws(
    () => frames.place(3 * PAGE + 1, free, backing),
    (error) => DmaBufError.is(error, 'ENOMEM'),
  )
  assert.equal(frames.freeBytes, 3 * PAGE)
  assert.equal(frames.place(3 * PAGE, free, backing).segments.length, 1)
})

test('free gives each frame back once, and neighbours become one again', () => {
  const frames = small(4)
  const placements = [0, 1, 2, 3].map(() => frames.place(PAGE, free, backing))
  for (const index of [0, 2, 1, 3, 1]) placements[index]!.free()
  assert.equal(frames.freeBytes, 4 * PAGE)
  assert.equal(placements[0]!.freed, true)
  assert.equal(frames.place(4 * PAGE, need({ contiguous: true }), backing).segments.length, 1)
})

test('promise counts buffers that are not placed yet, and is ENOMEM beyond the memory', () => {
  const frames = small(4)
  frames.promise(3 * PAGE)
  assert.throws(
    () => frames.promise(2 * PAGE),
    (error) => DmaBufError.is(error, 'ENOMEM'),
  )
  assert.equal(frames.promisedBytes, 3 * PAGE)
  frames.unpromise(PAGE)
  frames.promise(2 * PAGE)
})

for (const options of [
  { sizeBytes: 4095 },
  { startAddress: 1 },
  { startAddress: -4096 },
  { sizeBytes: 2 ** 54 },
])
  // prettier-ignore
  test(`PageFrames refuses ${JSON.stringify(options)}`, () => {
    assert.throws(() => new PageFrames(options), RangeError)
  })

test('memory is what the buffer has at that DMA address, across neighbouring runs [SG-6]', () => {
  const frames = small()
  const placement = frames.place(4 * PAGE, need({ maxSegmentBytes: 2 * PAGE }), backing)
  placement.map()
  const { address } = placement.segments[0]!
  assert.deepEqual([...frames.memory(address + PAGE - 1, 2)], [0, 1])
  assert.deepEqual([...frames.memory(address + 2 * PAGE - 1, 2)], [1, 2])
  assert.equal(frames.memory(address, 4 * PAGE).length, 4 * PAGE)
})

test('memory is EFAULT beside a buffer, and without a mapping [SG-6]', () => {
  const frames = small()
  const other = frames.place(PAGE, free, backing)
  const placement = frames.place(2 * PAGE, free, backing)
  const { address } = placement.segments[0]!
  const isEfault = (error: unknown) => DmaBufError.is(error, 'EFAULT')
  assert.throws(() => frames.memory(address, 1), isEfault)
  placement.map()
  other.map()
  assert.equal(frames.memory(address, 1).length, 1)
  for (const [at, length] of [
    [address - 1, 1],
    [address, 2 * PAGE + 1],
    [address, -1],
    [NaN, 1],
  ] as const)
    // prettier-ignore
    assert.throws(() => frames.memory(at, length), isEfault)
  placement.unmap()
  assert.throws(() => frames.memory(address, 1), isEfault)
  placement.free()
  assert.throws(() => frames.memory(address, 1), isEfault)
})

test('dmaMemory reads the memory of the system [SG-6]', () => {
  const placement = systemFrames.place(PAGE, free, backing)
  placement.map()
  assert.deepEqual([...dmaMemory(placement.segments[0]!.address, 2)], [0, 0])
  placement.free()
})

test('Segments of two lengths are mixed where neither length alone has room [ATT-34]', () => {
  const frames = new PageFrames({ sizeBytes: 39 * PAGE })
  // Fifteen pages are in reach, segments begin at even ones: two of three pages and three of two make twelve.
  const requirement = need({
    maxSegmentBytes: 3 * PAGE,
    maxSegments: 5,
    addressMask: 16 * PAGE - 1,
    alignBytes: 2 * PAGE,
  })
  const { segments } = frames.place(12 * PAGE, requirement, backing)
  const lengths = segments.map(({ lengthBytes }) => lengthBytes / PAGE)
  assert.deepEqual(lengths.sort(), [2, 2, 2, 3, 3])
})

test('Random devices get memory that suits each of them, or there is none [ATT-34]', () => {
  const range = { startAddress: PAGE, endAddress: 40 * PAGE }
  fc.assert(
    fc.property(anyDevices, fc.integer({ min: 1, max: 12 }), (devices, pages) => {
      const frames = new PageFrames({ sizeBytes: 39 * PAGE })
      const requirement = combineConstraints(devices)
      const contradiction = findContradiction(devices, pages * PAGE, frames.range)
      let segments
      try {
        segments = frames.place(pages * PAGE, requirement, backing).segments
      } catch (error) {
        assert.ok(DmaBufError.is(error, 'ENOMEM'))
        assert.equal(frames.freeBytes, frames.sizeBytes)
        assert.ok(mostPages(devices, range) < pages, 'An exhaustive search finds room')
        return
      }
      assert.equal(contradiction, undefined)
      for (const { constraints } of devices)
        assert.equal(segmentProblem(segments, constraints), undefined)
      assert.equal(
        segments.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
        pages * PAGE,
      )
    }),
    { numRuns: 3000 },
  )
})

test('Random placing and freeing never gives a frame twice and loses none', (t) => {
  const seed = Date.now() % 1e6
  t.diagnostic(`seed ${seed}`)
  const random = new Random(seed)
  const frames = new PageFrames({ sizeBytes: 64 * PAGE })
  const live = new Set<ReturnType<PageFrames['place']>>()
  for (let step = 0; step < 4000; step++) {
    if (random.chance(0.55)) {
      const maxSegmentBytes = random.pick([PAGE, 3 * PAGE, 64 * PAGE])
      try {
        live.add(frames.place((1 + random.below(9)) * PAGE, need({ maxSegmentBytes }), backing))
      } catch (error) {
        assert.ok(DmaBufError.is(error, 'ENOMEM'))
      }
    } else if (live.size > 0) {
      const placement = random.pick([...live])
      placement.free()
      live.delete(placement)
    }
    const pages = [...live].flatMap(({ segments }) =>
      segments.flatMap(({ address, lengthBytes }) =>
        Array.from({ length: lengthBytes / PAGE }, (_, index) => address / PAGE + index),
      ),
    )
    assert.equal(new Set(pages).size, pages.length)
    assert.equal(frames.freeBytes, (64 - pages.length) * PAGE)
  }
})

test('A hundred thousand places are found one by one and become one free run again', (t) => {
  const seed = Date.now() % 1e6
  t.diagnostic(`seed ${seed}`)
  const random = new Random(seed)
  const count = 100_000
  const frames = new PageFrames({ sizeBytes: count * PAGE })
  const placements = Array.from({ length: count }, () => frames.place(PAGE, free, backing))
  assert.equal(frames.freeBytes, 0)
  const [one] = placements[count / 2]!.segments
  placements[count / 2]!.map()
  assert.equal(frames.memory(one!.address, PAGE).length, PAGE)
  for (let left = count; left > 0; left--) {
    const index = random.below(left)
    placements[index]!.free()
    placements[index] = placements[left - 1]!
  }
  const [whole, ...others] = frames.place(count * PAGE, free, backing).segments
  assert.deepEqual([whole!.lengthBytes, others], [count * PAGE, []])
})
