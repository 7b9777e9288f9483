// Goal: the layout of the shared pages is a promise between programs.
// Method: names every word, and looks for words with two names.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DESCRIPTOR_WORDS } from '#src/interprocess/frame-descriptor.js'
import * as page from '#src/interprocess/queue-page.js'

test('The magic numbers are the letters DMBQ and DMBC, low byte first', () => {
  const letters = (magic: number) => Buffer.from(Int32Array.of(magic).buffer).toString('latin1')
  assert.equal(letters(page.QUEUE_MAGIC), 'DMBQ')
  assert.equal(letters(page.CONSUMER_MAGIC), 'DMBC')
})

test('No word of the queue page has two meanings', () => {
  const words = [
    0,
    1,
    page.QUEUE_SLOT_COUNT,
    page.QUEUE_BELL,
    ...[page.QUEUE_EPOCH, page.QUEUE_EPOCH + 1],
    ...[page.QUEUE_PUBLISHED, page.QUEUE_PUBLISHED + 1],
    ...[page.QUEUE_READY, page.QUEUE_READY + 1],
    ...Array.from({ length: page.MAX_CONSUMERS / 32 }, (_, i) => page.QUEUE_EVICTED + i),
    ...Array.from({ length: page.RING_SIZE }, (_, i) => page.QUEUE_RING + i),
  ]
  assert.equal(new Set(words).size, words.length)
  assert.ok(Math.max(...words) < page.descriptorAt(0))
})

test('No word of the consumer page has two meanings, and all are in the page', () => {
  const words = [
    ...[0, 1, page.CONSUMER_BELL],
    ...[page.CONSUMER_CURSOR, page.CONSUMER_CURSOR + 1],
    ...[page.CONSUMER_CLAIMS, page.CONSUMER_CLAIMS + 1],
    ...[page.CONSUMER_RELEASING, page.CONSUMER_RELEASING + 1],
  ]
  assert.equal(new Set(words).size, words.length)
  assert.ok(Math.max(...words) < page.CONSUMER_PAGE_BYTES / 4)
})

test('Descriptors follow each other, and the page ends with the last', () => {
  for (const count of [2, 32, 33, page.MAX_BUFFERS]) {
    assert.equal(page.descriptorAt(count) - page.descriptorAt(count - 1), DESCRIPTOR_WORDS)
    assert.equal(page.queuePageBytes(count), page.descriptorAt(count) * 4)
  }
})

test('The ring is longer than any row of frames that must be kept', () => {
  assert.ok(page.RING_SIZE > page.MAX_BUFFERS)
  assert.equal(page.MAX_BUFFERS, 64, 'Two claim words')
})
