// Goal: the planes of a format are where every program expects them, for every size.
// Method: lengths worked out by hand for each fourcc, and properties over random sizes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  layOutFormat,
  MAX_SIDE_PIXELS,
  planeEnd,
  type FrameFormat,
} from '#src/core/frame/format.js'

/** For 5 x 3 pixels: [stride, rows] of each plane, tightly packed. */
const ODD: Readonly<Record<string, readonly (readonly [number, number])[]>> = {
  'R8  ': [[5, 3]],
  RG24: [[15, 3]],
  BG24: [[15, 3]],
  AB24: [[20, 3]],
  AR24: [[20, 3]],
  XB24: [[20, 3]],
  XR24: [[20, 3]],
  YUYV: [[12, 3]],
  UYVY: [[12, 3]],
  NV12: [
    [5, 3],
    [6, 2],
  ],
  NV21: [
    [5, 3],
    [6, 2],
  ],
  YU12: [
    [5, 3],
    [3, 2],
    [3, 2],
  ],
  YV12: [
    [5, 3],
    [3, 2],
    [3, 2],
  ],
}

const BITS_PER_PIXEL: Readonly<Record<string, number>> = {
  ...{ 'R8  ': 8, RG24: 24, BG24: 24, AB24: 32, AR24: 32, XB24: 32, XR24: 32 },
  ...{ YUYV: 16, UYVY: 16, NV12: 12, NV21: 12, YU12: 12, YV12: 12 },
}

function plane(offsetBytes: number, strideBytes: number, rowCount: number) {
  return { offsetBytes, strideBytes, rowCount }
}

for (const [fourcc, expected] of Object.entries(ODD)) {
  test(`layOutFormat packs ${fourcc} of odd size with whole samples`, () => {
    const { format, lengthBytes } = layOutFormat({ fourcc, width: 5, height: 3 })
    let offset = 0
    const planes = expected.map(([stride, rows]) => {
      const next = plane(offset, stride, rows)
      offset += stride * rows
      return next
    })
    assert.deepEqual(format, { fourcc, width: 5, height: 3, planes })
    assert.equal(lengthBytes, offset)
  })

  test(`layOutFormat of ${fourcc} of even size needs its bits and no more`, () => {
    const bits = BITS_PER_PIXEL[fourcc]!
    for (const [width, height] of [
      [2, 2],
      [640, 480],
      [MAX_SIDE_PIXELS, MAX_SIDE_PIXELS],
    ] as const)
      assert.equal(layOutFormat({ fourcc, width, height }).lengthBytes, (width * height * bits) / 8)
  })
}

test('layOutFormat packs planes of one buffer without gap or overlap, for every size [XCHG-2]', () => {
  const side = fc.integer({ min: 1, max: MAX_SIDE_PIXELS })
  fc.assert(
    fc.property(fc.constantFrom(...Object.keys(ODD)), side, side, (fourcc, width, height) => {
      const { format, lengthBytes } = layOutFormat({ fourcc, width, height })
      let end = 0
      for (const one of format.planes) {
        assert.equal(one.offsetBytes, end)
        end = planeEnd(one)
      }
      assert.equal(lengthBytes, end)
      assert.ok(lengthBytes * 8 >= width * height * BITS_PER_PIXEL[fourcc]!)
      assert.equal(format.planes[0]!.rowCount, height)
    }),
  )
})

test('layOutFormat takes sides of 1 to 16384 pixels', () => {
  for (const side of [1, 2, MAX_SIDE_PIXELS]) {
    layOutFormat({ fourcc: 'NV12', width: side, height: 1 })
    layOutFormat({ fourcc: 'NV12', width: 1, height: side })
  }
  assert.equal(layOutFormat({ fourcc: 'NV12', width: 1, height: 1 }).lengthBytes, 3)
  for (const side of [0, MAX_SIDE_PIXELS + 1, -1, 1.5, NaN, '8' as unknown as number]) {
    assert.throws(() => layOutFormat({ fourcc: 'NV12', width: side, height: 1 }), RangeError)
    assert.throws(() => layOutFormat({ fourcc: 'NV12', width: 1, height: side }), RangeError)
  }
})

test('layOutFormat refuses a fourcc that is not four printable characters', () => {
  for (const fourcc of ['', 'NV1', 'NV123', 'NV1\n', 'NV1é', 12, undefined] as string[])
    assert.throws(() => layOutFormat({ fourcc, width: 2, height: 2 }), TypeError)
})

test('layOutFormat takes an unknown fourcc with its planes, not without', () => {
  const unknown = { fourcc: 'P010', width: 2, height: 2 }
  assert.throws(() => layOutFormat(unknown), { code: 'EINVAL', operation: 'layOutFormat' })
  const planes = [plane(0, 4, 2)]
  assert.equal(layOutFormat({ ...unknown, planes }).lengthBytes, 8)
})

test('layOutFormat keeps planes as given, and needs the end of the last byte of any [XCHG-1]', () => {
  const planes = [plane(4096, 64, 2), plane(0, 128, 3)]
  const given: FrameFormat = {
    fourcc: 'NV12',
    modifier: 5n,
    width: 2,
    height: 2,
    planes,
    color: { range: 'full', matrix: 'bt709' },
  }
  const { format, lengthBytes } = layOutFormat(given)
  assert.deepEqual(format, given)
  assert.equal(lengthBytes, 4096 + 128)
})

test('layOutFormat tells linear from a layout that nobody knows, and keeps either [XCHG-3]', () => {
  const format = { fourcc: 'XB24', width: 4, height: 4 }
  const unknown = (1n << 56n) - 1n
  assert.equal(layOutFormat({ ...format, modifier: 0n }).format.modifier, 0n)
  assert.equal(layOutFormat({ ...format, modifier: unknown }).format.modifier, unknown)
  assert.equal('modifier' in layOutFormat(format).format, false)
})

test('layOutFormat takes one to four planes', () => {
  const planes = [0, 1, 2, 3, 4].map((index) => plane(index * 4, 4, 1))
  const base = { fourcc: 'AB24', width: 1, height: 1 }
  for (const count of [1, 4])
    assert.equal(layOutFormat({ ...base, planes: planes.slice(0, count) }).lengthBytes, count * 4)
  for (const count of [0, 5])
    assert.throws(() => layOutFormat({ ...base, planes: planes.slice(0, count) }), RangeError)
})

test('planeEnd is the first byte behind a plane', () => {
  assert.equal(planeEnd(plane(10, 4, 3)), 22)
  assert.equal(planeEnd(plane(0, 1, 1)), 1)
  assert.equal(planeEnd(plane(Number.MAX_SAFE_INTEGER - 1, 1, 1)), Number.MAX_SAFE_INTEGER)
})

test('planeEnd refuses numbers that are no plane', () => {
  const wrong = [
    plane(-1, 4, 3),
    plane(0, 0, 3),
    plane(0, 4, 0),
    plane(0, -4, 3),
    plane(0, 4, -3),
    plane(-8, -4, -3),
    plane(0.5, 4, 3),
    plane(0, 1.5, 2),
    plane(0, 4, NaN),
    plane(Number.MAX_SAFE_INTEGER, 1, 1),
    plane(0, 2 ** 32, 2 ** 32),
  ]
  for (const one of wrong) assert.throws(() => planeEnd(one), RangeError, JSON.stringify(one))
})

test('layOutFormat refuses a modifier beyond 64 bits and colours it does not know', () => {
  const format = { fourcc: 'YU12', width: 4, height: 4 }
  for (const modifier of [0n, (1n << 64n) - 1n])
    assert.equal(layOutFormat({ ...format, modifier }).format.modifier, modifier)
  for (const modifier of [-1n, 1n << 64n])
    assert.throws(() => layOutFormat({ ...format, modifier }), RangeError)
  const color = { range: 'full', matrix: 'bt709' } as const
  assert.deepEqual(layOutFormat({ ...format, color }).format.color, color)
  for (const wrong of [{ range: 'half' }, { matrix: 'bt9' }])
    assert.throws(
      () => layOutFormat({ ...format, color: { ...color, ...wrong } as never }),
      TypeError,
    )
})

test('A format says all that a picture needs besides its memory [XCHG-1]', () => {
  const { format } = layOutFormat({ fourcc: 'NV12', modifier: 0n, width: 640, height: 360 })
  assert.deepEqual(
    [format.fourcc, format.modifier, format.width, format.height],
    ['NV12', 0n, 640, 360],
  )
  const layout = format.planes.map(({ offsetBytes, strideBytes }) => [offsetBytes, strideBytes])
  assert.deepEqual(layout, [
    [0, 640],
    [640 * 360, 640],
  ])
})

test('Planes share one buffer at offsets of their own, in any order and with gaps [XCHG-2]', () => {
  const planes = [
    { offsetBytes: 4096, strideBytes: 64, rowCount: 32 },
    { offsetBytes: 0, strideBytes: 64, rowCount: 16 },
  ]
  const { format } = layOutFormat({ fourcc: 'NV12', width: 64, height: 32, planes })
  assert.deepEqual(format.planes, planes)
})

test('An absent modifier stays absent: not known is not linear [XCHG-3]', () => {
  const size = { fourcc: 'AB24', width: 4, height: 4 } as const
  assert.equal(layOutFormat(size).format.modifier, undefined)
  assert.equal(layOutFormat({ ...size, modifier: 0n }).format.modifier, 0n)
  const invalid = 0x00ffffffffffffffn
  assert.equal(layOutFormat({ ...size, modifier: invalid }).format.modifier, invalid)
})
