// Members that lock and unlock in steps, in any order of steps, and that die, stop or join between any two of them.
import assert from 'node:assert/strict'
import {
  SharedLock,
  type LockGroup,
  type LockMember,
  type LockRequest,
} from '#src/interprocess/shared-lock.js'
import { LOCK_WORDS } from '#src/interprocess/member-page.js'
import type { Words } from '#src/interprocess/words.js'
import { wordsOf } from '../helpers/hooked-words.js'
import type { Random } from '../helpers/random.js'
import { Stepped } from '../helpers/stepped.js'

export const LOCKS = 3
const ROUNDS = 3

interface Notice {
  readonly kind: 'joined' | 'died'
  readonly index: number
  readonly epoch: number
}

/** What a member program is made of, for mutations in tests. */
export interface ModelOptions {
  readonly random: Random
  readonly members: number
  readonly newcomers?: number
  /** Locks that are taken together in one round, at most. */
  readonly together?: number
}

/** One participant as the scheduler sees it. */
class Participant {
  readonly index: number
  readonly page: Words = wordsOf(LOCKS * LOCK_WORDS)
  readonly notices: Notice[] = []
  isRung = false
  isDead = false
  isToldDead = false
  rounds = 0
  stepped!: Stepped

  constructor(index: number) {
    this.index = index
  }
}

/** Some members of one domain, and who is inside of which lock. */
export class LockModel {
  readonly participants: Participant[] = []
  readonly inside: (number | undefined)[] = Array<undefined>(LOCKS).fill(undefined)
  readonly epoch = wordsOf(1)
  deaths = 0
  joins = 0
  readonly #random: Random
  readonly #together: number
  #stamp = 0
  #newcomers: number

  constructor({ random, members, newcomers = 0, together = 1 }: ModelOptions) {
    this.#random = random
    this.#together = together
    this.#newcomers = newcomers
    for (let index = 0; index < members; index++) this.participants.push(new Participant(index))
    for (const one of this.participants) this.#start(one, [...this.participants])
  }

  /** Steps in random order until all that live are done. @throws where nobody can go on */
  run({ deaths = 0 }: { deaths?: number } = {}): void {
    const random = this.#random
    for (let step = 0; ; step++) {
      assert.ok(step < 100_000, 'Goes on without end')
      if (this.deaths < deaths && random.chance(0.02)) this.#kill()
      if (this.#newcomers > 0 && random.chance(0.02)) this.#join()
      this.#tellDeath(random.chance(0.05))
      const living = this.participants.filter(({ isDead }) => !isDead)
      const ready = living.filter(({ stepped }) => stepped.isReady)
      if (ready.length > 0) random.pick(ready).stepped.step()
      else if (living.every(({ stepped }) => stepped.isDone)) return
      else if (!this.#tellDeath(true)) assert.fail(`Nobody can go on: ${this.#picture()}`)
    }
  }

  #picture(): string {
    return this.participants
      .map(({ index, isDead, page, stepped }) => {
        const words = Array.from({ length: LOCKS }, (_, lock) => page.load(lock * LOCK_WORDS) & 7)
        return `${index}${isDead ? ' dead' : stepped.isDone ? ' done' : ''} [${words.join()}]`
      })
      .join(' ')
  }

  #kill(): void {
    const living = this.participants.filter(({ isDead, stepped }) => !isDead && !stepped.isDone)
    if (living.length < 2) return
    this.#random.pick(living).isDead = true
    this.deaths++
  }

  #tellDeath(now: boolean): boolean {
    if (!now) return false
    const dead = this.participants.find(({ isDead, isToldDead }) => isDead && !isToldDead)
    if (dead === undefined) return false
    dead.isToldDead = true
    // Its words are ignored from now on: whoever it kept out may enter.
    for (let lock = 0; lock < LOCKS; lock++)
      if (this.inside[lock] === dead.index) this.inside[lock] = undefined
    for (const one of this.participants)
      if (one !== dead) one.notices.push({ kind: 'died', index: dead.index, epoch: 0 })
    return true
  }

  // As a hub does: first the others are told, then the epoch is raised, then the newcomer begins.
  #join(): void {
    this.#newcomers--
    this.joins++
    const newcomer = new Participant(this.participants.length)
    const epoch = this.epoch.load(0) + 1
    const others = this.participants.filter(({ isToldDead }) => !isToldDead)
    for (const one of others) one.notices.push({ kind: 'joined', index: newcomer.index, epoch })
    this.participants.push(newcomer)
    this.epoch.store(0, epoch)
    this.#start(newcomer, [...others, newcomer], epoch)
  }

  #start(one: Participant, known: readonly Participant[], epoch = 0): void {
    one.stepped = new Stepped(() => new Member(this, one, { known, epoch }).run())
  }

  /** What the random numbers of a member's round are: each is a step, so that it is the same when run again. */
  plan(): { locks: number[]; stamp: number; isContext: boolean } {
    const count = 1 + this.#random.below(this.#together)
    const locks = new Set<number>()
    while (locks.size < count) locks.add(this.#random.below(LOCKS))
    this.#stamp += this.#random.below(2)
    return {
      locks: [...locks],
      stamp: this.#stamp,
      isContext: count > 1 || this.#random.chance(0.5),
    }
  }

  enter(lock: number, index: number): void {
    const other = this.inside[lock]
    // Of a dead one that nobody knows of yet only those who ignore it early could say that it is out.
    assert.equal(other, undefined, `${index} enters lock ${lock} while ${other} is inside`)
    this.inside[lock] = index
  }

  leave(lock: number, index: number): void {
    assert.equal(this.inside[lock], index)
    this.inside[lock] = undefined
  }
}

/** The program of one member: locks some locks together, in wait-die, and releases them. */
class Member implements LockGroup {
  readonly index: number
  readonly words: Words
  others: readonly LockMember[]
  readonly #model: LockModel
  readonly #own: Participant
  readonly #locks: SharedLock[]
  readonly #epochWord: Words
  #epoch: number

  constructor(
    model: LockModel,
    own: Participant,
    { known, epoch }: { known: readonly Participant[]; epoch: number },
  ) {
    this.#model = model
    this.#own = own
    this.index = own.index
    this.#epoch = epoch
    this.words = own.stepped.words(own.page)
    this.#epochWord = own.stepped.words(model.epoch)
    this.others = known.filter((one) => one !== own).map((one) => this.#memberOf(one))
    this.#locks = Array.from(
      { length: LOCKS },
      (_, lock) => new SharedLock(this, lock * LOCK_WORDS),
    )
  }

  #memberOf(one: Participant): LockMember {
    return { index: one.index, words: this.#own.stepped.words(one.page) }
  }

  catchUp(): 'same' | 'changed' | 'behind' {
    const epoch = this.#epochWord.load(0)
    if (epoch === this.#epoch) return 'same'
    this.#hear()
    return epoch === this.#epoch ? 'changed' : 'behind'
  }

  ring(member: LockMember): void {
    const { participants } = this.#model
    this.#own.stepped.act(() => {
      participants[member.index]!.isRung = true
    })
  }

  // Messages and deaths that have arrived.
  #hear(): void {
    const { notices } = this.#own
    for (const { kind, index, epoch } of this.#own.stepped.act(() => notices.splice(0))) {
      this.others = this.others.filter((member) => member.index !== index)
      if (kind === 'died') continue
      this.#epoch = epoch
      this.others = [...this.others, this.#memberOf(this.#model.participants[index]!)]
    }
  }

  #sleep(): void {
    const own = this.#own
    own.stepped.act(
      () => {
        own.isRung = false
      },
      () => own.isRung || own.notices.length > 0,
    )
    this.#hear()
  }

  run(): void {
    for (let round = 0; round < ROUNDS; round++) {
      const plan = this.#own.stepped.act(() => this.#model.plan())
      this.#lockAll(plan)
      for (const lock of plan.locks)
        this.#own.stepped.act(() => this.#model.leave(lock, this.index))
      for (const lock of plan.locks) this.#locks[lock]!.release()
      this.#own.stepped.act(() => this.#own.rounds++)
    }
  }

  #lockAll({ locks, ...request }: { locks: readonly number[] } & LockRequest): void {
    let held: number[] = []
    let order = [...locks]
    while (order.length > 0) {
      const [lock] = order
      if (this.#lock(lock!, request, held.length > 0)) {
        held.push(lock!)
        order = order.slice(1)
        continue
      }
      // Gives way: the contended one first, then the rest again.
      for (const one of held) this.#own.stepped.act(() => this.#model.leave(one, this.index))
      for (const one of held) this.#locks[one]!.release()
      order = [lock!, ...locks.filter((one) => one !== lock)]
      held = []
    }
  }

  #lock(index: number, request: LockRequest, holdsOthers: boolean): boolean {
    const lock = this.#locks[index]!
    this.#hear()
    for (;;) {
      let sight = lock.tryAcquire(request)
      if (sight === 'free') {
        this.#own.stepped.act(() => this.#model.enter(index, this.index))
        return true
      }
      if (holdsOthers && sight === 'older') return false
      while ((sight = lock.wait(request)) !== 'free') {
        if (holdsOthers && sight === 'older') {
          lock.stopWaiting()
          return false
        }
        this.#sleep()
      }
    }
  }
}
