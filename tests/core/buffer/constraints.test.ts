// Goal: constraints of several devices are one requirement, or those that contradict each other are named.
// Method: pairs at both sides of the border; random devices against an exhaustive search of a small memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  checkConstraints,
  claimsText,
  combineConstraints,
  findContradiction,
  segmentProblem,
} from '#src/core/buffer/constraints.js'
import type { Device, DeviceConstraints } from '#src/core/buffer/device.js'
import { anyDevices, mostPages } from '../../helpers/placement-oracle.js'

const camera = (constraints: DeviceConstraints): Device => ({ name: 'camera', constraints })
const display = (constraints: DeviceConstraints): Device => ({ name: 'display', constraints })

test('combineConstraints takes the strictest of each kind [ATT-34]', () => {
  const devices = [
    camera({ maxSegmentBytes: 65536, addressMask: 0xffffffff, alignBytes: 4096, coherent: false }),
    { name: 'free' },
    display({ maxSegmentBytes: 8192, maxSegments: 9, boundaryBytes: 65536, alignBytes: 16384 }),
  ]
  const expected = {
    maxSegmentBytes: 8192,
    maxSegments: 9,
    boundaryBytes: 65536,
    lastAddress: 0xffffffff,
    alignBytes: 16384,
    coherent: false,
  }
  assert.deepEqual(combineConstraints(devices), expected)
  assert.deepEqual(combineConstraints(devices.toReversed()), expected)
})

test('combineConstraints of devices without limits asks for whole pages only', () => {
  assert.deepEqual(combineConstraints([{ name: 'a' }, camera({})]), {
    maxSegmentBytes: Infinity,
    maxSegments: Infinity,
    boundaryBytes: Infinity,
    lastAddress: Infinity,
    alignBytes: 4096,
    coherent: true,
  })
})

test('A contiguous device allows one segment, whatever others allow', () => {
  const devices = [camera({ contiguous: true }), display({ maxSegments: 4 })]
  assert.equal(combineConstraints(devices).maxSegments, 1)
})

const MIB = 2 ** 20
const pairs: readonly [string, DeviceConstraints, DeviceConstraints, DeviceConstraints][] = [
  [
    'camera (contiguous) and display (maxSegmentBytes 1048575)',
    { contiguous: true },
    { maxSegmentBytes: MIB },
    { maxSegmentBytes: MIB - 1 },
  ],
  [
    'camera (maxSegments 4) and display (boundaryBytes 131072)',
    { maxSegments: 4 },
    { boundaryBytes: MIB / 4 },
    { boundaryBytes: MIB / 8 },
  ],
  [
    'camera (addressMask 0x1fffff) and display (alignBytes 2097152)',
    { addressMask: 2 * MIB - 1 },
    { alignBytes: MIB },
    { alignBytes: 2 * MIB },
  ],
]
for (const [text, one, good, bad] of pairs)
  test(`findContradiction names ${text} [ATT-6]`, () => {
    const range = { startAddress: 4096, endAddress: 2 ** 40 }
    const others = [{ name: 'free' }, camera({ maxSegmentBytes: 2 * MIB })]
    const find = (constraints: DeviceConstraints) =>
      findContradiction([...others, camera(one), display(constraints)], MIB, range)
    assert.equal(find(good), undefined)
    assert.equal(claimsText(find(bad)!), text)
  })

test('findContradiction names one device alone where that is enough', () => {
  const claims = findContradiction([display({}), camera({ boundaryBytes: 2048 })], 4096)
  assert.equal(claimsText(claims!), 'camera (boundaryBytes 2048)')
})

test('findContradiction names one of several devices where the others have nothing to do with it', () => {
  const devices = [display({ maxSegments: 4 }), camera({ boundaryBytes: 2048 })]
  assert.equal(claimsText(findContradiction(devices, 4096)!), 'camera (boundaryBytes 2048)')
})

test('findContradiction knows all addresses that a number holds, and no more', () => {
  assert.equal(findContradiction([{ name: 'free' }], 2 ** 53), undefined)
  const claims = findContradiction([{ name: 'free' }], 2 ** 53 + 4096)!
  assert.equal(claimsText(claims), 'nobody')
})

test('findContradiction of no bytes is none, even where no address can be reached', () => {
  const range = { startAddress: 8192, endAddress: 2 ** 20 }
  assert.equal(findContradiction([camera({ addressMask: 1 })], 0, range), undefined)
})

const claimed: readonly [string, DeviceConstraints, DeviceConstraints][] = [
  ['camera (maxSegments 1)', { maxSegments: 1 }, { contiguous: true }],
  ['camera (contiguous)', { contiguous: true }, { maxSegments: 1 }],
  ['camera (maxSegments 1)', { maxSegments: 1 }, { maxSegments: 1 }],
  ['display (maxSegments 1)', { maxSegments: 2 }, { maxSegments: 1 }],
  ['display (contiguous)', { maxSegments: 2 }, { contiguous: true }],
]
for (const [text, one, other] of claimed)
  test(`findContradiction names ${text} of ${JSON.stringify([one, other])}: the strictest, or the first`, () => {
    const npu = { name: 'npu', constraints: { maxSegmentBytes: 4096 } }
    const claims = findContradiction([camera(one), display(other), npu], 3 * 4096)
    assert.equal(claimsText(claims!), `${text} and npu (maxSegmentBytes 4096)`)
  })

test('findContradiction counts what fits behind the last whole step of an alignment, too', () => {
  const devices = [camera({ alignBytes: 0x8000 }), display({ maxSegmentBytes: 4096 })]
  const range = { startAddress: 0, endAddress: 0x9000 }
  assert.equal(findContradiction(devices, 8192, range), undefined)
  assert.equal(findContradiction(devices, 8193, range)?.length, 2)
})

test('findContradiction counts whole pages up to the last address that a device drives', () => {
  const range = { startAddress: 4096, endAddress: 2 ** 20 }
  const find = (addressMask: number) => findContradiction([camera({ addressMask })], 4096, range)
  assert.equal(find(0x1fff), undefined)
  assert.equal(claimsText(find(0x1ffe)!), 'camera (addressMask 0x1ffe)')
})

test('findContradiction names the first of devices that want the same alignment', () => {
  const aligned = { alignBytes: 8192 }
  const npu = { name: 'npu', constraints: { addressMask: 0x1fff } }
  const range = { startAddress: 4096, endAddress: 2 ** 20 }
  assert.equal(
    claimsText(findContradiction([camera(aligned), display(aligned), npu], 4096, range)!),
    'camera (alignBytes 8192) and npu (addressMask 0x1fff)',
  )
})

test('findContradiction names three where no two of them contradict each other', () => {
  const devices = [
    camera({ addressMask: 0xffff }),
    display({ alignBytes: 0x8000 }),
    { name: 'npu', constraints: { maxSegmentBytes: 4096 } },
  ]
  assert.equal(findContradiction(devices, 8192), undefined)
  assert.equal(
    claimsText(findContradiction(devices, 8193)!),
    'camera (addressMask 0xffff), display (alignBytes 32768) and npu (maxSegmentBytes 4096)',
  )
})

test('What findContradiction names is true: an exhaustive search finds no memory [ATT-6, ATT-34]', () => {
  fc.assert(
    fc.property(anyDevices, fc.integer({ min: 1, max: 12 }), (devices, pages) => {
      const range = { startAddress: 4096, endAddress: 40 * 4096 }
      const claims = findContradiction(devices, pages * 4096, range)
      if (claims === undefined) return
      const named = claims.map(({ device, constraint, value }) => {
        const real = device.constraints?.[constraint]
        assert.equal(real, value)
        return { name: device.name, constraints: { [constraint]: value } }
      })
      assert.ok(mostPages(named, range) < pages, claimsText(claims))
    }),
    { numRuns: 2000 },
  )
})

const segments = [
  { address: 0x10000, lengthBytes: 8192 },
  { address: 0x30000, lengthBytes: 4096 },
]
const limits: readonly [string, DeviceConstraints, DeviceConstraints][] = [
  ['2 segments: it needs one', { contiguous: false }, { contiguous: true }],
  ['2 segments of 1', { maxSegments: 2 }, { maxSegments: 1 }],
  [
    '4096 bytes at 0x30000: its addressMask is 0x30ffe',
    { addressMask: 0x30fff },
    { addressMask: 0x30ffe },
  ],
  [
    '8192 bytes at 0x10000: its maxSegmentBytes is 8191',
    { maxSegmentBytes: 8192 },
    { maxSegmentBytes: 8191 },
  ],
  [
    '4096 bytes at 0x30000: its alignBytes is 131072',
    { alignBytes: 65536 },
    { alignBytes: 131072 },
  ],
  [
    '8192 bytes at 0x10000: its boundaryBytes is 4096',
    { boundaryBytes: 8192 },
    { boundaryBytes: 4096 },
  ],
]
for (const [text, good, bad] of limits)
  test(`segmentProblem finds ${text} [ATT-6]`, () => {
    const atFault = 'alignBytes' in bad ? segments.toReversed() : segments
    assert.equal(segmentProblem(segments, good), undefined)
    const [constraint] = Object.keys(bad)
    assert.deepEqual(segmentProblem(atFault, bad), { constraint, text })
  })

test('segmentProblem finds nothing where nothing is limited', () => {
  assert.equal(segmentProblem(segments, undefined), undefined)
  assert.equal(segmentProblem([{ address: 1, lengthBytes: 1 }], { contiguous: true }), undefined)
})

const meaningless: readonly DeviceConstraints[] = [
  { maxSegmentBytes: 0 },
  { maxSegments: 1.5 },
  { addressMask: -1 },
  { boundaryBytes: 4097 },
  { alignBytes: 3 },
  { alignBytes: 0.5 },
]
for (const constraints of meaningless)
  test(`checkConstraints refuses ${JSON.stringify(constraints)}`, () => {
    const message = new RegExp(`^${Object.keys(constraints).join()} of camera must be `)
    assert.throws(() => checkConstraints(camera(constraints)), { name: 'RangeError', message })
  })

test('checkConstraints takes what has a meaning', () => {
  checkConstraints({ name: 'free' })
  checkConstraints(camera({}))
  checkConstraints(
    camera({ maxSegmentBytes: 1, maxSegments: 1, boundaryBytes: 1, alignBytes: 1, addressMask: 1 }),
  )
})
