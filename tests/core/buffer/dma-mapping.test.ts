// Goal: a table is mapped so that its device takes it, and unmapped whole.
// Method: known pages, and devices at both sides of each limit.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeviceConstraints, Direction } from '#src/core/buffer/device.js'
import { mapForDma, unmapForDma } from '#src/core/buffer/dma-mapping.js'
import { SgTable } from '#src/core/buffer/sg-table.js'
import { DmaBufError } from '#src/core/errors.js'

const device = (constraints: DeviceConstraints = {}) => ({ name: 'npu', constraints })

/** Four pages: three neighbours and one apart; an entry each. */
const table = () => SgTable.fromPages([16, 17, 18, 32], { merge: false })

const lengths = (mapped: SgTable) => mapped.segments.map(({ lengthBytes }) => lengthBytes / 4096)

test('mapForDma joins neighbours: fewer DMA entries than CPU entries [SG-1, SG-6]', () => {
  const mapped = table()
  mapForDma(mapped, { name: 'npu' }, 'to-device')
  assert.deepEqual([mapped.origNents, mapped.nents], [4, 2])
  assert.deepEqual(mapped.segments, [
    { address: 0x10000, lengthBytes: 3 * 4096 },
    { address: 0x20000, lengthBytes: 4096 },
  ])
})

test('After joining, the DMA side of an entry is not the memory of its CPU side [SG-2]', () => {
  const mapped = table()
  mapForDma(mapped, device(), 'to-device')
  const second = mapped.entry(1)
  assert.deepEqual([second.pageFrame, second.dmaAddress], [17, 0x20000])
  assert.deepEqual(
    [...mapped].map(({ pageFrame }) => pageFrame),
    [16, 17, 18, 32],
  )
})

const joins: readonly [DeviceConstraints, readonly number[]][] = [
  [{ maxSegmentBytes: 8191 }, [1, 1, 1, 1]],
  [{ maxSegmentBytes: 8192 }, [2, 1, 1]],
  [{ boundaryBytes: 0x2000 }, [2, 1, 1]],
  [{ boundaryBytes: 0x1000 }, [1, 1, 1, 1]],
  [{ boundaryBytes: 0x4000 }, [3, 1]],
]
for (const [constraints, expected] of joins)
  test(`mapForDma joins no further than ${JSON.stringify(constraints)} [SG-1]`, () => {
    const mapped = table()
    mapForDma(mapped, device(constraints), 'bidirectional')
    assert.deepEqual(lengths(mapped), expected)
  })

const limits: readonly [string, DeviceConstraints, DeviceConstraints][] = [
  ['EIO', { addressMask: 0x20fff }, { addressMask: 0x20ffe }],
  ['EINVAL', { maxSegments: 2 }, { maxSegments: 1 }],
  ['EINVAL', {}, { contiguous: true }],
  ['EINVAL', { maxSegmentBytes: 4096 }, { maxSegmentBytes: 4095 }],
  ['EINVAL', { alignBytes: 0x10000 }, { alignBytes: 0x20000 }],
  ['EINVAL', { boundaryBytes: 4096 }, { boundaryBytes: 2048 }],
]
for (const [code, good, bad] of limits)
  test(`mapForDma fails with ${code} for ${JSON.stringify(bad)}, and leaves no DMA side [ATT-24]`, () => {
    const mapped = table()
    mapForDma(mapped, device(good), 'from-device')
    unmapForDma(mapped, device(good), 'from-device')
    assert.throws(
      () => mapForDma(mapped, device(bad), 'from-device'),
      (error) => DmaBufError.is(error, code) && /^\w+: npu cannot take /.test(error.message),
    )
    assert.ok([...mapped].every(({ dmaLengthBytes }) => dmaLengthBytes === 0))
    assert.equal(mapped.nents, 4)
  })

test('unmapForDma clears the whole table, also behind the entries that were joined [SG-3]', () => {
  const mapped = table()
  mapForDma(mapped, device(), 'to-device')
  mapped.entry(3).dmaAddress = 1
  unmapForDma(mapped, device(), 'to-device')
  assert.equal(mapped.nents, mapped.origNents)
  assert.deepEqual(
    [...mapped].map(({ dmaAddress, dmaLengthBytes }) => [dmaAddress, dmaLengthBytes]),
    new Array(4).fill([0, 0]),
  )
})

for (const direction of ['none', undefined, 0])
  test(`A direction of ${direction} is a bug, for map and unmap [ATT-24]`, () => {
    for (const call of [mapForDma, unmapForDma])
      assert.throws(
        () => call(table(), device(), direction as Direction),
        (error) => DmaBufError.is(error, 'ERR_DMABUF_BUG') && error.rule === 'ATT-24',
      )
  })
