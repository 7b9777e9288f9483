// Goal: what the kernel's own test of these locks asks for.
// Method: async functions are the tasks, a seeded scheduler decides how many turns each lets the others have.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AcquireContext } from '#src/core/reservation/acquire-context.js'
import type { WwMutex } from '#src/core/reservation/ww-mutex.js'
import { Random } from '../../helpers/random.js'
import { ALGORITHMS, lockAllOf, settle, track, turnsUntil, WwRig } from '../../helpers/ww-rig.js'

const BOTH = [false, true]

for (const algorithm of ALGORITHMS)
  for (const polls of BOTH)
    for (const tries of BOTH)
      for (const inContext of BOTH) {
        const second = `${polls ? 'polls' : 'waits'}${inContext ? ' with a context' : ''}`
        const first = tries ? 'tried' : 'locked'
        test(`${algorithm}: a task that ${second} cannot enter what another ${first} [T-W1]`, async () => {
          const rig = new WwRig(algorithm)
          const mutex = rig.mutex(0)
          const contexts = [rig.context(), rig.context()].map((one) =>
            inContext ? one : undefined,
          )
          if (tries) assert.equal(mutex.tryLock(contexts[0]), true)
          else await mutex.lock(contexts[0])
          let entered = false
          const task = (async () => {
            if (polls) await turnsUntil(() => mutex.tryLock(contexts[1]))
            else await mutex.lock(contexts[1])
            entered = true
            mutex.unlock()
          })()
          await settle(100)
          assert.equal(entered, false)
          mutex.unlock()
          await task
          assert.deepEqual([entered, mutex.locked], [true, false])
        })
      }

for (const algorithm of ALGORITHMS)
  for (const tries of BOTH)
    test(`${algorithm}: a lock that its context ${tries ? 'tried' : 'locked'} is told from others [T-W2]`, async () => {
      const rig = new WwRig(algorithm)
      const [mutex, context] = [rig.mutex(0), rig.context()]
      if (tries) assert.equal(mutex.tryLock(context), true)
      else await mutex.lock(context)
      assert.equal(mutex.tryLock(), false)
      assert.equal(mutex.tryLock(context), false)
      await assert.rejects(mutex.lock(context), { code: 'EALREADY' })
      assert.deepEqual([mutex.context, context.acquired], [context, 1])
      mutex.unlock()
      assert.equal(mutex.tryLock(context), true)
      mutex.unlock()
    })

/** One of two tasks that cross: locks its own, meets the other, locks the other's. */
async function cross(
  context: AcquireContext,
  mutexes: readonly [WwMutex, WwMutex],
  options: { tries: boolean; resolves: boolean; meet: () => Promise<void> },
): Promise<string> {
  const [own, other] = mutexes
  if (options.tries) assert.equal(own.tryLock(context), true)
  else await own.lock(context)
  assert.equal(own.context, context)
  await options.meet()
  const lock = track(other.lock(context))
  await settle(10)
  await turnsUntil(() => lock.state !== 'waits')
  if (lock.code === 'EDEADLK' && options.resolves) {
    own.unlock()
    await other.lockSlow(context)
    await own.lock(context)
    lock.state = 'held'
  }
  if (lock.state === 'held') {
    assert.equal(other.context, context)
    other.unlock()
  }
  own.unlock()
  return lock.state === 'held' ? (lock.code ?? 'first') : lock.code!
}

for (const algorithm of ALGORITHMS)
  for (const tries of BOTH)
    for (const resolves of BOTH)
      test(`${algorithm}: of two that cross ${tries ? 'by tryLock() ' : ''}one is told EDEADLK${resolves ? ', and both finish' : ''} [T-W3]`, async () => {
        const rig = new WwRig(algorithm)
        const [x, y] = [rig.mutex(0), rig.mutex(1)]
        let met = 0
        const meet = async () => {
          met++
          await turnsUntil(() => met === 2)
        }
        const [a, b] = [rig.context(), rig.context()]
        const results = await Promise.all([
          cross(a, [x, y], { tries, resolves, meet }),
          cross(b, [y, x], { tries, resolves, meet }),
        ])
        // The younger gives way, in both algorithms.
        assert.deepEqual(results, ['first', 'EDEADLK'])
        assert.deepEqual([x.locked, y.locked, a.acquired, b.acquired], [false, false, 0, 0])
      })

for (const algorithm of ALGORITHMS)
  test(`${algorithm}: rings of 2 to 17 tasks all finish [T-W4]`, async () => {
    for (let size = 2; size <= 17; size++) {
      const rig = new WwRig(algorithm)
      let met = 0
      let deaths = 0
      const one = async (index: number): Promise<void> => {
        const context = rig.context()
        const [own, next] = [rig.mutex(index), rig.mutex((index + 1) % size)]
        await own.lock(context)
        met++
        await turnsUntil(() => met === size)
        const lock = track(next.lock(context))
        await turnsUntil(() => lock.state !== 'waits')
        if (lock.state === 'failed') {
          assert.equal(lock.code, 'EDEADLK')
          deaths++
          own.unlock()
          await next.lockSlow(context)
          await own.lock(context)
        }
        next.unlock()
        own.unlock()
        assert.equal(context.acquired, 0)
      }
      await Promise.all(Array.from({ length: size }, (_, index) => one(index)))
      assert.ok(deaths >= 1, `${size} tasks in a ring cannot all have waited`)
      for (let index = 0; index < size; index++) assert.equal(rig.mutex(index).locked, false)
    }
  })

/** What a worker of the stress test does in one round. @returns how often it backed off */
type Work = (rig: WwRig, random: Random, count: number) => Promise<number>

function shuffled(random: Random, count: number): readonly number[] {
  const indices = Array.from({ length: count }, (_, index) => index)
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1)
    ;[indices[i], indices[j]] = [indices[j]!, indices[i]!]
  }
  return indices
}

async function yieldTurns(random: Random): Promise<void> {
  for (let turns = random.below(4); turns > 0; turns--) await Promise.resolve()
}

/** All locks in one order, again from the start after each EDEADLK. */
const inOrder: Work = async (rig, random, count) => {
  const mutexes = shuffled(random, count).map((index) => rig.mutex(index))
  const context = rig.context()
  const deaths = await lockAllOf(context, mutexes)
  assert.equal(context.acquired, count)
  await yieldTurns(random)
  for (const mutex of mutexes) mutex.unlock()
  context.finish()
  return deaths
}

/** The contended lock moves to the front of the order, and everything is locked from there. */
const reorder: Work = async (rig, random, count) => {
  let mutexes: readonly WwMutex[] = shuffled(random, count).map((index) => rig.mutex(index))
  const context = rig.context()
  let deaths = 0
  for (let at = 0; at < count;) {
    const lock = track(mutexes[at]!.lock(context))
    await turnsUntil(() => lock.state !== 'waits')
    if (lock.state === 'held') {
      at++
      continue
    }
    assert.equal(lock.code, 'EDEADLK')
    assert.ok(++deaths < 10_000, 'No progress')
    for (let i = 0; i < at; i++) mutexes[i]!.unlock()
    const contended = mutexes[at]!
    await contended.lockSlow(context)
    mutexes = [contended, ...mutexes.filter((mutex) => mutex !== contended)]
    at = 1
  }
  assert.equal(context.acquired, count)
  await yieldTurns(random)
  for (const mutex of mutexes) mutex.unlock()
  return deaths
}

/** One lock at a time, without a context: it never meets EDEADLK. */
const single: Work = async (rig, random, count) => {
  const mutex = rig.mutex(random.below(count))
  await mutex.lock()
  await yieldTurns(random)
  mutex.unlock()
  return 0
}

async function stress(
  rig: WwRig,
  seed: number,
  options: { mutexes: number; perWorker: number; rounds: number },
): Promise<number> {
  let deaths = 0
  const worker = async (work: Work, index: number): Promise<void> => {
    const random = new Random(seed * 100 + index)
    for (let round = 0; round < options.rounds; round++) {
      await yieldTurns(random)
      deaths += await work(rig, random, work === single ? options.mutexes : options.perWorker)
    }
  }
  const works = [inOrder, reorder, single, inOrder, reorder, single]
  await Promise.all(works.map(worker))
  for (let index = 0; index < options.mutexes; index++)
    assert.equal(rig.mutex(index).locked, false, `seed ${seed}`)
  return deaths
}

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: workers over 16 locks meet no error but EDEADLK, thousands of rounds [T-W5]`, async () => {
    let deaths = 0
    for (let seed = 1; seed <= 10; seed++) {
      const options = { mutexes: 16, perWorker: 16, rounds: 60 }
      deaths += await stress(new WwRig(algorithm), seed, options)
    }
    assert.ok(deaths > 100, `The workers were in each other's way: ${deaths}`)
  })

  test(`${algorithm}: workers over 2047 locks meet no error but EDEADLK [T-W5]`, async () => {
    const options = { mutexes: 2047, perWorker: 2047, rounds: 2 }
    const deaths = await stress(new WwRig(algorithm), 7, options)
    assert.ok(deaths > 0)
  })
}
