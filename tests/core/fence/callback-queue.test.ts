// Goal: a list of callbacks does what a plain list would, however long it is and whoever changes it.
// Method: random steps, some of them from inside callbacks, against a model of plain arrays; then the
// parts by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CallbackQueue, isInFenceCallback, Sleeper } from '#src/core/fence/callback-queue.js'
import { access } from '#src/core/fence/fence-access.js'
import { signalFence, type Fence, type FenceCallback } from '#src/core/fence/fence.js'
import { mockFence } from '../../helpers/mock-fence.js'
import { collectWarnings } from '../../helpers/warnings.js'

const IDS = 6

/** What to do with one of two fences, by a test or from inside a callback. */
interface Step {
  readonly what: 'add' | 'remove' | 'signal' | 'sleep' | 'rise'
  readonly which: 0 | 1
  readonly id: number
}

/** A fence, and the model of one. */
interface Subject {
  add(id: number): boolean
  remove(id: number): boolean
  signal(): boolean
  sleep(id: number): void
  rise(id: number): void
}

/** Runs steps on two subjects; a callback does the step of its number, if there is one, as it is called. */
class Run {
  readonly log: string[] = []
  readonly #subjects: readonly Subject[]
  readonly #scripts: readonly (Step | undefined)[]

  constructor(make: (run: Run, which: number) => Subject, scripts: readonly (Step | undefined)[]) {
    this.#subjects = [0, 1].map((which) => make(this, which))
    this.#scripts = scripts
  }

  step({ what, which, id }: Step): void {
    this.log.push(`${what} ${which} ${id}: ${String(this.#subjects[which]![what](id))}`)
  }

  called(which: number, id: number): void {
    this.log.push(`called ${which} ${id}`)
    const step = this.#scripts[id]
    if (step !== undefined) this.step(step)
  }
}

function modelOf(run: Run, which: number): Subject {
  let isSignaled = false
  let list: number[] = []
  let sleepers: number[] = []
  return {
    add: (id) => !isSignaled && list.push(id) > 0,
    remove(id) {
      const at = list.lastIndexOf(id)
      if (at >= 0) list.splice(at, 1)
      return at >= 0
    },
    sleep(id) {
      if (!isSignaled && !sleepers.includes(id)) sleepers.unshift(id)
    },
    rise(id) {
      sleepers = sleepers.filter((other) => other !== id)
    },
    signal() {
      if (isSignaled) return false
      isSignaled = true
      const [woken, called] = [sleepers, list]
      sleepers = []
      list = []
      for (const id of woken) run.log.push(`woken ${which} ${id}`)
      for (const id of called) run.called(which, id)
      return true
    },
  }
}

function realOf(run: Run, which: number): Subject {
  const fence = mockFence()
  const callbacks: FenceCallback[] = Array.from(
    { length: IDS },
    (_, id) => () => run.called(which, id),
  )
  // One for good each: it may be put to sleep again.
  const sleepers = Array.from(
    { length: IDS },
    (_, id) =>
      new Sleeper(
        () => run.log.push(`woken ${which} ${id}`),
        () => assert.fail('Rejected'),
      ),
  )
  const asleep = new Set<number>()
  return {
    add: (id) => fence.addCallback(callbacks[id]!),
    remove: (id) => fence.removeCallback(callbacks[id]!),
    signal: () => signalFence(fence),
    sleep(id) {
      if (fence.isSignaled() || asleep.has(id)) return
      asleep.add(id)
      access.addSleeper(fence, sleepers[id]!)
    },
    rise(id) {
      if (asleep.delete(id)) access.removeSleeper(fence, sleepers[id]!)
    },
  }
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  what: weighted({ add: 9, remove: 9, sleep: 6, rise: 4, signal: 1 }),
  which: fc.constantFrom(0, 1),
  id: fc.nat(IDS - 1),
})

function weighted(weights: Readonly<Record<Step['what'], number>>): fc.Arbitrary<Step['what']> {
  const entries = Object.entries(weights) as [Step['what'], number][]
  return fc.oneof(...entries.map(([what, weight]) => ({ weight, arbitrary: fc.constant(what) })))
}

test('Callbacks added, removed and signalled at random, also from inside callbacks, are as in a plain list [FENCE-11, FENCE-12, FENCE-18, FENCE-20]', () => {
  // Few are looked for one by one, many by an index: both are tried, and the change from one to the other.
  const prefill = fc.oneof(
    fc.array(fc.nat(IDS - 1), { maxLength: 8 }),
    fc.array(fc.nat(IDS - 1), { minLength: 30, maxLength: 60 }),
  )
  const steps = fc.array(anyStep, { maxLength: 80, size: 'max' })
  const scripts = fc.array(fc.option(anyStep, { nil: undefined }), {
    minLength: IDS,
    maxLength: IDS,
  })
  fc.assert(
    fc.property(prefill, steps, scripts, (filled, then, script) => {
      const all = [
        ...filled.map((id) => ({ what: 'add', which: 0, id }) as const),
        ...then,
        { what: 'signal', which: 0, id: 0 } as const,
        { what: 'signal', which: 1, id: 0 } as const,
      ]
      const [real, model] = [new Run(realOf, script), new Run(modelOf, script)]
      for (const step of all) {
        real.step(step)
        model.step(step)
        assert.equal(real.log.at(-1), model.log.at(-1))
      }
      assert.deepEqual(real.log, model.log)
    }),
    { numRuns: 400 },
  )
})

const fence: Fence = mockFence()

test('Of many callbacks each can be taken back, in any order, and the rest run in theirs [FENCE-20]', () => {
  for (const order of [(i: number) => i, (i: number) => 99 - i, (i: number) => (i * 37) % 100]) {
    const queue = new CallbackQueue()
    const seen: number[] = []
    const callbacks = Array.from({ length: 100 }, (_, i) => () => seen.push(i))
    for (const callback of callbacks) queue.add(callback)
    const taken = Array.from({ length: 90 }, (_, i) => order(i))
    for (const i of taken) {
      assert.equal(queue.remove(callbacks[i]!), true)
      assert.equal(queue.remove(callbacks[i]!), false)
    }
    assert.equal(queue.isEmpty, false)
    queue.run(fence)
    const left = callbacks.map((_, i) => i).filter((i) => !taken.includes(i))
    assert.deepEqual(seen, left)
  }
})

test('A queue is empty again when all were taken back', () => {
  const queue = new CallbackQueue()
  const callbacks = Array.from({ length: 50 }, () => () => {})
  for (const callback of callbacks) queue.add(callback)
  for (const callback of callbacks) queue.remove(callback)
  assert.equal(queue.isEmpty, true)
})

test('A queue keeps no room for callbacks that were taken back, however many came and went', () => {
  const queue = new CallbackQueue()
  for (let i = 0; i < 40; i++) queue.add(() => {})
  const passing: FenceCallback = () => {}
  const comeAndGo = (): void => {
    for (let i = 0; i < 300_000; i++) {
      queue.add(passing)
      queue.remove(passing)
    }
  }
  gc!()
  const before = process.memoryUsage().heapUsed
  comeAndGo()
  gc!()
  // Two numbers for each would be 4.8 MB.
  assert.ok(process.memoryUsage().heapUsed - before < 2e6)
  assert.equal(queue.isEmpty, false)
})

test('Sleepers are woken before callbacks, the last one first [FENCE-12]', () => {
  const queue = new CallbackQueue()
  const seen: string[] = []
  queue.add(() => seen.push('callback'))
  for (const name of ['a', 'b', 'c'])
    queue.addSleeper(
      new Sleeper(
        () => seen.push(name),
        () => {},
      ),
    )
  queue.run(fence)
  assert.deepEqual(seen, ['c', 'b', 'a', 'callback'])
})

test('A sleeper that throws is reported, and all others are woken and called [PORT-4]', () => {
  using warnings = collectWarnings()
  const pending = mockFence()
  const seen: string[] = []
  const broken = (): never => {
    throw new Error('broken')
  }
  access.addSleeper(
    pending,
    new Sleeper(
      () => seen.push('sleeper'),
      () => {},
    ),
  )
  access.addSleeper(pending, new Sleeper(broken, broken))
  pending.addCallback(() => seen.push('callback'))
  signalFence(pending)
  assert.deepEqual(seen, ['sleeper', 'callback'])
  assert.deepEqual(warnings.rules, ['PORT-4'])
  assert.match(warnings.list[0]!.message, /^A waiter of fence test ring seqno 7 threw: /)
})

test('isInFenceCallback is true inside callbacks, nested and throwing ones, and false after them', () => {
  using _warnings = collectWarnings()
  const [outer, inner] = [mockFence(), mockFence()]
  const seen: boolean[] = []
  inner.addCallback(() => seen.push(isInFenceCallback()))
  outer.addCallback(() => {
    signalFence(inner)
    seen.push(isInFenceCallback())
    throw new Error('broken')
  })
  signalFence(outer)
  assert.deepEqual([...seen, isInFenceCallback()], [true, true, false])
})
