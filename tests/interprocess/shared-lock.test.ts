// Goal: one member at a time holds a shared lock, nobody sleeps on for ever, and deaths and newcomers change neither.
// Method: the shipped code of two to four members in any interleaving of its steps, by seed; single cases by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedLock, type LockGroup, type LockMember } from '#src/interprocess/shared-lock.js'
import { LOCK_WORDS } from '#src/interprocess/member-page.js'
import type { Words } from '#src/interprocess/words.js'
import { HookedWords, wordsOf } from '../helpers/hooked-words.js'
import { Random } from '../helpers/random.js'
import { LockModel } from './shared-lock-model.js'

interface Case {
  readonly members: number
  readonly newcomers?: number
  readonly together?: number
  readonly deaths?: number
}

function explore(seeds: number, given: Case): { deaths: number; joins: number } {
  let [deaths, joins] = [0, 0]
  for (let seed = 1; seed <= seeds; seed++) {
    const model = new LockModel({ ...given, random: new Random(seed) })
    try {
      model.run(given)
    } catch (error) {
      throw new Error(`Seed ${seed}`, { cause: error })
    }
    deaths += model.deaths
    joins += model.joins
  }
  return { deaths, joins }
}

test('SharedLock keeps out all but one of two members, and both get it in the end [WW-5]', () => {
  explore(300, { members: 2 })
})

test('SharedLock keeps out all but one of four members', () => {
  explore(100, { members: 4 })
})

test('SharedLock never deadlocks those who take several locks and give way to the older [WW-7] [WW-22]', () => {
  explore(150, { members: 3, together: 3 })
})

test('SharedLock is free after its holder or claimer has died, at whichever step', () => {
  const { deaths } = explore(200, { members: 3, together: 2, deaths: 2 })
  assert.ok(deaths > 200, String(deaths))
})

test('SharedLock holds against members who join while it is claimed, held, waited for and released', () => {
  const { joins } = explore(200, { members: 2, newcomers: 2, together: 2, deaths: 1 })
  assert.ok(joins > 200, String(joins))
})

/** One member beside another whose words the test writes. */
class Pair implements LockGroup {
  readonly index: number
  readonly words: Words = wordsOf(LOCK_WORDS)
  readonly other: LockMember & { readonly words: Words }
  readonly rings: number[] = []
  others: readonly LockMember[]
  onCatchUp: () => 'same' | 'changed' | 'behind' = () => 'same'
  readonly lock: SharedLock

  constructor({ index = 1, otherIndex = 2, wrap = (words: Words): Words => words } = {}) {
    this.index = index
    this.other = { index: otherIndex, words: wrap(wordsOf(LOCK_WORDS)) }
    this.others = [this.other]
    this.lock = new SharedLock(this, 0)
  }

  catchUp(): 'same' | 'changed' | 'behind' {
    return this.onCatchUp()
  }

  ring(member: LockMember): void {
    this.rings.push(member.index)
  }

  /** What the other member's page says: phase 1 claiming, 2 holding, 3 waiting. */
  say(phase: number, stamp: number, { serial = 1, isContext = true } = {}): void {
    const { words } = this.other
    words.store(1, stamp | 0)
    words.store(2, Math.floor(stamp / 2 ** 32))
    words.store(0, serial * 8 + (isContext ? 4 : 0) + phase)
  }
}

const phaseOf = ({ words }: Pair): number => words.load(0) & 3

test('SharedLock.tryAcquire holds a free lock, and says so in its own page', () => {
  const pair = new Pair()
  assert.equal(pair.lock.tryAcquire({ stamp: 5, isContext: false }), 'free')
  assert.equal(pair.lock.isHeld, true)
  assert.equal(phaseOf(pair), 2)
  pair.lock.release()
  assert.equal(pair.lock.isHeld, false)
  assert.equal(phaseOf(pair), 0)
})

test('SharedLock.tryAcquire tells a holder with an older context from a younger one and from none [WW-7]', () => {
  const pair = new Pair()
  const sights = [2 ** 40 - 1, 2 ** 40 + 1].map((stamp) => {
    pair.say(2, stamp)
    return pair.lock.tryAcquire({ stamp: 2 ** 40, isContext: true })
  })
  assert.deepEqual(sights, ['older', 'busy'])
  pair.say(2, 1, { isContext: false })
  assert.equal(pair.lock.tryAcquire({ stamp: 2 ** 40, isContext: true }), 'busy')
  assert.equal(phaseOf(pair), 0)
})

test('SharedLock takes the lower index for the older of two members with one stamp', () => {
  const sights = [0, 2].map((otherIndex) => {
    const pair = new Pair({ index: 1, otherIndex })
    pair.say(2, 9)
    return pair.lock.tryAcquire({ stamp: 9, isContext: true })
  })
  assert.deepEqual(sights, ['older', 'busy'])
})

test('SharedLock gives way to an older claim, and outlasts a younger one that gives way', () => {
  const pair = new Pair()
  pair.say(1, 4)
  assert.equal(pair.lock.tryAcquire({ stamp: 5, isContext: true }), 'older')
  let looks = 0
  const patient = new Pair({
    wrap: (words) =>
      new HookedWords(words, ({ kind, index }) => {
        if (kind === 'load' && index === 0 && ++looks === 8) words.store(0, 0)
      }),
  })
  patient.say(1, 6)
  assert.equal(patient.lock.tryAcquire({ stamp: 5, isContext: true }), 'free')
})

test('SharedLock looks at a younger claim that never ends a bounded number of times', () => {
  const pair = new Pair()
  pair.say(1, 6)
  assert.equal(pair.lock.tryAcquire({ stamp: 5, isContext: true }), 'busy')
  assert.equal(phaseOf(pair), 0)
})

test('SharedLock.release rings each waiter once for each time it waits [WW-17]', () => {
  const pair = new Pair()
  const handOver = (): number => {
    pair.lock.tryAcquire({ stamp: 1, isContext: false })
    pair.lock.release()
    return pair.rings.length
  }
  assert.equal(handOver(), 0)
  pair.say(3, 8, { serial: 1 })
  assert.deepEqual([handOver(), handOver()], [1, 1])
  pair.say(3, 8, { serial: 2 })
  assert.equal(handOver(), 2)
})

test('SharedLock rings who waits when a claim of ours fails: the waiter may have seen nothing else', () => {
  const pair = new Pair()
  const waiter = { index: 3, words: wordsOf(LOCK_WORDS) }
  waiter.words.store(0, 8 + 3)
  pair.others = [pair.other, waiter]
  pair.say(1, 4)
  assert.equal(pair.lock.tryAcquire({ stamp: 5, isContext: true }), 'older')
  assert.deepEqual(pair.rings, [3])
})

test('SharedLock rings a new member that waits with the words of the one before it', () => {
  const pair = new Pair()
  pair.say(3, 8)
  pair.lock.tryAcquire({ stamp: 1, isContext: false })
  pair.lock.release()
  pair.others = [{ ...pair.other }]
  pair.lock.tryAcquire({ stamp: 1, isContext: false })
  pair.lock.release()
  assert.deepEqual(pair.rings, [2, 2])
})

test('SharedLock is not taken while somebody has joined of whom nothing is known', () => {
  const pair = new Pair()
  pair.onCatchUp = () => 'behind'
  assert.equal(pair.lock.tryAcquire({ stamp: 1, isContext: false }), 'busy')
  assert.equal(pair.lock.wait({ stamp: 1, isContext: false }), 'busy')
  assert.equal(phaseOf(pair), 3)
})

test('SharedLock looks at members that it learned of before it holds, and after it has released', () => {
  const pair = new Pair()
  pair.others = []
  const learn = (): 'changed' | 'same' => {
    if (pair.others.length > 0) return 'same'
    pair.others = [pair.other]
    return 'changed'
  }
  pair.say(2, 1)
  pair.onCatchUp = learn
  assert.equal(pair.lock.tryAcquire({ stamp: 5, isContext: true }), 'older')
  pair.others = []
  pair.onCatchUp = () => 'same'
  assert.equal(pair.lock.tryAcquire({ stamp: 5, isContext: true }), 'free')
  pair.say(3, 9)
  pair.onCatchUp = learn
  pair.lock.release()
  assert.deepEqual(pair.rings, [2])
})

test('SharedLock.wait says what is in the way, and stopWaiting() takes the wish back', () => {
  const pair = new Pair()
  pair.say(2, 3)
  assert.equal(pair.lock.wait({ stamp: 5, isContext: true }), 'older')
  assert.equal(pair.lock.wait({ stamp: 2, isContext: true }), 'busy')
  assert.equal(pair.lock.holder, pair.other)
  assert.equal(phaseOf(pair), 3)
  pair.lock.stopWaiting()
  assert.equal(phaseOf(pair), 0)
  pair.say(0, 0)
  assert.equal(pair.lock.holder, undefined)
  assert.equal(pair.lock.wait({ stamp: 2, isContext: true }), 'free')
})
