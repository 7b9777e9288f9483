// Goal: the owner publishes, wakes whom it must and nobody else, and uses a slot again only when nobody looks.
// Method: boards over shared arrays, with readers in the same process.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_GENERATION, MEMBER_SLEEPS, WATCH_HAZARD } from '#src/interprocess/member-page.js'
import { FenceRig, Heard, OWNER, watch } from '../helpers/fence-rig.js'
import { wordsOf } from '../helpers/hooked-words.js'

test('FenceBoard.allocate hands out each slot once, and none when all are kept', () => {
  const { board } = new FenceRig({ slots: 3 })
  const slots = [board.allocate(), board.allocate(), board.allocate()].map((at) => at?.slot)
  assert.deepEqual(slots, [0, 1, 2])
  assert.equal(board.allocate(), undefined)
  assert.equal(board.used, 3)
})

test('FenceBoard.allocate leaves the slots that are to be spared', () => {
  const { board } = new FenceRig({ slots: 3 })
  assert.ok(board.allocate(0, 1))
  assert.ok(board.allocate(0, 1))
  assert.equal(board.allocate(0, 1), undefined)
  assert.ok(board.allocate(0, 0))
})

test('FenceBoard uses a slot again, in a new generation, once its last pin is gone', () => {
  const { board } = new FenceRig({ slots: 1 })
  const first = board.allocate()
  assert.deepEqual(first, { slot: 0, generation: 1 })
  board.pin(0)
  board.unpin(0)
  assert.equal(board.allocate(), undefined)
  board.unpin(0)
  assert.deepEqual(board.allocate(), { slot: 0, generation: 2 })
})

test('FenceBoard begins with generation 1 again after the last', () => {
  const { board } = new FenceRig({ slots: 1, start: { generation: MAX_GENERATION - 1 } })
  assert.equal(board.allocate()?.generation, MAX_GENERATION)
  board.unpin(0)
  assert.equal(board.allocate()?.generation, 1)
})

test('FenceBoard keeps a slot that a reader looks at, until it lets it go', () => {
  const rig = new FenceRig({ slots: 1 })
  const at = rig.allocate()
  const line = watch(rig.reader, at, new Heard())
  rig.board.unpin(at.slot)
  assert.equal(rig.board.allocate(), undefined)
  assert.equal(rig.board.generationOf(at.slot), at.generation, 'Open again')
  line.close()
  assert.ok(rig.board.allocate())
})

test('FenceBoard forgets the hazards of a member that was dismissed', () => {
  const rig = new FenceRig({ slots: 1 })
  const at = rig.allocate()
  watch(rig.reader, at, new Heard())
  rig.board.unpin(at.slot)
  rig.board.dismiss(1)
  assert.ok(rig.board.allocate())
})

test('FenceBoard looks for newcomers between closing a slot and using it again, and respects them', () => {
  const rig = new FenceRig({ slots: 1 })
  const at = rig.allocate()
  const page = wordsOf(rig.layout.lengthBytes / 4)
  page.store(rig.layout.watchAt(OWNER, at.slot) + WATCH_HAZARD, at.generation)
  rig.board.dismiss(1)
  rig.board.unpin(at.slot)
  let known: 'nothing' | 'that' | 'who' = 'nothing'
  let closed = 0
  rig.knowsAll = () => {
    if (rig.page.load(rig.layout.slotAt(at.slot)) === -at.generation) closed++
    if (known === 'who') rig.board.admit(1, page, OWNER)
    return known !== 'that'
  }
  known = 'that'
  assert.equal(rig.board.allocate(), undefined, 'Somebody is there')
  known = 'who'
  assert.equal(rig.board.allocate(), undefined, 'The newcomer looks at it')
  assert.equal(rig.board.generationOf(at.slot), at.generation, 'Open again')
  assert.ok(closed > 1)
  rig.board.dismiss(1)
  known = 'nothing'
  assert.ok(rig.board.allocate())
})

test('FenceBoard keeps the slots behind a failed one as long as that is looked at', () => {
  const rig = new FenceRig({ slots: 3 })
  const first = rig.allocate()
  const line = watch(rig.reader, first, new Heard())
  const second = rig.fail(first, 1, 5)
  const third = rig.fail(second, 2, 6)
  rig.board.unpin(third.slot)
  assert.equal(rig.board.allocate(), undefined)
  line.close()
  for (let i = 0; i < 3; i++) assert.ok(rig.board.allocate(), `Slot ${i}`)
})

test('FenceBoard.hoarder names who keeps most of the slots that nobody else needs', () => {
  const rig = new FenceRig({ slots: 8, members: 3 })
  assert.equal(rig.board.hoarder, undefined)
  for (const [reader, count] of [1, 3].entries())
    for (let i = 0; i < count; i++) {
      const at = rig.allocate()
      watch(rig.readers[reader]!, at, new Heard())
      rig.board.unpin(at.slot)
    }
  assert.deepEqual(rig.board.hoarder, { member: 2, slots: 3 })
})

test('FenceBoard.signal rings nobody who waits for nothing, or for something later', () => {
  const rig = new FenceRig()
  const at = rig.allocate()
  const heard = new Heard()
  const line = watch(rig.reader, at, heard)
  line.look()
  rig.board.signal(at.slot, 1)
  heard.wanted = 5
  line.look()
  rig.board.signal(at.slot, 4)
  assert.deepEqual(rig.rung, [])
  rig.board.signal(at.slot, 5)
  rig.board.signal(at.slot, 6)
  assert.deepEqual(rig.rung, [1], 'Once')
  assert.deepEqual(rig.woken, [])
})

test('FenceBoard.fail and end ring whoever waits', () => {
  const rig = new FenceRig()
  const at = rig.allocate()
  const line = watch(rig.reader, at, new Heard(9))
  line.look()
  const next = rig.fail(at, 3, 5)
  assert.deepEqual(rig.rung, [1])
  rig.reader.catchUp()
  rig.board.end(next.slot, 7)
  assert.deepEqual(rig.rung, [1, 1])
})

test('FenceBoard wakes sleepers of a slot only where a member says that it sleeps', () => {
  const rig = new FenceRig()
  const at = rig.allocate()
  rig.board.signal(at.slot, 1)
  rig.pages[0]!.store(MEMBER_SLEEPS, 1)
  rig.board.signal(at.slot, 2)
  rig.board.end(at.slot, 5)
  rig.pages[0]!.store(MEMBER_SLEEPS, 0)
  assert.deepEqual(rig.woken, [at.slot, at.slot])
})

test('A reader that writes whatever it likes into its page changes no fence of the owner', () => {
  const rig = new FenceRig({ slots: 2 })
  const at = rig.allocate()
  const page = rig.pages[0]!
  for (let word = 0; word < page.length; word++) page.store(word, -1)
  rig.board.signal(at.slot, 1)
  const heard = new Heard()
  // Another reader, through an honest page, sees what the owner said.
  const honest = new FenceRig({ slots: 2 })
  watch(rig.reader, at, heard).look()
  assert.deepEqual(heard.said, ['reached 1'])
  assert.deepEqual(honest.rung, [])
  page.store(rig.layout.watchAt(OWNER, at.slot) + WATCH_HAZARD, at.generation)
  rig.board.unpin(at.slot)
  rig.board.allocate()
  assert.equal(rig.board.allocate(), undefined, 'It can keep a slot')
  assert.deepEqual(rig.board.hoarder, { member: 1, slots: 1 }, 'and is named for it')
})
