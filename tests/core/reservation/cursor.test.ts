// Goal: a walk over a table that changes meanwhile shows every fence it must, says when it began anew, and
// leaves no reference behind.
// Method: walks by hand with changes between the steps, and creators that change the table while asked.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { putFence, signalFence, type Fence } from '#src/core/fence/fence.js'
import { LockedCursor, UnlockedCursor, type FenceCursor } from '#src/core/reservation/cursor.js'
import { allocateList } from '#src/core/reservation/fence-list.js'
import { FenceTable } from '#src/core/reservation/fence-table.js'
import { USAGES, type Usage } from '#src/core/reservation/usage.js'
import { collectWarnings } from '../../helpers/warnings.js'
import { FenceRig } from './fence-rig.js'

const [KERNEL, WRITE, READ, BOOKKEEP] = [0, 1, 2, 3] as const
const LOCKED = { check() {} }

/** A table with pending fences of these usages, its rig, and the fences. */
function open(...usages: readonly number[]) {
  const table = new FenceTable()
  const rig = new FenceRig()
  table.reserve(4)
  const fences = usages.map((usage) => {
    const fence = rig.fence()
    table.add(fence, usage)
    return fence
  })
  return {
    table,
    rig,
    fences,
    [Symbol.dispose]() {
      table.exchange(undefined)
      rig.finish()
    },
  }
}

function unlocked(table: FenceTable, usage: Usage = 'bookkeep'): UnlockedCursor {
  return new UnlockedCursor(table, usage)
}

function locked(table: FenceTable, usage: Usage = 'bookkeep'): LockedCursor {
  return new LockedCursor(table, usage, LOCKED)
}

/** All that is left of a walk: each fence, and whether it came with the word that the walk began anew. */
function rest(cursor: FenceCursor): readonly (readonly [Fence, boolean])[] {
  const seen: (readonly [Fence, boolean])[] = []
  for (let fence = cursor.step(); fence !== undefined; fence = cursor.step())
    seen.push([fence, cursor.isRestarted])
  cursor.end()
  return seen
}

const COVERS: Readonly<Record<Usage, readonly number[]>> = {
  kernel: [KERNEL],
  write: [KERNEL, WRITE],
  read: [KERNEL, WRITE, READ],
  bookkeep: [KERNEL, WRITE, READ, BOOKKEEP],
}

for (const [query, covered] of Object.entries(COVERS)) {
  for (const [kind, make] of [
    ['UnlockedCursor', unlocked],
    ['LockedCursor', locked],
  ] as const) {
    test(`${kind}: a query for ${query} walks ${covered.map((one) => USAGES[one]).join(', ')} in the order of the table [EX-4, RESV-1, RESV-17, RESV-18, RESV-24]`, () => {
      using it = open(BOOKKEEP, READ, WRITE, KERNEL)
      const cursor = make(it.table, query as Usage)
      const usages: Usage[] = []
      while (cursor.step() !== undefined) usages.push(cursor.usage)
      cursor.end()
      const expected = [BOOKKEEP, READ, WRITE, KERNEL].filter((one) => covered.includes(one))
      assert.deepEqual(
        usages,
        expected.map((one) => USAGES[one]),
      )
    })
  }
}

test('UnlockedCursor skips what has signalled, and what its creator says is done [RESV-18, MIS-11]', () => {
  using it = open(READ, READ)
  const done = it.rig.fence({ isSignaled: () => true })
  it.table.add(done, READ)
  signalFence(it.fences[0]!)
  assert.deepEqual(rest(unlocked(it.table)), [[it.fences[1], true]])
  assert.notEqual(done.timestampNs, undefined)
})

test('LockedCursor shows what has signalled, too, and asks nobody [RESV-17, MIS-11]', () => {
  using it = open(READ)
  let asked = 0
  const done = it.rig.fence({ isSignaled: () => ++asked > 0 })
  it.table.add(done, READ)
  signalFence(it.fences[0]!)
  assert.deepEqual(rest(locked(it.table)), [
    [it.fences[0], true],
    [done, false],
  ])
  assert.equal(asked, 0)
})

test('LockedCursor takes no references [RESV-17]', () => {
  using it = open(READ)
  const [fence] = it.fences as [Fence]
  const cursor = locked(it.table)
  assert.equal(cursor.step(), fence)
  it.rig.put(fence)
  it.table.exchange(undefined)
  assert.equal(it.rig.isReleased(fence), true)
})

test('LockedCursor asks for the lock at each step [RESV-17]', () => {
  using it = open(READ)
  const proof = { check: (operation: string) => assert.fail(operation) }
  assert.throws(() => new LockedCursor(it.table, 'read', proof).step(), { message: 'entries' })
})

test('UnlockedCursor holds a reference on its fence until the next step [RESV-18]', () => {
  using it = open(READ, READ)
  const [first, second] = it.fences as [Fence, Fence]
  const cursor = unlocked(it.table)
  cursor.step()
  it.table.replace(first.context, second, READ)
  it.rig.put(first)
  assert.equal(it.rig.isReleased(first), false)
  cursor.step()
  assert.equal(it.rig.isReleased(first), true)
  cursor.end()
})

test('UnlockedCursor compares the list before it asks anybody [RESV-19]', () => {
  using it = open(READ)
  let asked = 0
  it.table.add(it.rig.fence({ isSignaled: () => ++asked > 9 }), READ)
  const cursor = unlocked(it.table)
  cursor.step()
  it.table.exchange(allocateList(1, 'test'))
  assert.equal(cursor.step(), undefined)
  assert.equal(asked, 0)
})

test('UnlockedCursor.end gives the reference back, once, and ends the walk [RESV-18, RESV-24]', () => {
  using it = open(READ, READ)
  const [first] = it.fences as [Fence, Fence]
  const cursor = unlocked(it.table)
  cursor.step()
  it.table.exchange(undefined)
  it.rig.put(first)
  cursor.end()
  assert.equal(it.rig.isReleased(first), true)
  cursor.end()
  assert.equal(cursor.step(), undefined)
})

for (const [kind, make] of [
  ['UnlockedCursor', unlocked],
  ['LockedCursor', locked],
] as const) {
  test(`${kind}: after end() there is no next fence [RESV-24]`, () => {
    using it = open(READ, READ)
    const cursor = make(it.table)
    cursor.step()
    cursor.end()
    assert.equal(cursor.step(), undefined)
  })
}

for (const [kind, make] of [
  ['UnlockedCursor', unlocked],
  ['LockedCursor', locked],
] as const) {
  test(`${kind}: the first fence says that the walk began, others do not [RESV-19]`, () => {
    using it = open(READ, WRITE, READ)
    assert.deepEqual(
      rest(make(it.table)).map(([, restarted]) => restarted),
      [true, false, false],
    )
  })

  test(`${kind}: before the first step nothing has begun`, () => {
    using it = open(READ)
    using cursor = make(it.table)
    assert.deepEqual([cursor.isRestarted, cursor.usage], [false, 'kernel'])
  })

  test(`${kind}: of nothing, too, the first step says that the walk began, the next does not [RESV-19]`, () => {
    using cursor = make(new FenceTable())
    const said = [1, 2].map(() => [cursor.step(), cursor.isRestarted])
    assert.deepEqual(said, [
      [undefined, true],
      [undefined, false],
    ])
  })

  test(`${kind}: an iterator that is returned is done`, () => {
    using it = open(READ, READ)
    const iterator = make(it.table)[Symbol.iterator]()
    iterator.next()
    assert.deepEqual(iterator.return!(), { done: true, value: undefined })
    assert.deepEqual(iterator.next(), { done: true, value: undefined })
  })

  test(`${kind}: nothing to walk [RESV-17, RESV-18]`, () => {
    assert.deepEqual(rest(make(new FenceTable())), [])
    using it = open()
    assert.deepEqual(rest(make(it.table)), [])
    using books = open(BOOKKEEP)
    assert.deepEqual(rest(make(books.table, 'read')), [])
  })

  test(`${kind} in a for loop that is left early keeps nothing [RESV-24]`, () => {
    using it = open(READ, WRITE)
    for (const entry of make(it.table)) {
      assert.deepEqual(entry, { fence: it.fences[0], usage: 'read', isRestarted: true })
      break
    }
    assert.deepEqual(
      [...make(it.table)].map(({ fence, usage, isRestarted }) => [fence, usage, isRestarted]),
      [
        [it.fences[0], 'read', true],
        [it.fences[1], 'write', false],
      ],
    )
  })

  test(`${kind} is disposable [RESV-24]`, () => {
    using it = open(READ)
    using cursor = make(it.table)
    cursor.step()
  })
}

test('UnlockedCursor begins anew where the list was replaced [RESV-19, MIS-11, PORT-7]', () => {
  using it = open(READ, WRITE, READ)
  const cursor = unlocked(it.table)
  cursor.step()
  cursor.step()
  const before = it.table.list
  it.table.reserve(9)
  assert.notEqual(it.table.list, before)
  assert.deepEqual(rest(cursor), [
    [it.fences[0], true],
    [it.fences[1], false],
    [it.fences[2], false],
  ])
})

test('UnlockedCursor begins anew also after its last fence [RESV-19]', () => {
  using it = open(READ)
  const cursor = unlocked(it.table)
  cursor.step()
  it.table.reserve(9)
  assert.deepEqual(rest(cursor), [[it.fences[0], true]])
})

test('UnlockedCursor that finds nothing in a new list says that it began anew [RESV-19, RESV-22]', () => {
  using it = open(READ)
  const cursor = unlocked(it.table)
  cursor.step()
  it.table.exchange(allocateList(1, 'test'))
  assert.equal(cursor.step(), undefined)
  assert.equal(cursor.isRestarted, true)
  cursor.end()
})

test('UnlockedCursor goes on where the list was changed in place [RESV-21, MIS-11]', () => {
  using it = open(READ, READ, READ)
  const cursor = unlocked(it.table)
  cursor.step()
  const next = it.rig.fence({ context: it.fences[1]!.context, seqno: 2 })
  it.table.add(next, READ)
  const replacement = it.rig.fence()
  it.table.replace(it.fences[2]!.context, replacement, WRITE)
  assert.deepEqual(rest(cursor), [
    [next, false],
    [replacement, false],
  ])
})

test('UnlockedCursor misses what was appended after it began [RESV-21]', () => {
  using it = open(READ)
  const cursor = unlocked(it.table)
  cursor.step()
  it.table.add(it.rig.fence(), READ)
  assert.deepEqual(rest(cursor), [])
})

test('UnlockedCursor: the list becomes null: the end, not the last fence again [RESV-23]', () => {
  using it = open(READ, READ)
  const cursor = unlocked(it.table)
  assert.equal(cursor.step(), it.fences[0])
  it.table.exchange(undefined)
  assert.equal(cursor.step(), undefined)
  assert.equal(cursor.step(), undefined)
  for (const fence of it.fences) it.rig.put(fence)
  assert.equal(it.rig.isReleased(it.fences[0]!), true)
})

test('UnlockedCursor goes on in a list that comes after null [RESV-19, RESV-23]', () => {
  using it = open(READ)
  const cursor = unlocked(it.table)
  cursor.step()
  it.table.exchange(undefined)
  assert.equal(cursor.step(), undefined)
  it.table.reserve(1)
  it.table.add(it.fences[0]!, WRITE)
  assert.deepEqual(rest(cursor), [[it.fences[0], true]])
})

test('UnlockedCursor compares the list again after a walk in which creators were asked [RESV-20, MIS-11]', () => {
  using it = open()
  let asked = 0
  const meddler = it.rig.fence({
    isSignaled: () => {
      if (++asked === 1) it.table.reserve(9)
      return false
    },
  })
  const after = it.rig.fence()
  it.table.add(meddler, READ)
  it.table.reserve(4)
  asked = 0
  const cursor = unlocked(it.table)
  assert.equal(cursor.step(), meddler)
  // The walk in the old list was thrown away: the fence was asked twice.
  assert.equal(asked, 3)
  assert.equal(cursor.isRestarted, true)
  it.table.add(after, READ)
  assert.deepEqual(rest(cursor), [])
})

test('UnlockedCursor begins anew, without a word, at a fence whose last reference is gone [RESV-20]', () => {
  using seen = collectWarnings()
  using it = open()
  let asked = 0
  const dying = it.rig.fence()
  const meddler = it.rig.fence({
    isSignaled: () => {
      if (++asked > 1) return true
      signalFence(dying)
      it.rig.put(dying)
      it.table.reserve(9)
      askedBehind = 0
      return true
    },
  })
  let askedBehind = 0
  const last = it.rig.fence({ isSignaled: () => ++askedBehind < 0 })
  it.table.reserve(3)
  const list = it.table.list!
  for (const fence of [meddler, dying, last]) {
    it.table.list = allocateList(1, 'test')
    it.table.add(fence, READ)
    list.fences.push(it.table.list.fences[0]!)
    list.usages.push(READ)
  }
  it.table.list = list
  const cursor = unlocked(it.table)
  assert.equal(cursor.step(), last)
  assert.equal(it.rig.isReleased(dying), true)
  assert.equal(cursor.isRestarted, true)
  // What stands behind it in the old list is not asked: only in the new one.
  assert.equal(askedBehind, 1)
  assert.deepEqual(seen.list, [])
  cursor.end()
})

test('UnlockedCursor skips a fence that somebody put too often, with a warning [RESV-20]', () => {
  using seen = collectWarnings()
  const table = new FenceTable()
  const rig = new FenceRig()
  const dead = rig.fence()
  const alive = rig.fence()
  table.reserve(2)
  table.add(dead, READ)
  table.add(alive, READ)
  rig.put(dead)
  putFence(dead)
  assert.deepEqual(rest(unlocked(table)), [[alive, true]])
  assert.deepEqual(
    seen.list.map(({ rule }) => rule),
    ['RESV-20'],
  )
})

test('UnlockedCursor: a creator that throws when asked hides nothing and leaks nothing [PORT-4]', () => {
  using seen = collectWarnings()
  using it = open(READ)
  const angry = it.rig.fence({
    isSignaled: () => {
      throw new Error('Lost the device')
    },
  })
  it.table.add(angry, READ)
  assert.deepEqual(
    rest(unlocked(it.table)).map(([fence]) => fence),
    [it.fences[0], angry],
  )
  assert.equal(seen.list.length, 1)
})
