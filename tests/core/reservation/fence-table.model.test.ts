// Goal: whatever is added, replaced, signalled, copied and walked in whatever order, a table does what the
// rules say, and every reference comes back.
// Method: random steps on two tables and on naive models of them, with walks that stand still in between;
// fast-check prints the seed of a failure.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isFlaggedSignaled, signalFence, type Fence } from '#src/core/fence/fence.js'
import { UnlockedCursor } from '#src/core/reservation/cursor.js'
import { FenceTable } from '#src/core/reservation/fence-table.js'
import { collectFences, copyList } from '#src/core/reservation/queries.js'
import { putAll } from '#src/core/reservation/quiet-fence.js'
import { usageOrder, USAGES } from '#src/core/reservation/usage.js'
import { Random } from '../../helpers/random.js'
import { FenceRig } from './fence-rig.js'

interface Slot {
  fence: Fence
  usage: number
}

/** A list as the rules tell it: its identity is the object's. */
interface ModelList {
  readonly slots: Slot[]
  capacity: number
}

const isPending = (fence: Fence): boolean => !isFlaggedSignaled(fence)

/** One table, said as simply as can be. */
class Model {
  list: ModelList | undefined

  reserve(slots: number, capacityOf: () => number): void {
    const { list } = this
    if (list !== undefined && list.capacity > 0 && list.slots.length + slots <= list.capacity)
      return
    const kept = (list?.slots ?? []).filter(({ fence }) => isPending(fence))
    this.list = { slots: kept.map((slot) => ({ ...slot })), capacity: capacityOf() }
  }

  /** Whether there is room for it. */
  add(fence: Fence, usage: number): boolean {
    if (this.list === undefined) return false
    const slot = this.list.slots.find(
      (old) =>
        (old.fence.context === fence.context &&
          old.usage >= usage &&
          (old.fence === fence || old.fence.seqno < fence.seqno)) ||
        !isPending(old.fence),
    )
    if (slot !== undefined) Object.assign(slot, { fence, usage })
    else if (this.list.slots.length < this.list.capacity) this.list.slots.push({ fence, usage })
    else return false
    return true
  }

  replace(context: number, fence: Fence, usage: number): void {
    for (const slot of this.list?.slots ?? [])
      if (slot.fence.context === context) Object.assign(slot, { fence, usage })
  }

  pending(limit: number): Slot[] {
    return (this.list?.slots ?? []).filter(({ fence, usage }) => usage <= limit && isPending(fence))
  }
}

/** A walk over a model. */
class ModelCursor {
  readonly #model: Model
  readonly #limit: number
  #list: ModelList | undefined | null = null
  #count = 0
  #index = 0

  constructor(model: Model, limit: number) {
    this.#model = model
    this.#limit = limit
  }

  step(): readonly [Fence, number, boolean] | undefined {
    const restarted = this.#list !== this.#model.list
    if (restarted) {
      this.#list = this.#model.list
      this.#count = this.#list?.slots.length ?? 0
      this.#index = 0
    }
    while (this.#index < this.#count) {
      const { fence, usage } = this.#list!.slots[this.#index++]!
      if (usage <= this.#limit && isPending(fence)) return [fence, usage, restarted]
    }
    return undefined
  }
}

/** A table, its model, and one walk over both that may be under way. */
class Pair {
  readonly table = new FenceTable()
  readonly model = new Model()
  walk: { readonly real: UnlockedCursor; readonly model: ModelCursor } | undefined

  check(): void {
    const { list } = this.table
    const slots = (list?.fences ?? []).map((fence, i) => ({ fence, usage: list!.usages[i]! }))
    assert.deepEqual(slots, this.model.list?.slots ?? [])
    assert.equal(list?.capacity, this.model.list?.capacity)
    for (let limit = 0; limit < 4; limit++) {
      const pending = this.model.pending(limit).map(({ fence }) => fence)
      assert.equal(this.table.isSignaled(limit), pending.length === 0)
      const fences = collectFences(this.table, USAGES[limit]!, 'test')
      putAll(fences)
      assert.deepEqual(fences, pending)
    }
  }
}

const CONTEXTS = 10

/** Random steps on two pairs. */
class Run {
  readonly #random: Random
  readonly #rig = new FenceRig()
  readonly #pairs = [new Pair(), new Pair()] as const
  readonly #pending: Fence[] = []
  readonly #seqnos = new Array<number>(CONTEXTS).fill(0)
  restarts = 0
  walked = 0

  constructor(seed: number) {
    this.#random = new Random(seed)
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      const pair = this.#random.pick(this.#pairs)
      this.#step(pair)
      pair.check()
    }
    for (const { table, walk } of this.#pairs) {
      walk?.real.end()
      table.exchange(undefined)
    }
    this.#rig.finish()
  }

  #step(pair: Pair): void {
    const [a, b] = this.#pairs
    const die = this.#random.below(24)
    if (die < 2) this.#reserve(pair, 1 + this.#random.below(6))
    else if (die < 6) this.#add(pair)
    else if (die < 7) this.#replace(pair)
    else if (die < 9) this.#signal()
    else if (die < 10 && this.#random.chance(0.3)) this.#copy(pair, pair === a ? b : a)
    else if (die < 11) this.#forgetSpareSlots(pair)
    else if (die < 12 && this.#random.chance(0.3)) this.#end(pair)
    else this.#walk(pair)
  }

  #forgetSpareSlots({ table, model }: Pair): void {
    table.forgetSpareSlots()
    if (model.list !== undefined) model.list.capacity = model.list.slots.length
  }

  #fence(): Fence {
    const context = this.#random.below(CONTEXTS)
    // Mostly newer, now and then older ones.
    const newest = ++this.#seqnos[context]!
    const seqno = this.#random.chance(0.2) ? Math.max(1, newest - 3) : newest
    const fence = this.#rig.fence({ context, seqno })
    this.#pending.push(fence)
    return fence
  }

  #reserve({ table, model }: Pair, slots: number): void {
    table.reserve(slots)
    model.reserve(slots, () => table.list!.capacity)
    assert.ok(model.list!.slots.length + slots <= model.list!.capacity)
  }

  #add({ table, model }: Pair): void {
    const fence = this.#fence()
    const usage = this.#random.below(4)
    if (model.add(fence, usage)) table.add(fence, usage)
    else assert.throws(() => table.add(fence, usage), { code: 'ERR_DMABUF_BUG' })
  }

  #replace({ table, model }: Pair): void {
    const fence = this.#fence()
    const context = this.#random.below(CONTEXTS)
    const usage = this.#random.below(4)
    table.replace(context, fence, usage)
    model.replace(context, fence, usage)
  }

  #signal(): void {
    const index = this.#random.below(this.#pending.length)
    const [fence] = this.#pending.splice(index, 1)
    if (fence !== undefined) signalFence(fence)
  }

  #copy(to: Pair, from: Pair): void {
    const list = copyList(from.table)
    to.table.exchange(list)
    const slots = from.model.pending(3).map((slot) => ({ ...slot }))
    to.model.list = slots.length === 0 ? undefined : { slots, capacity: list!.capacity }
    assert.ok(list === undefined || list.capacity >= from.model.list!.slots.length)
  }

  #walk(pair: Pair): void {
    const usage = this.#random.chance(0.6) ? 'bookkeep' : this.#random.pick(USAGES)
    const isNew = pair.walk === undefined
    pair.walk ??= {
      real: new UnlockedCursor(pair.table, usage),
      model: new ModelCursor(pair.model, usageOrder(usage)),
    }
    const { real, model } = pair.walk
    const expected = model.step()
    const fence = real.step()
    const found = fence && ([fence, usageOrder(real.usage), real.isRestarted] as const)
    assert.deepEqual(found, expected)
    this.walked++
    if (real.isRestarted && !isNew) this.restarts++
    if (fence === undefined) this.#end(pair)
  }

  #end(pair: Pair): void {
    pair.walk?.real.end()
    pair.walk = undefined
  }
}

test('FenceTable: random changes and walks are those of the naive model, and no reference is kept [RESV-8, RESV-14, RESV-15, RESV-16, RESV-18, RESV-19, RESV-21, RESV-23, RESV-25, RESV-26, RESV-31, MIS-9, MIS-11]', () => {
  let walked = 0
  let restarts = 0
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const run = new Run(seed)
      run.run(80)
      walked += run.walked
      restarts += run.restarts
    }),
    { numRuns: 3000, endOnFailure: true },
  )
  assert.ok(restarts > 2000 && walked > 10 * restarts, `Steps: ${walked}, restarts: ${restarts}`)
})
