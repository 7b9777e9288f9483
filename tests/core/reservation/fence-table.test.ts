// Goal: fences come into the slot where they belong and leave it with their reference, and nobody gets lost.
// Method: tables of fences with counted references; EX-3 as a table of cases; creators that throw or meddle.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { getFence, signalFence, type Fence } from '#src/core/fence/fence.js'
import { FenceTable } from '#src/core/reservation/fence-table.js'
import { usageOrder, USAGES, type Usage } from '#src/core/reservation/usage.js'
import { collectWarnings } from '../../helpers/warnings.js'
import { FenceRig, type FencePlan } from './fence-rig.js'

const [KERNEL, WRITE, READ, BOOKKEEP] = [0, 1, 2, 3] as const

/** A table that is emptied at the end, and a rig that then counts references. */
function open(): Disposable & { readonly table: FenceTable; readonly rig: FenceRig } {
  const table = new FenceTable()
  const rig = new FenceRig()
  return {
    table,
    rig,
    [Symbol.dispose]() {
      table.exchange(undefined)
      rig.finish()
    },
  }
}

function contents({ list }: FenceTable): readonly (readonly [Fence, number])[] {
  return (list?.fences ?? []).map((fence, index) => [fence, list!.usages[index]!])
}

test('FenceTable has no list until a slot is reserved [RESV-5]', () => {
  const table = new FenceTable()
  assert.equal(table.list, undefined)
  table.reserve(1)
  assert.equal(table.list!.fences.length, 0)
})

test('FenceTable.reserve refuses 0 with a warning and EINVAL [RESV-6]', () => {
  using seen = collectWarnings()
  const table = new FenceTable()
  assert.throws(() => table.reserve(0), { code: 'EINVAL', rule: 'RESV-6' })
  assert.deepEqual(
    seen.list.map(({ rule }) => rule),
    ['RESV-6'],
  )
  assert.equal(table.list, undefined)
})

for (const slots of [-1, 1.5, Number.NaN, '1', undefined]) {
  test(`FenceTable.reserve refuses ${String(slots)}`, () => {
    assert.throws(() => new FenceTable().reserve(slots as number), RangeError)
  })
}

test('FenceTable.reserve looks at the count before it asks for memory [RESV-6]', () => {
  using _seen = collectWarnings()
  using _debug = setDebug({ failAllocations: true })
  assert.throws(() => new FenceTable().reserve(0), { code: 'EINVAL' })
  assert.throws(() => new FenceTable().reserve(1), { code: 'ENOMEM' })
})

test('FenceTable.reserve fails with ENOMEM and changes nothing [RESV-6]', () => {
  using it = open()
  const fence = it.rig.fence()
  it.table.reserve(1)
  it.table.add(fence, READ)
  const before = it.table.list
  assert.throws(() => it.table.reserve(2 ** 20), { code: 'ENOMEM' })
  {
    using _debug = setDebug({ failAllocations: true })
    it.table.reserve(4)
    assert.throws(() => it.table.reserve(5), { code: 'ENOMEM' })
  }
  assert.equal(it.table.list, before)
  assert.deepEqual(contents(it.table), [[fence, READ]])
})

test('FenceTable.reserve is no sum: twice one slot is one slot [RESV-7, MIS-10]', () => {
  using it = open()
  it.table.reserve(4)
  for (let i = 0; i < 4; i++) it.table.add(it.rig.fence(), READ)
  const before = it.table.list
  it.table.reserve(1)
  it.table.reserve(1)
  assert.equal(it.table.list, before)
  it.table.add(it.rig.fence(), READ)
  assert.throws(() => it.table.add(it.rig.fence(), READ), { code: 'ERR_DMABUF_BUG' })
})

test('FenceTable.reserve guarantees the count and so many more [RESV-6]', () => {
  using it = open()
  for (const slots of [1, 3, 6, 1, 12, 40]) {
    it.table.reserve(slots)
    const { fences, capacity } = it.table.list!
    assert.ok(fences.length + slots <= capacity)
    for (let i = 0; i < slots; i++) it.table.add(it.rig.fence(), READ)
  }
})

test('FenceTable: the first list has room for four fences, five indeed [RESV-8, EX-15]', () => {
  using it = open()
  it.table.reserve(1)
  for (let i = 0; i < 4; i++) it.table.add(it.rig.fence(), READ)
  assert.equal(it.table.list!.capacity, 5)
})

test('FenceTable.forgetSpareSlots: what was reserved is gone [RESV-9, EX-15, MIS-10]', () => {
  using it = open()
  it.table.reserve(1)
  it.table.forgetSpareSlots()
  assert.throws(() => it.table.add(it.rig.fence(), READ), { code: 'ERR_DMABUF_BUG' })
  it.table.reserve(1)
  const fence = it.rig.fence()
  it.table.add(fence, READ)
  it.table.forgetSpareSlots()
  assert.equal(it.table.list!.capacity, 1)
  assert.throws(() => it.table.add(it.rig.fence(), READ), { code: 'ERR_DMABUF_BUG' })
  assert.deepEqual(contents(it.table), [[fence, READ]])
})

test('FenceTable.forgetSpareSlots on a table without a list does nothing [RESV-9]', () => {
  const table = new FenceTable()
  table.forgetSpareSlots()
  assert.equal(table.list, undefined)
})

test('FenceTable.reserve that grows: another list, signalled fences put, the rest in order [RESV-8]', () => {
  using it = open()
  const fences = USAGES.map(() => it.rig.fence({}))
  it.table.reserve(4)
  fences.forEach((fence, usage) => it.table.add(fence, usage))
  const last = it.rig.fence()
  it.table.add(last, WRITE)
  const before = it.table.list
  signalFence(fences[1]!)
  signalFence(fences[3]!)
  it.table.reserve(1)
  assert.notEqual(it.table.list, before)
  assert.equal(it.table.list!.capacity, 13)
  assert.deepEqual(contents(it.table), [
    [fences[0], KERNEL],
    [fences[2], READ],
    [last, WRITE],
  ])
})

test('FenceTable.reserve asks creators whether fences have signalled when it grows [RESV-8]', () => {
  using it = open()
  let done = false
  const fence = it.rig.fence({ isSignaled: () => done })
  it.table.reserve(4)
  it.table.add(fence, READ)
  done = true
  it.table.reserve(5)
  assert.deepEqual(contents(it.table), [])
})

test('FenceTable.reserve that need not grow keeps the list and signalled fences [RESV-8, RESV-21]', () => {
  using it = open()
  const fence = it.rig.signaled()
  it.table.reserve(4)
  it.table.add(fence, READ)
  const before = it.table.list
  it.table.reserve(4)
  assert.equal(it.table.list, before)
  assert.deepEqual(contents(it.table), [[fence, READ]])
})

// EX-3: rows old, columns new usage. R: takes over the slot, A: appended.
const SAME_CONTEXT: Readonly<Record<Usage, string>> = {
  kernel: 'RAAA',
  write: 'RRAA',
  read: 'RRRA',
  bookkeep: 'RRRR',
}

/** Adds a fence of one usage, then another one; says whether the second took over the slot. */
function addAfter(
  [oldUsage, newUsage]: readonly [number, number],
  seqnos: readonly [number, number],
  { context, signaled = false }: { context?: number; signaled?: boolean } = {},
): string {
  using it = open()
  const old = it.rig.fence({ context: 7, seqno: seqnos[0] })
  const fence = it.rig.fence({ context: context ?? 7, seqno: seqnos[1] })
  it.table.reserve(2)
  it.table.add(old, oldUsage)
  if (signaled) signalFence(old)
  it.table.add(fence, newUsage)
  const appended = it.table.list!.fences.length === 2
  const expected = appended
    ? [
        [old, oldUsage],
        [fence, newUsage],
      ]
    : [[fence, newUsage]]
  assert.deepEqual(contents(it.table), expected)
  return appended ? 'A' : 'R'
}

for (const [oldUsage, row] of Object.entries(SAME_CONTEXT)) {
  for (const [index, newUsage] of USAGES.entries()) {
    const usages = [usageOrder(oldUsage as Usage), index] as const
    const how = row[index] === 'R' ? 'takes over the slot' : 'is appended'
    test(`FenceTable.add: ${newUsage} after ${oldUsage} of its context ${how} [EX-3, RESV-4, RESV-15, MIS-9]`, () => {
      assert.equal(addAfter(usages, [1, 2]), row[index])
    })
    test(`FenceTable.add: an earlier ${newUsage} after ${oldUsage} is appended [EX-3, RESV-15]`, () => {
      assert.equal(addAfter(usages, [2, 1]), 'A')
    })
    test(`FenceTable.add: ${newUsage} after ${oldUsage} of another context is appended [EX-3, RESV-4, RESV-15, MIS-9]`, () => {
      assert.equal(addAfter(usages, [1, 2], { context: 8 }), 'A')
    })
    test(`FenceTable.add: ${newUsage} after a signalled ${oldUsage} takes over the slot [EX-3, RESV-15]`, () => {
      assert.equal(addAfter(usages, [2, 1], { context: 8, signaled: true }), 'R')
    })
    test(`FenceTable.add: the same fence as ${newUsage} after ${oldUsage} counts as later [EX-3, RESV-4, RESV-15]`, () => {
      using it = open()
      const fence = it.rig.fence()
      it.table.reserve(2)
      it.table.add(fence, usages[0])
      it.table.add(fence, usages[1])
      assert.equal(it.table.list!.fences.length, row[index] === 'R' ? 1 : 2)
    })
  }
}

test('FenceTable.add takes over the first slot that will do, whichever the reason [RESV-14, MIS-9]', () => {
  using it = open()
  const other = it.rig.fence()
  const old = it.rig.fence({ context: 7, seqno: 1 })
  it.table.reserve(4)
  it.table.add(other, READ)
  it.table.add(old, READ)
  signalFence(other)
  const fence = it.rig.fence({ context: 7, seqno: 2 })
  it.table.add(fence, READ)
  assert.deepEqual(contents(it.table), [
    [fence, READ],
    [old, READ],
  ])
})

test('FenceTable.add takes over one slot only, though more would do [RESV-14, RESV-15, MIS-9]', () => {
  using it = open()
  const first = it.rig.fence({ context: 7, seqno: 2 })
  const second = it.rig.fence({ context: 7, seqno: 1 })
  it.table.reserve(4)
  it.table.add(first, READ)
  it.table.add(second, BOOKKEEP)
  const fence = it.rig.fence({ context: 7, seqno: 3 })
  it.table.add(fence, WRITE)
  assert.deepEqual(contents(it.table), [
    [fence, WRITE],
    [second, BOOKKEEP],
  ])
})

test('FenceTable.add: a new slot is whole before it counts [RESV-12]', () => {
  using it = open()
  it.table.reserve(2)
  const { fences, usages } = it.table.list!
  let appended = 0
  fences.push = (...more) => {
    assert.equal(usages[fences.length], WRITE)
    appended++
    return Array.prototype.push.apply(fences, more)
  }
  it.table.add(it.rig.fence(), WRITE)
  it.table.add(it.rig.fence(), WRITE)
  assert.equal(appended, 2)
})

test('FenceTable.add: a WRITE drops no READ of others [RESV-4]', () => {
  using it = open()
  const read = it.rig.fence()
  const write = it.rig.fence()
  it.table.reserve(2)
  it.table.add(read, READ)
  it.table.add(write, WRITE)
  assert.deepEqual(contents(it.table), [
    [read, READ],
    [write, WRITE],
  ])
})

test('FenceTable.add takes a reference of its own and puts what it replaces [RESV-10, RESV-14]', () => {
  using it = open()
  const old = it.rig.fence({ context: 7, seqno: 1 })
  it.table.reserve(1)
  it.table.add(old, READ)
  it.rig.put(old)
  assert.equal(it.rig.isReleased(old), false)
  const fence = it.rig.fence({ context: 7, seqno: 2 })
  it.table.add(fence, READ)
  assert.equal(it.rig.isReleased(old), true)
  assert.equal(it.rig.isReleased(fence), false)
})

test('FenceTable.add without any list is a bug, and takes no reference [RESV-11]', () => {
  using it = open()
  assert.throws(() => it.table.add(it.rig.fence(), READ), {
    code: 'ERR_DMABUF_BUG',
    rule: 'RESV-11',
  })
})

test('FenceTable.add beyond the capacity is a bug, takes no reference and changes nothing [RESV-11]', () => {
  using it = open()
  it.table.reserve(4)
  const fences = Array.from({ length: 5 }, () => it.rig.fence())
  for (const fence of fences) it.table.add(fence, READ)
  assert.throws(() => it.table.add(it.rig.fence(), READ), {
    code: 'ERR_DMABUF_BUG',
    rule: 'RESV-11',
  })
  assert.deepEqual(it.table.list!.fences, fences)
})

test('FenceTable.add into a full table: a slot that can be taken over needs no other [RESV-14]', () => {
  using it = open()
  it.table.reserve(4)
  for (let i = 0; i < 5; i++) it.table.add(it.rig.fence({ context: i + 1 }), READ)
  const fence = it.rig.fence({ context: 3, seqno: 2 })
  it.table.add(fence, READ)
  assert.equal(it.table.list!.fences[2], fence)
})

test('FenceTable.add enables nothing and waits for nothing [RESV-13]', () => {
  using it = open()
  let enabled = 0
  const enableSignaling = (): boolean => {
    enabled++
    return true
  }
  it.table.reserve(2)
  it.table.add(it.rig.fence({ context: 7, seqno: 1, enableSignaling }), READ)
  it.table.add(it.rig.fence({ context: 7, seqno: 2, enableSignaling }), READ)
  it.table.replace(7, it.rig.fence({ context: 7, seqno: 3, enableSignaling }), WRITE)
  assert.equal(enabled, 0)
})

test('FenceTable.replace: every slot of the context, whatever its usage and state, a reference each [RESV-16]', () => {
  using it = open()
  const [a, b, c] = [1, 3, 2].map((seqno) => it.rig.fence({ context: 7, seqno })) as [
    Fence,
    Fence,
    Fence,
  ]
  const other = it.rig.fence()
  it.table.reserve(4)
  it.table.add(a, KERNEL)
  it.table.add(other, READ)
  it.table.add(b, WRITE)
  it.table.add(c, BOOKKEEP)
  signalFence(b)
  const fence = it.rig.fence()
  it.table.replace(7, fence, BOOKKEEP)
  assert.deepEqual(contents(it.table), [
    [fence, BOOKKEEP],
    [other, READ],
    [fence, BOOKKEEP],
    [fence, BOOKKEEP],
  ])
})

test('FenceTable.replace without a match or a list changes nothing and needs no slot [RESV-16]', () => {
  using it = open()
  const fence = it.rig.fence()
  it.table.replace(7, fence, READ)
  assert.equal(it.table.list, undefined)
  it.table.reserve(1)
  it.table.add(fence, READ)
  it.table.forgetSpareSlots()
  it.table.replace(fence.context + 1, it.rig.fence(), WRITE)
  assert.deepEqual(contents(it.table), [[fence, READ]])
  const next = it.rig.fence()
  it.table.replace(fence.context, next, WRITE)
  assert.deepEqual(contents(it.table), [[next, WRITE]])
})

// EX-4: what a query of the row's usage looks at.
const COVERS: Readonly<Record<Usage, string>> = {
  kernel: 'x...',
  write: 'xx..',
  read: 'xxx.',
  bookkeep: 'xxxx',
}

for (const [query, row] of Object.entries(COVERS)) {
  for (const [index, usage] of USAGES.entries()) {
    const covered = row[index] === 'x'
    test(`FenceTable.isSignaled: a query for ${query} ${covered ? 'sees' : 'ignores'} ${usage} [EX-4, RESV-1, RESV-31]`, () => {
      using it = open()
      const limit = usageOrder(query as Usage)
      assert.equal(it.table.isSignaled(limit), true)
      const fence = it.rig.fence()
      it.table.reserve(1)
      it.table.add(fence, index)
      assert.equal(it.table.isSignaled(limit), !covered)
      signalFence(fence)
      assert.equal(it.table.isSignaled(limit), true)
    })
  }
}

test('FenceTable.isSignaled asks creators, and signals what they say is done [RESV-31]', () => {
  using it = open()
  const fence = it.rig.fence({ isSignaled: () => true })
  it.table.reserve(1)
  it.table.add(fence, READ)
  let called = 0
  fence.addCallback(() => called++)
  assert.equal(it.table.isSignaled(READ), true)
  assert.equal(called, 1)
})

test('FenceTable.isSignaled looks again where the list was replaced while it asked [RESV-20]', () => {
  using it = open()
  const late = it.rig.fence()
  let asked = 0
  const meddler = it.rig.fence({
    isSignaled: () => {
      if (++asked > 1) return true
      it.table.reserve(9)
      it.table.add(late, WRITE)
      return true
    },
  })
  it.table.reserve(1)
  it.table.add(meddler, READ)
  assert.equal(it.table.isSignaled(READ), false)
})

function openWith(usages: readonly number[], plan: FencePlan) {
  const it = open()
  it.table.reserve(4)
  const fences = usages.map((usage) => {
    const fence = it.rig.fence(plan)
    it.table.add(fence, usage)
    return fence
  })
  return Object.assign(it, { fences })
}

const angry = (): boolean => {
  throw new Error('Lost the device')
}

test('A creator that throws when asked is reported; the fence counts as pending [PORT-4]', () => {
  using seen = collectWarnings()
  using it = openWith([READ], { isSignaled: angry })
  assert.equal(it.table.isSignaled(READ), false)
  signalFence(it.fences[0]!)
  assert.equal(it.table.isSignaled(READ), true)
  assert.deepEqual(
    seen.list.map(({ rule }) => rule),
    ['PORT-4'],
  )
})

test('FenceTable.add is not kept from adding by a creator that throws [RESV-11, PORT-4]', () => {
  using _seen = collectWarnings()
  using it = openWith([READ], { isSignaled: angry })
  const fence = it.rig.fence()
  it.table.add(fence, WRITE)
  assert.deepEqual(contents(it.table), [
    [it.fences[0], READ],
    [fence, WRITE],
  ])
})

test('FenceTable.reserve is not kept from growing by a creator that throws [RESV-8, PORT-4]', () => {
  using _seen = collectWarnings()
  using it = openWith([READ, WRITE], { isSignaled: angry })
  it.table.reserve(8)
  assert.ok(it.table.list!.capacity >= 10)
  assert.deepEqual(contents(it.table), [
    [it.fences[0], READ],
    [it.fences[1], WRITE],
  ])
})

test('A release that throws keeps no other fence from being put [PORT-4]', () => {
  using _seen = collectWarnings()
  using it = openWith([READ, READ, READ], { release: angry })
  for (const fence of it.fences) {
    signalFence(fence)
    it.rig.put(fence)
  }
  it.table.reserve(5)
  assert.deepEqual(contents(it.table), [])
  for (const fence of it.fences) assert.equal(it.rig.isReleased(fence), true)
})

test('FenceTable.replace changes every slot before a release runs that looks at them [RESV-16]', () => {
  using it = open()
  let seen: readonly unknown[] = []
  const old = it.rig.fence({ context: 7, release: () => (seen = contents(it.table)) })
  const second = it.rig.fence({ context: 7, seqno: 2 })
  it.table.reserve(2)
  it.table.add(old, READ)
  it.table.add(second, BOOKKEEP)
  it.rig.put(old)
  const fence = it.rig.fence()
  it.table.replace(7, fence, WRITE)
  assert.deepEqual(seen, [
    [fence, WRITE],
    [fence, WRITE],
  ])
})

test('A fence added while creators are asked about growing is not lost [RESV-8]', () => {
  using it = open()
  const late = it.rig.fence()
  let asked = 0
  const meddler = it.rig.fence({
    isSignaled: () => {
      if (++asked === 1) it.table.add(late, WRITE)
      return false
    },
  })
  it.table.reserve(4)
  it.table.add(meddler, READ)
  it.table.reserve(5)
  assert.deepEqual(contents(it.table), [
    [meddler, READ],
    [late, WRITE],
  ])
})

test('FenceTable.add finds its slot anew where the list was replaced while it asked [RESV-14]', () => {
  using it = open()
  let asked = 0
  const meddler = it.rig.fence({
    isSignaled: () => {
      if (++asked === 1) it.table.reserve(9)
      return asked > 1
    },
  })
  const after = it.rig.fence()
  it.table.reserve(4)
  it.table.add(meddler, READ)
  it.table.list!.fences.push(getFence(after))
  it.table.list!.usages.push(READ)
  const fence = it.rig.fence()
  it.table.add(fence, WRITE)
  assert.deepEqual(new Set(it.table.list!.fences), new Set([after, fence]))
})

test('FenceTable.add finds its slot in a list that came while it asked in vain [RESV-14]', () => {
  using it = open()
  const old = it.rig.fence({ context: 7, seqno: 1 })
  let asked = 0
  const meddler = it.rig.fence({
    isSignaled: () => {
      if (++asked > 1) return false
      it.table.reserve(9)
      it.table.add(old, READ)
      return false
    },
  })
  it.table.reserve(4)
  it.table.add(meddler, READ)
  const fence = it.rig.fence({ context: 7, seqno: 2 })
  it.table.add(fence, READ)
  assert.deepEqual(it.table.list!.fences, [meddler, fence])
})
