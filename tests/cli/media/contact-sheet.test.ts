// Goal: a clip of any length becomes one PNG whose pictures are spread evenly over it, within bounded memory.
// Method: flat grey frames whose brightness is their number; fast-png's own decoder reads the sheet back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from 'fast-png'
import { ContactSheet, MAX_PICTURES } from '#src/cli/media/contact-sheet.js'
import { packedLengthBytes, packedPlanes } from '#src/cli/media/yu12.js'

const MARGIN = 12
const FORMAT = { width: 32, height: 16, range: 'full' } as const
const planes = packedPlanes(FORMAT)

function frameOf(brightness: number) {
  const bytes = new Uint8Array(packedLengthBytes(FORMAT)).fill(128)
  return { bytes: bytes.fill(brightness, 0, FORMAT.width * FORMAT.height), planes }
}

function sheetOf(frameCount: number, brightnessOf = (index: number) => index): ContactSheet {
  const sheet = new ContactSheet(FORMAT)
  for (let index = 0; index < frameCount; index += 1) sheet.offer(frameOf(brightnessOf(index)))
  return sheet
}

/** The brightness of each picture, left to right, top to bottom, and the sheet's size. */
function readSheet(sheet: ContactSheet, { width: cellWidth, height: cellHeight } = FORMAT) {
  const png = sheet.encode()
  assert.ok(png)
  const { width, height, data } = decode(png)
  const columnCount = (width - MARGIN) / (cellWidth + MARGIN)
  const rowCount = (height - MARGIN) / (cellHeight + MARGIN)
  const pictures = Array.from({ length: columnCount * rowCount }, (_, index) => {
    const left = MARGIN + (index % columnCount) * (cellWidth + MARGIN)
    const top = MARGIN + Math.floor(index / columnCount) * (cellHeight + MARGIN)
    return data[(top * width + left) * 3]
  })
  return { columnCount, rowCount, pictures, data, width, height }
}

test('ContactSheet.encode without any frame gives nothing', () => {
  assert.equal(sheetOf(0).encode(), undefined)
})

for (const [frameCount, columns, rows] of [
  [1, 1, 1],
  [2, 2, 1],
  [3, 3, 1],
  [4, 2, 2],
  [5, 2, 2],
  [6, 3, 2],
  [8, 4, 2],
  [9, 3, 3],
  [12, 4, 3],
  [15, 4, 3],
  [16, 4, 4],
  [1000, 4, 4],
] as const) {
  test(`ContactSheet.encode lays ${frameCount} frames out as ${columns} by ${rows}`, () => {
    const { columnCount, rowCount } = readSheet(sheetOf(frameCount, () => 0))
    assert.deepEqual([columnCount, rowCount], [columns, rows])
  })
}

test('ContactSheet.encode shows the pictures in order, the first and the last among them', () => {
  assert.deepEqual(readSheet(sheetOf(4)).pictures, [0, 1, 2, 3])
  assert.deepEqual(readSheet(sheetOf(5)).pictures, [0, 1, 3, 4])
})

for (const frameCount of [17, 32, 33, 40, 64, 65, 150, 255]) {
  test(`ContactSheet.encode spreads its pictures evenly over ${frameCount} frames`, () => {
    const { pictures } = readSheet(sheetOf(frameCount))
    const gaps = pictures.slice(1).map((index, at) => index! - pictures[at]!)
    assert.equal(pictures[0], 0)
    const step = (frameCount - 1) / (MAX_PICTURES - 1)
    assert.ok(Math.min(...gaps) > step / 3 && Math.max(...gaps) < step * 2, gaps.join(' '))
    assert.ok(frameCount - 1 - pictures.at(-1)! <= step)
  })
}

test('ContactSheet.offer never keeps more than twice what a sheet shows', () => {
  const sheet = new ContactSheet(FORMAT)
  let most = 0
  for (let index = 0; index < 1000; index += 1) {
    sheet.offer(frameOf(0))
    most = Math.max(most, sheet.collectedCount)
  }
  assert.equal(most, 2 * MAX_PICTURES)
})

test('ContactSheet.offer takes every frame at first and fewer and fewer later', () => {
  const sheet = new ContactSheet(FORMAT)
  const taken: number[] = []
  for (let index = 0; index < 100; index += 1) if (sheet.offer(frameOf(0))) taken.push(index)
  assert.deepEqual(taken.slice(30, 36), [30, 31, 32, 34, 36, 38])
  assert.deepEqual(taken.slice(-3), [88, 92, 96])
})

test('ContactSheet.offer reads the frame at once: its bytes may change afterwards', () => {
  const sheet = new ContactSheet(FORMAT)
  const frame = frameOf(200)
  sheet.offer(frame)
  frame.bytes.fill(0)
  assert.deepEqual(readSheet(sheet).pictures, [200])
})

test('ContactSheet.encode has a dark margin all around', () => {
  const { data, width, height } = readSheet(sheetOf(1, () => 255))
  const redAt = (x: number, y: number) => data[(y * width + x) * 3]
  assert.equal(redAt(MARGIN - 1, MARGIN), 22)
  assert.equal(redAt(MARGIN, MARGIN - 1), 22)
  assert.equal(redAt(width - MARGIN - 1, height - MARGIN - 1), 255)
  assert.equal(redAt(width - MARGIN, height - MARGIN - 1), 22)
  assert.equal(redAt(0, 0), 22)
  assert.equal(redAt(width - 1, height - 1), 22)
  assert.equal(redAt(width - MARGIN, MARGIN + 3), 22)
})

test('ContactSheet reduces the longer side of a large frame to 320 and leaves a small one', () => {
  const pngSize = (width: number, height: number) => {
    const format = { width, height, range: 'full' } as const
    const sheet = new ContactSheet(format)
    const bytes = new Uint8Array(packedLengthBytes(format))
    sheet.offer({ bytes, planes: packedPlanes(format) })
    const png = decode(sheet.encode()!)
    return [png.width - 2 * MARGIN, png.height - 2 * MARGIN]
  }
  assert.deepEqual(pngSize(640, 360), [320, 180])
  assert.deepEqual(pngSize(360, 640), [180, 320])
  assert.deepEqual(pngSize(64, 48), [64, 48])
  assert.deepEqual(pngSize(2000, 2), [320, 1])
})
