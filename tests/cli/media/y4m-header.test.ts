// Goal: what we can show is accepted, and everything else is refused in one clear line.
// Method: header lines by hand, on both sides of every limit.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseY4mHeader } from '#src/cli/media/y4m-header.js'

const SIZE = 'YUV4MPEG2 W640 H360'

function refuses(line: string, message: string | RegExp): void {
  assert.throws(() => parseY4mHeader(line), { name: 'InputError', message })
}

test('parseY4mHeader reads size, rate and range among tags it does not need', () => {
  const line = `${SIZE} F30000:1001 Ip A1:1 C420mpeg2 XYSCSS=420MPEG2 XCOLORRANGE=FULL`
  assert.deepEqual(parseY4mHeader(line), {
    width: 640,
    height: 360,
    frameRate: { numerator: 30000, denominator: 1001 },
    range: 'full',
  })
})

test('parseY4mHeader takes 4:2:0, limited range and no rate where nothing is said', () => {
  assert.deepEqual(parseY4mHeader(SIZE), {
    width: 640,
    height: 360,
    frameRate: undefined,
    range: 'limited',
  })
})

test('parseY4mHeader accepts the tags in any order, with more than one space between', () => {
  const { width, height } = parseY4mHeader('YUV4MPEG2  C420  H2 W4')
  assert.deepEqual({ width, height }, { width: 4, height: 2 })
})

test('parseY4mHeader reads a color range in front of other X tags', () => {
  assert.equal(parseY4mHeader(`${SIZE} XCOLORRANGE=FULL XA=1`).range, 'full')
  assert.equal(parseY4mHeader(`${SIZE} XCOLORRANGE=LIMITED`).range, 'limited')
})

test('parseY4mHeader refuses a color range that is neither', () => {
  refuses(`${SIZE} XCOLORRANGE=TINY`, 'unknown color range in the Y4M header: TINY')
})

for (const chroma of ['420', '420jpeg', '420paldv', '420mpeg2']) {
  test(`parseY4mHeader accepts C${chroma}`, () => {
    assert.equal(parseY4mHeader(`${SIZE} C${chroma}`).width, 640)
  })
}

for (const chroma of ['444', '422', 'mono', '420p10', '411', '']) {
  test(`parseY4mHeader refuses C${chroma} and says how to convert`, () => {
    refuses(
      `${SIZE} C${chroma}`,
      `unsupported chroma C${chroma}: only 4:2:0 8 bit (C420, C420jpeg, C420paldv, C420mpeg2); ` +
        'convert with: ffmpeg -i in -pix_fmt yuv420p out.y4m',
    )
  })
}

test('parseY4mHeader accepts sides from 1 to 16384', () => {
  const { width, height } = parseY4mHeader('YUV4MPEG2 W1 H16384')
  assert.deepEqual([width, height], [1, 16384])
})

for (const side of ['0', '-640', '16385', '99999999999999999999', '64.5', '0x40', 'abc', '']) {
  test(`parseY4mHeader refuses the width ${JSON.stringify(side)}`, () => {
    refuses(`YUV4MPEG2 W${side} H360`, `bad width in the Y4M header: W${side}`)
  })
}

test('parseY4mHeader refuses a bad height', () => {
  refuses('YUV4MPEG2 W640 H0', 'bad height in the Y4M header: H0')
})

test('parseY4mHeader refuses a missing side', () => {
  refuses('YUV4MPEG2 H360', 'no width (W) in the Y4M header')
  refuses('YUV4MPEG2 W640', 'no height (H) in the Y4M header')
})

test('parseY4mHeader accepts up to 1000 frames per second, and less than one', () => {
  assert.deepEqual(parseY4mHeader(`${SIZE} F1:2`).frameRate, { numerator: 1, denominator: 2 })
  assert.equal(parseY4mHeader(`${SIZE} F1000:1`).frameRate?.numerator, 1000)
})

for (const rate of ['0:0', '0:1', '25:0', '25', '25:', '-25:1', '1001:1', 'abc', '1e3:1', '']) {
  test(`parseY4mHeader refuses the frame rate ${JSON.stringify(rate)}`, () => {
    refuses(`${SIZE} F${rate}`, `bad frame rate in the Y4M header: F${rate}`)
  })
}

test('parseY4mHeader puts no control character and no endless text into its message', () => {
  refuses(`${SIZE} C\x1b[2J${'x'.repeat(500)}`, /^unsupported chroma C\?\[2Jx{28}: only/)
})
