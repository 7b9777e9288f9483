// Goal: progress crosses processes upwards only, and an end is heard.
// Method: both ends over one shared page; pages that are none.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DmaBufError } from '#src/core/errors.js'
import {
  TIMELINE_FUTEX_OFFSET,
  TIMELINE_PAGE_BYTES,
  TimelinePageReader,
  TimelinePageWriter,
  WatcherPageReader,
  WATCHER_SLEEPS_OFFSET,
  WatcherPageWriter,
} from '#src/interprocess/timeline-page.js'
import { wordsOf } from '../helpers/hooked-words.js'

const WORDS = TIMELINE_PAGE_BYTES / 4
const ENDED = 18

function timeline() {
  const words = wordsOf(WORDS)
  return { words, writer: new TimelinePageWriter(words), reader: new TimelinePageReader(words) }
}

function watcher() {
  const words = wordsOf(WORDS)
  return { words, writer: new WatcherPageWriter(words), reader: new WatcherPageReader(words) }
}

test('A reader sees what the owner signals, beyond 2^32 too', () => {
  const { writer, reader } = timeline()
  assert.equal(reader.load(), 0)
  for (const seqno of [1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    writer.signal(seqno)
    assert.equal(reader.load(), seqno)
  }
})

test('The word that sleepers wait on is the low word of the seqno', () => {
  const { words, writer, reader } = timeline()
  for (const seqno of [5, 2 ** 31, 2 ** 32 + 7]) {
    writer.signal(seqno)
    assert.notEqual(reader.expectedWord, words.load(TIMELINE_FUTEX_OFFSET / 4), 'Not looked yet')
    reader.load()
    assert.equal(reader.expectedWord, words.load(TIMELINE_FUTEX_OFFSET / 4))
  }
})

test('A reader hears of the end and its code, and keeps what was reached', () => {
  const { writer, reader } = timeline()
  writer.signal(4)
  assert.equal(reader.endCode, undefined)
  writer.end(new DmaBufError('ENOENT', 'timeline', 'Closed'))
  assert.equal(reader.endCode, 'ENOENT')
  assert.equal(reader.load(), 4)
})

test('A code without a number ends a timeline as EPROTO', () => {
  const { writer, reader } = timeline()
  writer.end(new DmaBufError('ERR_DMABUF_OTHER', 'timeline', 'Closed'))
  assert.equal(reader.endCode, 'EPROTO')
})

test('Only 1 to 4095 is an errno', () => {
  const { words, reader } = timeline()
  for (const [word, code] of [
    [0, undefined],
    [1, 'EPERM'],
    [4095, 'E4095'],
    [4096, undefined],
    [-1, undefined],
    [-(2 ** 31), undefined],
  ] as const) {
    words.store(ENDED, word)
    assert.equal(reader.endCode, code)
  }
})

test('A page of another kind, version or size is refused with EPROTO', () => {
  const own = timeline().words
  const watching = watcher().words
  assert.throws(() => new TimelinePageReader(watching), {
    code: 'EPROTO',
    operation: 'receiveTimeline',
  })
  assert.throws(() => new WatcherPageReader(own), { code: 'EPROTO', operation: 'shareTimeline' })
  for (const [words, Reader] of [
    [own, TimelinePageReader],
    [watching, WatcherPageReader],
  ] as const) {
    new Reader(words)
    words.store(1, 2)
    assert.throws(() => new Reader(words), { code: 'EPROTO' })
    assert.throws(() => new Reader(wordsOf(WORDS)), { code: 'EPROTO' })
    const short = wordsOf(WORDS - 1)
    short.store(0, words.load(0))
    short.store(1, 1)
    assert.throws(() => new Reader(short), { code: 'EPROTO' })
  }
})

test('A watcher is rung once for each wish', () => {
  const { writer, reader } = watcher()
  assert.equal(reader.bell.take(), false)
  writer.bell.ask()
  assert.deepEqual([reader.bell.take(), reader.bell.take()], [true, false])
})

test('A watcher sleeps while its word says so', () => {
  const { words, reader } = watcher()
  const seen = [0, 1, 0].map((value) => {
    words.store(WATCHER_SLEEPS_OFFSET / 4, value)
    return reader.sleeps
  })
  assert.deepEqual(seen, [false, true, false])
})

test('Whatever a stranger writes, progress never goes back and an end is a name', () => {
  const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
  fc.assert(
    fc.property(fc.array(fc.tuple(word, word, word)), (triples) => {
      const { words, reader } = timeline()
      let last = 0
      for (const triple of triples) {
        triple.forEach((value, index) => words.store(16 + index, value))
        const now = reader.load()
        assert.ok(Number.isSafeInteger(now) && now >= last)
        assert.ok(reader.endCode === undefined || /^E[A-Z0-9]+$/.test(reader.endCode))
        last = now
      }
    }),
  )
})
