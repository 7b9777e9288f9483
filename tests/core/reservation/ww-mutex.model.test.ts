// Goal: no sequence of locks, unlocks, aborts and timeouts loses a lock or a waiter, or breaks the order.
// Method: fast-check drives actors through random steps; between steps waiters run or do not, as drawn; when
// all have run, what must hold of every queue is checked from outside.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { drainDeferred } from '#src/core/deferred.js'
import { AcquireContext } from '#src/core/reservation/acquire-context.js'
import { isOlderStamp, WwClass, type WwAlgorithm } from '#src/core/reservation/ww-class.js'
import { mutexFacts, WwMutex } from '#src/core/reservation/ww-mutex.js'
import { useManualClock, type ManualClock } from '../../helpers/manual-clock.js'
import { ALGORITHMS, settle, track, type Tracked } from '../../helpers/ww-rig.js'

const TIMEOUT_MS = 5

/** What an actor does in one step; what makes no sense then is skipped. */
type Action = 'lock' | 'lock-timed' | 'try' | 'unlock' | 'back-off' | 'abort' | 'renew'
type Step =
  | { readonly actor: number; readonly action: Action; readonly mutex: number }
  | { readonly world: 'drain' | 'settle' | 'timeout' }

/** A lock() that an actor waits for, or has not heard of yet. */
interface Wanted {
  readonly mutex: WwMutex
  readonly lock: Tracked
  readonly stop: AbortController
  readonly wasOldest: boolean
}

/** A context, or a task that locks one mutex at a time without one. */
interface Actor {
  context: AcquireContext | undefined
  held: WwMutex[]
  wanted: Wanted | undefined
  /** After EDEADLK: the lock to take slowly, when everything is unlocked. */
  contended: WwMutex | undefined
}

class Model {
  readonly #algorithm: WwAlgorithm
  readonly #wwClass: WwClass
  readonly #clock: ManualClock
  readonly #mutexes: readonly WwMutex[]
  readonly #actors: readonly Actor[]
  readonly counts = { deaths: 0, interrupts: 0, timeouts: 0, waits: 0, wounds: 0 }

  constructor(
    algorithm: WwAlgorithm,
    clock: ManualClock,
    size: { mutexes: number; actors: number },
  ) {
    this.#algorithm = algorithm
    this.#clock = clock
    this.#wwClass = new WwClass('model', algorithm, { lastStamp: Number.MAX_SAFE_INTEGER - 4 })
    this.#mutexes = Array.from({ length: size.mutexes }, () => new WwMutex(this.#wwClass))
    this.#actors = Array.from({ length: size.actors }, (_, index) => ({
      // Every fourth locks without a context.
      context: index % 4 === 3 ? undefined : new AcquireContext(this.#wwClass),
      held: [],
      wanted: undefined,
      contended: undefined,
    }))
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if ('world' in step) await this.#turn(step.world)
      else this.#act(this.#actors[step.actor % this.#actors.length]!, step)
      this.#checkExclusion()
    }
    await this.#finish()
  }

  async #turn(world: 'drain' | 'settle' | 'timeout'): Promise<void> {
    if (world === 'timeout') {
      this.#clock.advance(TIMEOUT_MS)
      return
    }
    drainDeferred()
    this.#checkOrder()
    // Only now do the actors learn what became of their locks.
    if (world === 'settle') await this.#learn()
  }

  #act(actor: Actor, { action, mutex: index }: { action: Action; mutex: number }): void {
    const mutex = this.#mutexes[index % this.#mutexes.length]!
    if (actor.wanted !== undefined) {
      if (action === 'abort') actor.wanted.stop.abort()
      return
    }
    switch (action) {
      case 'lock': {
        this.#lock(actor, mutex)
        return
      }
      case 'lock-timed': {
        this.#lock(actor, mutex, TIMEOUT_MS)
        return
      }
      case 'try': {
        this.#try(actor, mutex)
        return
      }
      case 'unlock':
        actor.held.pop()?.unlock()
        return
      case 'back-off':
        while (actor.held.length > 0) actor.held.shift()?.unlock()
        if (actor.contended !== undefined) this.#lock(actor, actor.contended)
        return
      case 'renew':
        if (actor.held.length > 0 || actor.context === undefined) return
        actor.context = new AcquireContext(this.#wwClass)
        actor.contended = undefined
        return
      case 'abort':
        return
    }
  }

  #lock(actor: Actor, mutex: WwMutex, timeoutMs?: number): void {
    const { context, held } = actor
    // A task without a context that took two locks could close a circle that nobody breaks.
    if (context === undefined && held.length > 0) return
    const stop = new AbortController()
    const reason = context === undefined ? undefined : this.#reasonToDie(mutex, context)
    const waits = mutexFacts(mutex).waiters.length
    const lock = track(mutex.lock(context, { signal: stop.signal, timeoutMs }))
    if (reason !== undefined) {
      // To give way at once leaves no trace in the queue.
      assert.deepEqual([context?.contended, context?.waitingFor], [mutex, undefined], reason)
      assert.equal(mutexFacts(mutex).waiters.length, waits)
    } else if (context !== undefined) {
      assert.equal(context.waitingFor === mutex, mutex.context !== context)
    }
    this.counts.waits += context?.waitingFor === undefined ? 0 : 1
    actor.wanted = { mutex, lock, stop, wasOldest: this.#isOldest(actor) }
    actor.contended = undefined
  }

  /** Why lock() must answer EDEADLK at once, in the words of the rules. */
  #reasonToDie(mutex: WwMutex, context: AcquireContext): string | undefined {
    if (context.acquired === 0 || !mutex.locked || mutex.context === context) return undefined
    if (this.#algorithm === 'wound-wait') return context.wounded ? 'WW-10' : undefined
    const { context: holder, waiters } = mutexFacts(mutex)
    if (holder !== undefined && isOlder(holder, context)) return 'WW-7'
    const isBehind = waiters.some(({ context: one }) => one !== undefined && isOlder(one, context))
    return isBehind ? 'WW-8' : undefined
  }

  #try(actor: Actor, mutex: WwMutex): void {
    if (actor.context === undefined && actor.held.length > 0) return
    const wasLocked = mutex.locked
    assert.equal(mutex.tryLock(actor.context), !wasLocked)
    if (!wasLocked) actor.held.push(mutex)
  }

  async #learn(): Promise<void> {
    await settle(4)
    for (const actor of this.#actors) {
      const { wanted } = actor
      if (wanted === undefined || wanted.lock.state === 'waits') continue
      actor.wanted = undefined
      const { mutex, lock } = wanted
      if (lock.state === 'held') actor.held.push(mutex)
      else this.#fail(actor, wanted)
    }
  }

  #fail(actor: Actor, { mutex, lock, wasOldest }: Wanted): void {
    switch (lock.code) {
      case 'EALREADY':
        assert.ok(actor.held.includes(mutex))
        return
      case 'EINTR':
        this.counts.interrupts++
        return
      case 'ETIMEDOUT':
        this.counts.timeouts++
        return
      case 'EDEADLK': {
        this.counts.deaths++
        assert.ok(actor.held.length > 0, 'Who holds nothing never dies [WW-6]')
        assert.equal(wasOldest, false, 'The oldest never dies [WW-22]')
        actor.contended = mutex
        return
      }
      default:
        assert.fail(`Unexpected ${lock.code}`)
    }
  }

  /** Who is the oldest, and was not wounded when it was not, stays so: those that come are younger. */
  #isOldest({ context: mine }: Actor): boolean {
    if (mine?.wounded === true) return false
    return this.#actors.every(
      ({ context }) =>
        mine === undefined || context === undefined || context === mine || isOlder(mine, context),
    )
  }

  /** True at any time, whoever has run. */
  #checkExclusion(): void {
    for (const mutex of this.#mutexes) {
      const knownHolders = this.#actors.filter(({ held }) => held.includes(mutex))
      assert.ok(knownHolders.length <= 1, 'Two hold one lock')
      for (const { context } of knownHolders)
        assert.deepEqual([mutex.locked, mutex.context], [true, context])
    }
    for (const { context } of this.#actors) {
      const held = this.#mutexes.filter((mutex) => mutex.context === context)
      if (context !== undefined) assert.equal(context.acquired, held.length)
    }
  }

  /** True when every waiter that was woken has run. */
  #checkOrder(): void {
    for (const mutex of this.#mutexes) {
      const { context: holder, waiters } = mutexFacts(mutex)
      if (!mutex.locked) assert.equal(waiters.length, 0, 'A free lock is waited for')
      const contexts = waiters.flatMap(({ context }) => (context === undefined ? [] : [context]))
      contexts.forEach((context, index) => {
        if (index > 0) assert.ok(isOlder(contexts[index - 1]!, context), 'Out of order [WW-12]')
        if (context.acquired === 0) return
        if (this.#algorithm === 'wait-die') {
          assert.equal(index, 0, 'An older one waits before it [WW-8, WW-9]')
          assert.ok(holder === undefined || isOlder(context, holder), 'Behind its elder [WW-7]')
          return
        }
        assert.equal(context.wounded, false, 'Wounded, and goes on waiting [WW-10]')
        if (holder !== undefined && isOlder(context, holder)) {
          this.counts.wounds++
          assert.equal(holder.wounded, true, 'In the way, and not wounded [WW-10, WW-11]')
        }
      })
    }
    this.#checkCircles()
  }

  /** Follows who waits for whom: among contexts it ends. */
  #checkCircles(): void {
    for (const { context } of this.#actors) {
      let at = context
      for (let length = 0; at !== undefined; length++) {
        assert.ok(length <= this.#actors.length, 'These wait for each other for ever')
        at = at.waitingFor?.context
      }
    }
  }

  /** When everybody lets go, everybody gets what he waits for. */
  async #finish(): Promise<void> {
    for (let round = 0; ; round++) {
      assert.ok(round <= 2 * this.#actors.length + 2, 'A waiter was forgotten')
      drainDeferred()
      this.#checkOrder()
      await this.#learn()
      for (const { held } of this.#actors) while (held.length > 0) held.pop()?.unlock()
      this.#checkExclusion()
      if (this.#actors.every(({ wanted }) => wanted === undefined)) break
    }
    for (const mutex of this.#mutexes) assert.equal(mutex.locked, false)
    for (const { context } of this.#actors) assert.equal(context?.acquired ?? 0, 0)
    assert.equal(this.#clock.timerCount, 0)
  }
}

function isOlder(a: AcquireContext, b: AcquireContext): boolean {
  return isOlderStamp(a.stamp, b.stamp)
}

const action = fc.oneof(
  { weight: 8, arbitrary: fc.constant<Action>('lock') },
  { weight: 2, arbitrary: fc.constant<Action>('lock-timed') },
  { weight: 2, arbitrary: fc.constant<Action>('try') },
  { weight: 4, arbitrary: fc.constant<Action>('unlock') },
  { weight: 2, arbitrary: fc.constant<Action>('back-off') },
  { weight: 2, arbitrary: fc.constant<Action>('abort') },
  { weight: 1, arbitrary: fc.constant<Action>('renew') },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ actor: fc.nat(31), action, mutex: fc.nat(31) }) },
  { weight: 1, arbitrary: fc.record({ world: fc.constant('drain' as const) }) },
  { weight: 2, arbitrary: fc.record({ world: fc.constant('settle' as const) }) },
  { weight: 1, arbitrary: fc.record({ world: fc.constant('timeout' as const) }) },
)
const size = fc.record({
  mutexes: fc.integer({ min: 1, max: 5 }),
  actors: fc.integer({ min: 2, max: 9 }),
})

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: no sequence of steps breaks the order, loses a lock or forgets a waiter [WW-6, WW-7, WW-8, WW-9, WW-10, WW-11, WW-12, WW-17, WW-22]`, async () => {
    const totals: Record<string, number> = {}
    const property = fc.asyncProperty(
      size,
      fc.array(step, { minLength: 30, maxLength: 150, size: 'max' }),
      async (sizes, steps) => {
        using time = useManualClock()
        const model = new Model(algorithm, time.clock, sizes)
        await model.run(steps)
        for (const [name, count] of Object.entries(model.counts))
          totals[name] = (totals[name] ?? 0) + count
      },
    )
    await fc.assert(property, { numRuns: 400 })
    const seen = [totals['deaths'], totals['interrupts'], totals['timeouts'], totals['waits']]
    assert.ok(
      seen.every((count) => count! > 100),
      `All of it happened: ${JSON.stringify(totals)}`,
    )
    if (algorithm === 'wound-wait') assert.ok(totals['wounds']! > 100)
  })
}
