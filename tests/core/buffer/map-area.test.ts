// Goal: an area keeps one file alive, the one it points at, until it is unmapped.
// Method: files that count their references.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MapArea } from '#src/core/buffer/map-area.js'
import { collectWarnings } from '../../helpers/warnings.js'

class CountedFile {
  references = 1

  get(): void {
    this.references++
  }

  put(): void {
    this.references--
  }
}

test('MapArea takes the reference over that comes with its file, and drops it when it is unmapped, once [BUF-20]', () => {
  const file = new CountedFile()
  const area = new MapArea(2, 3, file)
  assert.equal(area.file, file)
  assert.equal(file.references, 1)
  area.close()
  area.close()
  assert.equal(file.references, 0)
  assert.equal(area.file, undefined)
})

test('MapArea.setFile takes a reference on the new file and drops that on the old one [BUF-33]', () => {
  const [before, after] = [new CountedFile(), new CountedFile()]
  using area = new MapArea(1, 0, before)
  area.setFile(after)
  assert.deepEqual([before.references, after.references], [0, 2])
  area.setFile(after)
  assert.equal(after.references, 2, 'It is never let go in between')
})

test('MapArea.close tells the exporter once, before the file goes; what that throws is reported', () => {
  using warnings = collectWarnings()
  const file = new CountedFile()
  const area = new MapArea(1, 0, file)
  const seen: number[] = []
  area.bytes = new Uint8Array(4096)
  area.onClose = () => {
    seen.push(file.references)
    throw new Error('broken')
  }
  area[Symbol.dispose]()
  area.close()
  assert.deepEqual(seen, [1])
  assert.equal(file.references, 0)
  assert.equal(area.bytes, undefined)
  assert.deepEqual(warnings.rules, ['PORT-4'])
  assert.match(warnings.list[0]!.message, /^onClose of an area must not throw: Error: broken/)
})

test('A new MapArea begins at the file’s first page, shared and writable', () => {
  const area = new MapArea(1)
  assert.deepEqual([area.pageOffset, area.isShared, area.isWritable], [0, true, true])
})

test('MapArea takes whole pages from 0', () => {
  for (const pageCount of [0, 1, Number.MAX_SAFE_INTEGER])
    assert.equal(new MapArea(pageCount).pageCount, pageCount)
  for (const pageCount of [-1, 0.5, NaN, 2 ** 53])
    assert.throws(() => new MapArea(pageCount), RangeError)
})
