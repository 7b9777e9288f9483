// Goal: questions about a table get the answers of one moment, with the references they promise.
// Method: tables of counted fences; lists that are replaced while the question is answered; a manual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { DmaBufError } from '#src/core/errors.js'
import { isFenceArray } from '#src/core/fence/fence-array.js'
import { putFence, signalFence, type Fence } from '#src/core/fence/fence.js'
import { allocateList } from '#src/core/reservation/fence-list.js'
import { FenceTable } from '#src/core/reservation/fence-table.js'
import {
  collectFences,
  copyList,
  describeTable,
  setDeadlines,
  singletonOf,
  waitForAll,
} from '#src/core/reservation/queries.js'
import { putAll } from '#src/core/reservation/quiet-fence.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { collectWarnings } from '../../helpers/warnings.js'
import { FenceRig, type FencePlan } from './fence-rig.js'

const [KERNEL, WRITE, READ, BOOKKEEP] = [0, 1, 2, 3] as const

/** A table with pending fences of these usages. */
function open(usages: readonly number[] = [], plan: FencePlan = {}) {
  const table = new FenceTable()
  const rig = new FenceRig()
  table.reserve(4)
  const fences = usages.map((usage) => {
    const fence = rig.fence(plan)
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

/** Lets all that is due run: a wait looks again a few turns after it was woken. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

test('collectFences: the pending ones, each with a reference [RESV-26]', () => {
  using it = open([READ, WRITE, BOOKKEEP, KERNEL])
  signalFence(it.fences[1]!)
  const fences = collectFences(it.table, 'read', 'test')
  assert.deepEqual(fences, [it.fences[0], it.fences[3]])
  it.table.exchange(undefined)
  for (const fence of it.fences) it.rig.put(fence)
  assert.deepEqual(
    it.fences.map((fence) => it.rig.isReleased(fence)),
    [false, true, true, false],
  )
  putAll(fences)
})

test('collectFences: nothing pending, nothing found [RESV-26]', () => {
  assert.deepEqual(collectFences(new FenceTable(), 'bookkeep', 'test'), [])
  using it = open([READ])
  assert.deepEqual(collectFences(it.table, 'write', 'test'), [])
})

test('collectFences fails with ENOMEM only where there is something to keep [RESV-26]', () => {
  using it = open([READ])
  using _debug = setDebug({ failAllocations: true })
  assert.deepEqual(collectFences(it.table, 'write', 'test'), [])
  assert.throws(() => collectFences(it.table, 'read', 'test'), {
    code: 'ENOMEM',
    operation: 'test',
  })
})

/** Adds a fence whose creator does something once, the `count`-th time it is asked. */
function meddle(table: FenceTable, rig: FenceRig, { at, work }: { at: number; work: () => void }) {
  let asked = 0
  const fence = rig.fence({
    isSignaled: () => {
      if (++asked === at) work()
      return false
    },
  })
  table.add(fence, READ)
  return fence
}

test('collectFences throws away what it gathered where the list was replaced [RESV-22, RESV-27, MIS-11]', () => {
  using it = open([READ, READ])
  const meddler = meddle(it.table, it.rig, { at: 1, work: () => it.table.reserve(9) })
  const fences = collectFences(it.table, 'read', 'test')
  assert.deepEqual(fences, [...it.fences, meddler])
  putAll(fences)
})

test('collectFences finds nothing where the list became empty meanwhile [RESV-22, RESV-27, MIS-11]', () => {
  using it = open([READ, READ])
  meddle(it.table, it.rig, { at: 1, work: () => it.table.exchange(undefined) })
  assert.deepEqual(collectFences(it.table, 'read', 'test'), [])
})

test('collectFences that runs out of memory on its second way keeps no reference [RESV-26]', () => {
  using it = open([READ])
  let debug: Disposable | undefined
  meddle(it.table, it.rig, {
    at: 1,
    work: () => {
      it.table.reserve(9)
      debug = setDebug({ failAllocations: true })
    },
  })
  try {
    assert.throws(() => collectFences(it.table, 'read', 'test'), { code: 'ENOMEM' })
  } finally {
    debug?.[Symbol.dispose]()
  }
})

test('singletonOf: nothing pending, nothing [RESV-28]', () => {
  assert.equal(singletonOf(new FenceTable(), 'bookkeep'), undefined)
  using it = open([READ, WRITE])
  signalFence(it.fences[1]!)
  assert.equal(singletonOf(it.table, 'write'), undefined)
})

test('singletonOf: one pending, that very fence with a reference [RESV-28]', () => {
  using it = open([READ, WRITE, BOOKKEEP])
  signalFence(it.fences[1]!)
  const fence = singletonOf(it.table, 'read')!
  assert.equal(fence, it.fences[0])
  it.table.exchange(undefined)
  it.rig.put(fence)
  assert.equal(it.rig.isReleased(fence), false)
  putFence(fence)
})

test('singletonOf: more pending, a new array of all of them, with a context of its own and seqno 1 [RESV-28]', () => {
  using it = open([READ, WRITE, KERNEL, BOOKKEEP], { context: 7 })
  using _seen = collectWarnings()
  const first = singletonOf(it.table, 'bookkeep')
  const second = singletonOf(it.table, 'bookkeep')
  assert.ok(isFenceArray(first) && isFenceArray(second))
  // Not deduplicated, though all are of one context and seqno.
  assert.deepEqual(first.elements, it.table.list!.fences)
  assert.equal(first.seqno, 1)
  assert.equal(second.seqno, 1)
  assert.notEqual(first.context, second.context)
  for (const fence of it.fences.slice(1)) signalFence(fence)
  assert.equal(first.isSignaled(), false)
  signalFence(it.fences[0]!)
  assert.equal(first.isSignaled(), true)
  putFence(first)
  putFence(second)
})

test('singletonOf fails with ENOMEM and keeps no reference [RESV-28]', () => {
  using it = open([READ, WRITE])
  using _debug = setDebug({ failAllocations: true })
  assert.throws(() => singletonOf(it.table, 'read'), { code: 'ENOMEM', operation: 'singleton' })
})

test('copyList: pending fences with their usages and references [RESV-25]', () => {
  using it = open([READ, WRITE, BOOKKEEP, KERNEL])
  signalFence(it.fences[1]!)
  const list = copyList(it.table)!
  assert.deepEqual(list.fences, [it.fences[0], it.fences[2], it.fences[3]])
  assert.deepEqual(list.usages, [READ, BOOKKEEP, KERNEL])
  it.table.exchange(undefined)
  for (const fence of it.fences) it.rig.put(fence)
  assert.equal(it.rig.isReleased(it.fences[0]!), false)
  putAll(list.fences)
})

test('copyList of nothing pending is no list [RESV-23, RESV-25]', () => {
  assert.equal(copyList(new FenceTable()), undefined)
  using it = open([READ])
  signalFence(it.fences[0]!)
  assert.equal(copyList(it.table), undefined)
})

test('copyList fails with ENOMEM and keeps no reference [RESV-25]', () => {
  using it = open([READ])
  using _debug = setDebug({ failAllocations: true })
  assert.throws(() => copyList(it.table), { code: 'ENOMEM', operation: 'copy' })
})

test('copyList begins anew where the list was replaced [RESV-22, RESV-25]', () => {
  using it = open([READ, WRITE])
  const meddler = meddle(it.table, it.rig, { at: 1, work: () => it.table.reserve(9) })
  const list = copyList(it.table)!
  assert.deepEqual(list.fences, [...it.fences, meddler])
  putAll(list.fences)
})

test('copyList: the list became null meanwhile [RESV-22, RESV-23, RESV-25]', () => {
  using it = open([READ, WRITE])
  meddle(it.table, it.rig, { at: 1, work: () => it.table.exchange(undefined) })
  assert.equal(copyList(it.table), undefined)
})

// EX-16, for a reservation: what is pending, the time, what comes back.
const RESULTS: readonly (readonly ['none' | 'signaled' | 'pending', number, number])[] = [
  ['none', 0, 1],
  ['none', 10, 10],
  ['none', Infinity, Infinity],
  ['signaled', 0, 1],
  ['signaled', 10, 10],
  ['signaled', Infinity, Infinity],
  ['pending', 0, 0],
]

for (const [state, timeoutMs, result] of RESULTS) {
  test(`waitForAll: ${state} fence, ${timeoutMs} ms: ${result} [EX-16, RESV-29]`, async () => {
    using it = open(state === 'none' ? [] : [READ, WRITE])
    if (state === 'signaled') for (const fence of it.fences) signalFence(fence)
    assert.equal(await waitForAll(it.table, 'read', timeoutMs, {}), result)
  })
}

test('waitForAll polls through enabling: a fence that enabling signals counts [RESV-29]', async () => {
  using it = open([READ, READ], { enableSignaling: () => false })
  assert.equal(await waitForAll(it.table, 'read', 0, {}), 1)
})

test('waitForAll: a poll stays a poll after a fence that enabling signalled [RESV-29]', async () => {
  using _time = useManualClock()
  using it = open([READ], { enableSignaling: () => false })
  it.table.add(it.rig.fence(), WRITE)
  assert.equal(await waitForAll(it.table, 'read', 0, {}), 0)
})

test('waitForAll waits for each fence with the time that is left [RESV-29]', async () => {
  using time = useManualClock()
  using it = open([READ, WRITE])
  const waiting = waitForAll(it.table, 'read', 10, {})
  time.clock.advance(3)
  signalFence(it.fences[0]!)
  await settle()
  time.clock.advance(4)
  signalFence(it.fences[1]!)
  assert.equal(await waiting, 3)
})

test('waitForAll: the time is over at the second fence: 0 [RESV-29]', async () => {
  using time = useManualClock()
  using it = open([READ, WRITE])
  const waiting = waitForAll(it.table, 'read', 10, {})
  time.clock.advance(6)
  signalFence(it.fences[0]!)
  await settle()
  time.clock.advance(4)
  assert.equal(await waiting, 0)
  assert.equal(time.clock.timerCount, 0)
})

test('waitForAll does not wait for what the usage does not cover [RESV-1, RESV-29]', async () => {
  using it = open([BOOKKEEP])
  assert.equal(await waitForAll(it.table, 'read', Infinity, {}), Infinity)
})

test('waitForAll for ever answers Infinity once all have signalled [RESV-29]', async () => {
  using it = open([READ, WRITE])
  const waiting = waitForAll(it.table, 'read', Infinity, {})
  for (const fence of it.fences) {
    signalFence(fence)
    await settle()
  }
  assert.equal(await waiting, Infinity)
})

test('waitForAll rejects with the reason of its signal and keeps no reference [RESV-29]', async () => {
  using it = open([READ])
  const abort = new AbortController()
  const waiting = waitForAll(it.table, 'read', Infinity, { signal: abort.signal })
  abort.abort(new Error('Enough'))
  await assert.rejects(waiting, { message: 'Enough' })
})

test('waitForAll: an aborted signal does not matter where nothing is pending [RESV-29, PORT-2]', async () => {
  using it = open([READ])
  signalFence(it.fences[0]!)
  assert.equal(await waitForAll(it.table, 'read', 5, { signal: AbortSignal.abort() }), 5)
})

test('waitForAll: a fence that failed is finished [RESV-29]', async () => {
  using it = open([READ])
  const waiting = waitForAll(it.table, 'read', Infinity, {})
  signalFence(it.fences[0]!, new DmaBufError('EIO', 'render', 'Shader hangs'))
  assert.equal(await waiting, Infinity)
})

test('waitForAll: an own wait that fails ends the wait with its error, and no reference is kept [RESV-29]', async () => {
  using it = open([READ], { wait: () => -5 })
  await assert.rejects(waitForAll(it.table, 'read', 10, {}), { code: 'EIO' })
})

test('waitForAll begins anew in a list that was replaced, with the time that is left [RESV-30]', async () => {
  using time = useManualClock()
  using it = open([READ])
  const waiting = waitForAll(it.table, 'read', 10, {})
  const late = it.rig.fence()
  it.table.reserve(9)
  it.table.add(late, WRITE)
  time.clock.advance(2)
  signalFence(it.fences[0]!)
  await settle()
  time.clock.advance(5)
  signalFence(late)
  assert.equal(await waiting, 3)
})

test('waitForAll does not wait for what was appended meanwhile [RESV-21, RESV-30]', async () => {
  using it = open([READ])
  const waiting = waitForAll(it.table, 'read', Infinity, {})
  it.table.add(it.rig.fence(), READ)
  signalFence(it.fences[0]!)
  assert.equal(await waiting, Infinity)
})

test('waitForAll: a creator that throws when it shall report ends its own wait, and no reference is kept [PORT-4]', async () => {
  using _seen = collectWarnings()
  using it = open([READ, WRITE])
  const angry = it.rig.fence({
    enableSignaling: () => {
      throw new Error('Lost the device')
    },
  })
  it.table.add(angry, KERNEL)
  const waiting = waitForAll(it.table, 'read', Infinity, {})
  for (const fence of it.fences) {
    signalFence(fence)
    await settle()
  }
  assert.equal(await waiting, Infinity)
  assert.equal(angry.status, 'error')
})

test('setDeadlines tells each pending fence up to the usage [RESV-31]', () => {
  const told: (readonly [Fence, number])[] = []
  const setDeadline = (fence: Fence, ns: number): void => {
    told.push([fence, ns])
  }
  using it = open([READ, BOOKKEEP, WRITE, READ], { setDeadline })
  signalFence(it.fences[2]!)
  setDeadlines(it.table, 'read', 77)
  assert.deepEqual(told, [
    [it.fences[0], 77],
    [it.fences[3], 77],
  ])
})

test('setDeadlines: a creator that throws throws, and no reference is kept [RESV-31]', () => {
  using it = open([READ], {
    setDeadline() {
      throw new Error('Never heard of time')
    },
  })
  assert.throws(() => setDeadlines(it.table, 'read', 77), { message: 'Never heard of time' })
})

test('describeTable: a line each, signalled ones too, without those that keep books [RESV-32, PORT-12]', () => {
  using it = open([WRITE, BOOKKEEP, READ, KERNEL])
  signalFence(it.fences[2]!)
  assert.equal(
    describeTable(it.table),
    '\twrite fence:test ring seq 1 unsignalled\n' +
      '\tread fence:test ring seq 1 signalled\n' +
      '\tkernel fence:test ring seq 1 unsignalled\n',
  )
})

test('describeTable of nothing is nothing [RESV-32]', () => {
  assert.equal(describeTable(new FenceTable()), '')
  const table = new FenceTable()
  table.list = allocateList(1, 'test')
  assert.equal(describeTable(table), '')
})
