// Goal: a reader sees the old list of a member's fences or the new one, whole, and never trusts what it reads.
// Method: the writer stops before each of its stores, for good or while the reader reads; garbage in every word.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  FenceListReader,
  FenceListWriter,
  type ListedFence,
} from '#src/interprocess/fence-lists.js'
import { LIST_VERSION, LIST_WORDS, MAX_LIST_ENTRIES } from '#src/interprocess/member-page.js'
import { thrownCode } from '../helpers/error-code.js'
import { HookedWords, wordsOf } from '../helpers/hooked-words.js'
import { Random } from '../helpers/random.js'

const SLOTS = 64

function fence(seqno: number, slot = 1): ListedFence {
  return { slot, generation: 7, seqno, usage: 2 }
}

function list(count: number, seqno: number): ListedFence[] {
  return Array.from({ length: count }, (_, slot) => fence(seqno, slot))
}

test('FenceListReader reads what FenceListWriter published, up to the most fences there may be', () => {
  const words = wordsOf(LIST_WORDS)
  const writer = new FenceListWriter(words, 0)
  const reader = new FenceListReader(words, 0, SLOTS)
  assert.deepEqual([reader.refresh(), reader.fences], [false, []])
  for (const fences of [[fence(2 ** 53 - 1)], [], list(MAX_LIST_ENTRIES, 2 ** 32)]) {
    writer.publish(fences)
    assert.equal(reader.hasChanged, true)
    assert.equal(reader.refresh(), true)
    assert.deepEqual(reader.fences, fences)
    assert.equal(reader.hasChanged, false)
    assert.equal(reader.refresh(), false)
  }
})

test('FenceListWriter that dies before any of its stores leaves the old list or the new one [RESV-12]', () => {
  const [before, after] = [list(3, 5), list(5, 6)]
  const seen = new Set<number>()
  for (let at = 0; ; at++) {
    const words = wordsOf(LIST_WORDS)
    let [stores, isArmed] = [0, false]
    const dying = new HookedWords(words, () => {
      if (isArmed && stores++ === at) throw new Error('died')
    })
    const writer = new FenceListWriter(dying, 0)
    writer.publish(before)
    isArmed = true
    try {
      writer.publish(after)
    } catch {
      // Dead from here on.
    }
    const reader = new FenceListReader(words, 0, SLOTS)
    reader.refresh()
    assert.deepEqual(reader.fences, reader.fences.length === 3 ? before : after)
    seen.add(reader.fences.length)
    if (stores <= at) break
  }
  assert.deepEqual([...seen], [3, 5])
})

test('FenceListReader sees one whole list, however often it is replaced while it reads', () => {
  const random = new Random(4)
  for (let round = 0; round < 500; round++) {
    const words = wordsOf(LIST_WORDS)
    const writer = new FenceListWriter(words, 0)
    let seqno = 1
    const publish = (): void => writer.publish(list(1 + random.below(4), seqno++))
    publish()
    let replacements = 0
    const hooked = new HookedWords(words, () => {
      if (replacements < 6 && random.chance(0.1)) {
        replacements++
        publish()
      }
    })
    const reader = new FenceListReader(hooked, 0, SLOTS)
    assert.equal(reader.refresh(), true)
    const [first] = reader.fences
    assert.deepEqual(reader.fences, list(reader.fences.length, first!.seqno))
  }
})

test('FenceListReader reads across the wrap of the version', () => {
  const words = wordsOf(LIST_WORDS)
  words.store(0, 2 ** 31 - 2)
  const writer = new FenceListWriter(words, 0)
  const reader = new FenceListReader(words, 0, SLOTS)
  for (let seqno = 1; seqno < 6; seqno++) {
    writer.publish([fence(seqno)])
    assert.equal(reader.refresh(), true)
    assert.equal(reader.fences[0]!.seqno, seqno)
  }
})

test('FenceListReader refuses counts, slots, generations, seqnos and usages out of range', () => {
  // The first list stands in the second half.
  const [count, slot, generation, low, high, usage] = [2, 96, 97, 98, 99, 100]
  const wrong: readonly (readonly [at: number, value: number])[] = [
    [count, -1],
    [count, MAX_LIST_ENTRIES + 1],
    [slot, -1],
    [slot, SLOTS],
    [generation, 0],
    [generation, -7],
    [low, 0],
    [high, -1],
    [high, 2 ** 21],
    [usage, -1],
    [usage, 4],
  ]
  for (const [at, value] of wrong) {
    const words = wordsOf(LIST_WORDS)
    new FenceListWriter(words, 0).publish([fence(1)])
    words.store(at, value)
    const reader = new FenceListReader(words, 0, SLOTS)
    assert.equal(
      thrownCode(() => reader.refresh()),
      'EPROTO',
      `${at}: ${value}`,
    )
    assert.deepEqual(reader.fences, [])
  }
})

test('FenceListReader keeps to the last slot and the highest usage there are', () => {
  const words = wordsOf(LIST_WORDS)
  const last = { slot: SLOTS - 1, generation: 2 ** 31 - 1, seqno: 1, usage: 3 }
  new FenceListWriter(words, 0).publish([last])
  const reader = new FenceListReader(words, 0, SLOTS)
  reader.refresh()
  assert.deepEqual(reader.fences, [last])
})

test('FenceListReader does not read entries of the other half, however many a count promises', () => {
  const words = wordsOf(LIST_WORDS)
  const writer = new FenceListWriter(words, 0)
  writer.publish(list(MAX_LIST_ENTRIES, 1))
  writer.publish(list(MAX_LIST_ENTRIES, 2))
  // The second list stands in the first half, and valid entries follow it.
  words.store(1, MAX_LIST_ENTRIES + 1)
  const reader = new FenceListReader(words, 0, SLOTS)
  assert.equal(
    thrownCode(() => reader.refresh()),
    'EPROTO',
  )
})

test('FenceListReader gives up on a list that changes without end', () => {
  const words = wordsOf(LIST_WORDS)
  const writer = new FenceListWriter(words, 0)
  const restless = new HookedWords(words, ({ index }) => {
    if (index === 0) writer.publish([fence(1)])
  })
  const reader = new FenceListReader(restless, 0, SLOTS)
  assert.equal(
    thrownCode(() => reader.refresh()),
    'EPROTO',
  )
})

test('FenceListWriter never publishes version 0 again: a reader that comes then finds the list', () => {
  const words = wordsOf(LIST_WORDS)
  words.store(LIST_VERSION, -3)
  const writer = new FenceListWriter(words, 0)
  for (let seqno = 1; seqno <= 5; seqno++) {
    writer.publish([fence(seqno)])
    const reader = new FenceListReader(words, 0, SLOTS)
    reader.refresh()
    assert.deepEqual(reader.fences, [fence(seqno)])
  }
})
