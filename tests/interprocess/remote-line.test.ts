// Goal: a line tells the right outcome of every seqno, however late it looks, and ends with what is a lie.
// Method: an owner that fails seqnos while readers look late; pages written by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SLOT_ERRNO, SLOT_NEXT, SLOT_NEXT_GENERATION } from '#src/interprocess/member-page.js'
import { FenceRig, Heard, watch } from '../helpers/fence-rig.js'
import { Random } from '../helpers/random.js'

test('A line that looks late hears of every failure, in order', () => {
  const rig = new FenceRig({ slots: 8 })
  const heard = new Heard()
  let at = rig.allocate()
  const line = watch(rig.reader, at, heard)
  rig.board.signal(at.slot, 2)
  at = rig.fail(at, 5, 11)
  at = rig.fail(at, 6, 12)
  rig.board.signal(at.slot, 9)
  at = rig.fail(at, 10, 13)
  rig.board.end(at.slot, 2)
  line.look()
  assert.deepEqual(heard.said, ['5 failed 11', '6 failed 12', '10 failed 13', 'ended 2'])
})

test('A line that was handed a slot before a failure goes on in the next, and lets the first go', () => {
  const rig = new FenceRig({ slots: 2 })
  const heard = new Heard(9)
  const first = rig.allocate()
  const line = watch(rig.reader, first, heard)
  const second = rig.fail(first, 3, 5)
  rig.reader.catchUp()
  assert.equal(line.slot, second.slot)
  assert.ok(rig.board.allocate(), 'The first slot is free')
  rig.board.signal(second.slot, 9)
  assert.equal(rig.rung.length, 1, 'The wish went with it')
  rig.reader.catchUp()
  assert.deepEqual(heard.said, ['3 failed 5', 'reached 9'])
})

test('100,000 slots with failing fences: every reader, however late, learns the right error', () => {
  const rig = new FenceRig({ slots: 64, members: 4 })
  const waiting: { line: () => void; due: number }[] = []
  let told = 0
  const random = new Random(12345)
  for (let fence = 0; fence < 100_000; fence++) {
    let at = rig.board.allocate()
    while (at === undefined) {
      waiting.splice(random.below(waiting.length), 1)[0]?.line()
      at = rig.board.allocate()
    }
    const errno = 1 + (fence % 130)
    const reader = rig.readers[random.below(3)]!
    const heard = new Heard(1)
    const line = watch(reader, at, heard)
    const late = (): void => {
      line.look()
      assert.deepEqual(heard.said, [`ended ${errno}`], `Fence ${fence}, seed 12345`)
      line.close()
      told++
    }
    waiting.push({ line: late, due: fence })
    rig.board.end(at.slot, errno)
    rig.board.unpin(at.slot)
  }
  for (const { line } of waiting) line()
  assert.equal(told, 100_000)
  assert.equal(
    rig.readers.reduce((sum, { watched }) => sum + watched, 0),
    0,
  )
})

test('A line whose slots go in circles, or lead nowhere, ends with EPROTO', () => {
  const cases: readonly [string, (rig: FenceRig) => [number, number]][] = [
    ['itself', () => [1, 1]],
    ['outside', () => [1000, 1]],
    ['below', () => [-5, 1]],
    ['another generation', () => [2, 9]],
  ]
  for (const [name, make] of cases) {
    const rig = new FenceRig({ slots: 4 })
    const first = rig.allocate()
    rig.allocate()
    const heard = new Heard()
    const line = watch(rig.reader, first, heard)
    const at = rig.layout.slotAt(first.slot)
    const [next, generation] = make(rig)
    rig.page.store(at + SLOT_NEXT, next)
    rig.page.store(at + SLOT_NEXT_GENERATION, generation)
    rig.page.store(at + SLOT_ERRNO, 5)
    line.look()
    assert.deepEqual(heard.said, ['ended 71'], name)
  }
  const rig = new FenceRig({ slots: 2 })
  const [first, second] = [rig.allocate(), rig.allocate()]
  for (const [from, to] of [
    [first, second],
    [second, first],
  ] as const) {
    const at = rig.layout.slotAt(from.slot)
    rig.page.store(at + SLOT_NEXT, to.slot + 1)
    rig.page.store(at + SLOT_NEXT_GENERATION, to.generation)
    rig.page.store(at + SLOT_ERRNO, 5)
  }
  let last = ''
  const heard = new Heard()
  heard.failed = () => {}
  heard.ended = (errno) => (last = `ended ${errno}`)
  watch(rig.reader, first, heard).look()
  assert.equal(last, 'ended 71', 'circle')
})

test('A line takes garbage instead of an errno as EPROTO', () => {
  for (const garbage of [-1, 4096, 2 ** 30]) {
    const rig = new FenceRig()
    const at = rig.allocate()
    const heard = new Heard()
    const line = watch(rig.reader, at, heard)
    rig.board.end(at.slot, garbage)
    line.look()
    assert.deepEqual(heard.said, ['ended 71'])
  }
})

test('A line that is closed while it tells stops looking', () => {
  const rig = new FenceRig()
  const at = rig.allocate()
  const heard = new Heard()
  const line = watch(rig.reader, at, heard)
  heard.advanced = () => line.close()
  rig.board.signal(at.slot, 1)
  line.look()
  line.look()
  line.close()
  assert.deepEqual([line.slot, line.latest, rig.reader.watched], [-1, 0, 0])
})
