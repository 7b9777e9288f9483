// Goal: a reader finds what changed, pins what it looks at, and believes nothing that cannot be.
// Method: the owner runs before every single access of the reader, and the other way round.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LOG_ENTRIES, MEMBER_LOG } from '#src/interprocess/member-page.js'
import { storeNumber } from '#src/interprocess/two-words.js'
import { FenceRig, Heard, watch } from '../helpers/fence-rig.js'
import { Interruption } from '../helpers/hooked-words.js'

test('FenceReader.watch refuses slots that are not there, or are used for something else', () => {
  const rig = new FenceRig({ slots: 2 })
  const { slot, generation } = rig.allocate()
  const { reader } = rig
  for (const bad of [
    { slot: -1, generation: 1 },
    { slot: 2, generation: 1 },
    { slot: 0.5, generation: 1 },
    { slot, generation: generation + 1 },
    { slot, generation: -generation },
    { slot: 1, generation: 0 },
  ])
    assert.equal(reader.watch(bad, new Heard()), undefined)
  assert.equal(reader.watched, 0)
  assert.ok(reader.watch({ slot, generation }, new Heard()))
  assert.equal(reader.watch({ slot, generation: 7 }, new Heard()), undefined)
  assert.equal(reader.watched, 1)
})

test('FenceReader.watch and a slot that is used again: never both, whatever the order', () => {
  let interrupted = 0
  for (let at = 0; ; at++) {
    let again: unknown
    const interruption = new Interruption(at, () => (again = rig.board.allocate()))
    const rig = new FenceRig({ slots: 1, reader: interruption.wrap })
    const first = rig.allocate()
    rig.board.unpin(first.slot)
    interruption.arm()
    const line = rig.reader.watch(first, new Heard())
    assert.equal(line === undefined, again !== undefined, `Before access ${at}`)
    if (!interruption.happened) break
    interrupted++
  }
  assert.ok(interrupted >= 2)
  for (let at = 0; ; at++) {
    let line: unknown
    const interruption = new Interruption(at, () => {
      line = rig.reader.watch(first, new Heard())
    })
    const rig = new FenceRig({ slots: 1, owner: interruption.wrap })
    const first = rig.allocate()
    rig.board.unpin(first.slot)
    interruption.arm()
    const again = rig.board.allocate()
    if (!interruption.happened) break
    assert.ok(line === undefined || again === undefined, `Before access ${at}`)
  }
})

test('A reader that asks and looks once more misses no signal, wherever it falls', () => {
  for (const what of ['signal', 'fail', 'end'] as const)
    for (let at = 0; ; at++) {
      const interruption = new Interruption(at, () => {
        if (what === 'signal') rig.board.signal(slot.slot, 3)
        else if (what === 'fail') rig.fail(slot, 3, 5)
        else rig.board.end(slot.slot, 5)
      })
      const rig = new FenceRig({ reader: interruption.wrap })
      const slot = rig.allocate()
      const heard = new Heard(3)
      const line = watch(rig.reader, slot, heard)
      interruption.arm()
      line.look()
      if (!interruption.happened) break
      const seen = heard.said.length > 0
      assert.ok(seen || rig.rung.length > 0, `${what} before access ${at}: seen, or rung`)
      if (rig.rung.length > 0) rig.reader.catchUp()
      assert.equal(heard.said.length, 1, `${what} before access ${at}`)
    }
})

test('A reader that looks while its owner publishes sees nothing that is not so, wherever it falls', () => {
  for (let at = 0; ; at++) {
    const heard = new Heard(9)
    const interruption = new Interruption(at, () => line.look())
    const rig = new FenceRig({ owner: interruption.wrap })
    const first = rig.allocate()
    const line = watch(rig.reader, first, heard)
    interruption.arm()
    rig.board.signal(first.slot, 1)
    const second = rig.fail(first, 5, 11)
    rig.board.end(second.slot, 12)
    line.look()
    const said = heard.said.filter((what) => what !== 'reached 1' && what !== 'reached 4')
    assert.deepEqual(said, ['5 failed 11', 'ended 12'], `Looked before access ${at}`)
    if (!interruption.happened) break
  }
})

test('FenceReader.catchUp looks at what changed and at nothing else', () => {
  const rig = new FenceRig({ slots: 8 })
  const lines = Array.from({ length: 6 }, () => {
    const at = rig.allocate()
    const heard = new Heard()
    let looks = 0
    Object.defineProperty(heard, 'wanted', {
      get: () => {
        looks++
        return undefined
      },
    })
    watch(rig.reader, at, heard)
    return { at, heard, looks: () => looks }
  })
  rig.board.signal(lines[2]!.at.slot, 4)
  rig.board.signal(lines[4]!.at.slot, 1)
  rig.reader.catchUp()
  assert.deepEqual(
    lines.map(({ heard }) => heard.value),
    [0, 0, 4, 0, 1, 0],
  )
  assert.deepEqual(
    lines.map(({ looks }) => looks() > 0),
    [false, false, true, false, true, false],
  )
})

test('FenceReader.catchUp looks at everything where more changed than the log holds', () => {
  for (const changes of [LOG_ENTRIES - 1, LOG_ENTRIES, LOG_ENTRIES + 1, 3 * LOG_ENTRIES]) {
    const rig = new FenceRig()
    const [quiet, busy] = [rig.allocate(), rig.allocate()]
    const [first, second] = [new Heard(), new Heard()]
    watch(rig.reader, quiet, first)
    watch(rig.reader, busy, second)
    rig.board.signal(quiet.slot, 1)
    for (let seqno = 1; seqno < changes; seqno++) rig.board.signal(busy.slot, seqno)
    rig.reader.catchUp()
    assert.deepEqual([first.value, second.value], [1, changes - 1], `${changes} changes`)
  }
})

test('FenceReader.catchUp misses nothing that is written over while it reads the log', () => {
  for (const logged of [0, 2 ** 31 - 300, 2 ** 32 - 300, 2 ** 32 - 5])
    for (let at = 0; ; at++) {
      const interruption = new Interruption(at, () => {
        for (let i = 0; i < LOG_ENTRIES; i++) rig.board.signal(busy.slot, i + 1)
      })
      const rig = new FenceRig({ reader: interruption.wrap, start: { logged } })
      const [quiet, busy] = [rig.allocate(), rig.allocate()]
      const [first, second] = [new Heard(), new Heard()]
      watch(rig.reader, quiet, first)
      watch(rig.reader, busy, second)
      rig.board.signal(quiet.slot, 1)
      interruption.arm()
      rig.reader.catchUp()
      assert.equal(first.value, 1, `Interrupted before access ${at}`)
      if (!interruption.happened) break
      rig.reader.catchUp()
      assert.equal(second.value, LOG_ENTRIES)
    }
})

test('FenceReader.catchUp sees every change while the counter of the log passes 2^32', () => {
  for (let at = 0; ; at++) {
    const heard = new Heard()
    const interruption = new Interruption(at, () => {
      rig.reader.catchUp()
    })
    const rig = new FenceRig({ owner: interruption.wrap, start: { logged: 2 ** 32 - 1 } })
    // Not the slot that an empty log names.
    rig.allocate()
    const slot = rig.allocate()
    watch(rig.reader, slot, heard)
    interruption.arm()
    rig.board.signal(slot.slot, 1)
    rig.reader.catchUp()
    assert.equal(heard.value, 1, `Looked before access ${at}`)
    if (!interruption.happened) break
  }
})

test('FenceReader.catchUp that is stopped for 2^32 changes within a look takes no old count for a new one', () => {
  const interruption = new Interruption(1, () => storeNumber(rig.page, MEMBER_LOG, 2 ** 32 + 150))
  const rig = new FenceRig({ reader: interruption.wrap, start: { logged: 100 } })
  const slot = rig.allocate()
  const heard = new Heard()
  watch(rig.reader, slot, heard)
  rig.board.signal(slot.slot, 1)
  // As after many more changes, of another slot: all but the last words of the count.
  for (let i = 0; i < LOG_ENTRIES; i++) rig.page.store(rig.layout.log + i, 3)
  storeNumber(rig.page, MEMBER_LOG, 2 ** 32 - 1)
  interruption.arm()
  rig.reader.catchUp()
  assert.equal(heard.value, 1)
})

test('FenceReader.catchUp survives any log: it looks at too much, never outside', () => {
  const rig = new FenceRig()
  const slot = rig.allocate()
  const heard = new Heard()
  watch(rig.reader, slot, heard)
  rig.board.signal(slot.slot, 1)
  for (let i = 0; i < LOG_ENTRIES; i++) rig.page.store(rig.layout.log + i, -1 - i)
  for (const [low, high] of [
    [5, 0],
    [-1, 0],
    [0, -1],
    [-1, -1],
    [0, 0],
  ] as const) {
    rig.page.store(MEMBER_LOG, low)
    rig.page.store(MEMBER_LOG + 1, high)
    rig.reader.catchUp()
  }
  assert.deepEqual(heard.said, ['reached 1'])
})

test('Several lines of one slot: the nearest wish is stored, and all hear', () => {
  const rig = new FenceRig()
  const slot = rig.allocate()
  const all = [9, 4, 7].map((wanted) => new Heard(wanted))
  const lines = all.map((heard) => watch(rig.reader, slot, heard))
  for (const line of lines) line.look()
  rig.board.signal(slot.slot, 3)
  assert.deepEqual(rig.rung, [])
  for (const [seqno, rings] of [
    [4, 1],
    [6, 1],
    [7, 2],
    [9, 3],
  ] as const) {
    rig.board.signal(slot.slot, seqno)
    assert.equal(rig.rung.length, rings, `Seqno ${seqno}`)
    rig.reader.catchUp()
    assert.deepEqual(
      all.map(({ value }) => value),
      [seqno, seqno, seqno],
    )
  }
  lines[0]?.close()
  assert.equal(rig.reader.watched, 1)
  lines[1]?.close()
  lines[2]?.close()
  assert.equal(rig.reader.watched, 0)
})

test('A line of a slot is rung also after another one that wanted less and nothing more, in either order', () => {
  for (const wants of [
    [5, 4],
    [4, 5],
  ]) {
    const rig = new FenceRig()
    const slot = rig.allocate()
    const all = wants.map((wanted) => new Content(wanted))
    for (const heard of all) watch(rig.reader, slot, heard).look()
    rig.board.signal(slot.slot, 4)
    rig.reader.catchUp()
    rig.board.signal(slot.slot, 5)
    assert.equal(rig.rung.length, 2, `Wanted: ${wants.join(', ')}`)
  }
})

/** Wants one seqno, and nothing after that. */
class Content extends Heard {
  override advanced(seqno: number): void {
    super.advanced(seqno)
    if (this.wanted !== undefined && seqno >= this.wanted) this.wanted = undefined
  }
}
