// Goal: only whole pages of a buffer can be mapped, and an area that was pointed at a buffer keeps it.
// Method: areas on both sides of every bound, an exporter that notes and fails, counted files.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MapArea } from '#src/core/buffer/map-area.js'
import { mapFile, mmapBuffer } from '#src/core/buffer/mmap.js'
import { BufferRig, type BufferRigOptions } from '../../helpers/buffer-rig.js'
import { errorCode } from '../../helpers/error-code.js'
import { collectWarnings } from '../../helpers/warnings.js'

const PAGE = 4096
const mmap = (): void => {}

/** The errno of mapping these pages of the file itself, and of an importer's doing so. */
async function codes(rig: BufferRig, pageOffset: number, pages: number): Promise<string[]> {
  using own = new MapArea(pages, pageOffset)
  using forwarded = new MapArea(pages, 1000)
  return [
    await errorCode(() => mapFile(rig.object, own)),
    await errorCode(() => mmapBuffer(rig.buffer, forwarded, pageOffset)),
  ]
}

for (const [lengthBytes, pageOffset, pages, code] of [
  [5000, 0, 1, 'none'],
  [5000, 0, 2, 'EINVAL'],
  [5000, 1, 1, 'EINVAL'],
  [4095, 0, 1, 'EINVAL'],
  [4096, 0, 1, 'none'],
] as const)
  test(`${pages} pages from ${pageOffset} of a buffer of ${lengthBytes} bytes: ${code} [EX-18, BUF-31, BUF-32]`, async () => {
    using rig = new BufferRig({ lengthBytes, mmap })
    assert.deepEqual(await codes(rig, pageOffset, pages), [code, code])
  })

test('A buffer is mapped up to its last whole page, at its own offset 0 [BUF-31, BUF-32, PROP-4]', async () => {
  using rig = new BufferRig({ lengthBytes: 3 * PAGE + 1, mmap })
  for (const [pageOffset, pages, code] of [
    [0, 3, 'none'],
    [2, 1, 'none'],
    [3, 0, 'none'],
    [0, 4, 'EINVAL'],
    [2, 2, 'EINVAL'],
    [3, 1, 'EINVAL'],
    [4, 0, 'EINVAL'],
  ] as const)
    assert.deepEqual(await codes(rig, pageOffset, pages), [code, code], `${pages} at ${pageOffset}`)
})

test('Behind the end there is no second mapping of the buffer [BUF-36, PROP-5]', async () => {
  using rig = new BufferRig({ lengthBytes: 2 * PAGE, mmap })
  assert.deepEqual(await codes(rig, 2, 2), ['EINVAL', 'EINVAL'])
})

test('Without an mmap op nothing can be mapped: EINVAL, whatever the bounds [BUF-31, BUF-33, PROP-2]', async () => {
  using rig = new BufferRig({ lengthBytes: PAGE })
  assert.deepEqual(await codes(rig, 0, 1), ['EINVAL', 'EINVAL'])
  assert.deepEqual(await codes(rig, Number.MAX_SAFE_INTEGER, 1), ['EINVAL', 'EINVAL'])
})

test('mmapBuffer looks for a buffer and an area first, and warns [BUF-33]', async () => {
  using warnings = collectWarnings()
  using rig = new BufferRig()
  using area = new MapArea(1)
  assert.equal(await errorCode(() => mmapBuffer(null, area, 0)), 'EINVAL')
  assert.equal(await errorCode(() => mmapBuffer(undefined, area, 0)), 'EINVAL')
  assert.equal(await errorCode(() => mmapBuffer(rig.buffer, null, 0)), 'EINVAL')
  assert.deepEqual(warnings.rules, ['BUF-33', 'BUF-33', 'BUF-33'])
  assert.match(warnings.list[0]!.message, /A buffer and an area are needed/)
})

test('mmapBuffer tells a wrap before it looks at the bounds [BUF-33]', async () => {
  using rig = new BufferRig({ lengthBytes: PAGE, mmap })
  using area = new MapArea(1)
  const most = Number.MAX_SAFE_INTEGER
  assert.equal(await errorCode(() => mmapBuffer(rig.buffer, area, most - 1)), 'EINVAL')
  assert.equal(await errorCode(() => mmapBuffer(rig.buffer, area, most)), 'EOVERFLOW')
  for (const wrong of [-1, 0.5, NaN])
    await assert.rejects(mmapBuffer(rig.buffer, area, wrong), RangeError)
  assert.equal(area.file, undefined, 'Refused areas are left as they were')
})

test('mmapBuffer points the area at the buffer, then asks the exporter without the lock [BUF-33, BUF-34, C-7, PROP-6]', async () => {
  const options: BufferRigOptions = {
    lengthBytes: 4 * PAGE,
    mmap: (area) => {
      assert.equal(rig.object.reservation.isLocked, false)
      assert.equal(area.file, rig.object)
      assert.equal(area.pageOffset, 2)
      area.private = 'exporter'
    },
  }
  using rig = new BufferRig(options)
  let references = 1
  const device = { get: () => references++, put: () => references-- }
  const area = new MapArea(2, 77, device)
  await mmapBuffer(rig.buffer, area, 2)
  assert.deepEqual(rig.exporter.calls, ['mmap 2 2'])
  assert.equal(references, 0)
  assert.equal(area.private, 'exporter')
  rig.buffer.close()
  assert.equal(rig.released, false, 'The area keeps the buffer')
  area.close()
  assert.equal(rig.released, true)
})

test('An exporter may give the area another file and offset of its own [BUF-34]', async () => {
  let references = 0
  const own = { get: () => references++, put: () => references-- }
  using rig = new BufferRig({
    lengthBytes: PAGE,
    mmap: (area) => {
      area.setFile(own)
      area.pageOffset = 5
    },
  })
  const area = new MapArea(1)
  await mmapBuffer(rig.buffer, area, 0)
  assert.equal(rig.extra, 0)
  assert.deepEqual([area.file, area.pageOffset, references], [own, 5, 1])
  area.close()
  assert.equal(references, 0)
})

test('An exporter that fails, now or later, tells whoever maps, and the area stays pointed [BUF-33]', async () => {
  const failure = new Error('no pages')
  for (const fail of [
    (): void => {
      throw failure
    },
    (): Promise<void> => Promise.reject(failure),
  ]) {
    using rig = new BufferRig({ lengthBytes: PAGE, mmap: fail })
    using area = new MapArea(1, 9)
    await assert.rejects(mmapBuffer(rig.buffer, area, 0), failure)
    assert.equal(area.file, rig.object)
    assert.equal(area.pageOffset, 0)
    assert.equal(rig.extra, 1)
    area.close()
    await assert.rejects(mapFile(rig.object, new MapArea(1)), failure)
  }
})

test('Mapped memory is used without a word to the exporter: brackets are the program’s duty [BUF-35]', async () => {
  using rig = new BufferRig({
    lengthBytes: PAGE,
    begin: () => assert.fail('Nobody began'),
    mmap: (area) => {
      area.bytes = rig.exporter.memory
    },
  })
  const fence = rig.add('write')
  using area = new MapArea(1)
  await mmapBuffer(rig.buffer, area, 0)
  area.bytes!.fill(7)
  assert.equal(rig.exporter.memory[0], 7)
  assert.deepEqual(rig.exporter.calls, ['mmap 0 1'])
  assert.equal(fence.status, 'pending')
})

test('mmapBuffer fails with EBADF for a closed handle', async () => {
  using rig = new BufferRig({ lengthBytes: PAGE, mmap })
  rig.buffer.close()
  const mapping = mmapBuffer(rig.buffer, new MapArea(1), 0)
  await assert.rejects(mapping, { code: 'EBADF', operation: 'mmap' })
})
