import { LOCK_WORDS } from '#src/interprocess/member-page.js'
import {
  SharedLock,
  type LockGroup,
  type LockMember,
  type LockRequest,
} from '#src/interprocess/shared-lock.js'
import type { Words } from '#src/interprocess/words.js'
import { Page, SharedWords } from '../engine/memory.js'
import type { Actor, Simulation } from '../engine/simulation.js'
import { step } from '../engine/stepped.js'
import { must } from '../engine/violation.js'
import type { HubMember, HubNews } from './hub.js'
import { sleep } from './queue-link.js'

/** What a member needs of its world. */
export interface LockHome {
  readonly simulation: Simulation
  readonly locks: number
  /** The most locks that are taken together. */
  readonly together: number
  /** How likely a busy member reads its messages before it goes on. */
  readonly turns: number
  /** How often a member leaves of its own will, be it inside or waiting. */
  readonly leaves: number
  /** Where the numbers of requests begin. */
  readonly serial: number
  readonly stamp: number
  readonly isEnding: boolean
  readonly epochs: Page
  /** Who is inside of each lock: nobody else who is alive may be. */
  readonly inside: (LockUser | undefined)[]
  join(member: LockUser): void
  /** It is gone, of its own will. */
  leave(member: LockUser): void
}

/** Another member, as one sees it. */
interface Other extends LockMember {
  readonly user: LockUser
}

/** A process that locks buffers, several together in wait-die order, and lets them go. */
export class LockUser implements LockGroup, HubMember<LockUser> {
  actor!: Actor
  readonly index: number
  readonly page: Page
  readonly words: Words
  readonly joined: HubNews<LockUser>[] = []
  readonly left: LockUser[] = []
  others: readonly Other[] = []
  isWelcome = false
  isHubGone = false
  isDone = false
  /** The lock that it sleeps for. */
  waitsFor: number | undefined
  readonly #home: LockHome
  readonly #gone = new Set<LockUser>()
  readonly #locks: SharedLock[] = []
  #epoch = 0
  /** Without a hub nobody joins any more. */
  #isAlone = false
  #isLeaving = false
  #lastStamp = 0

  constructor(home: LockHome, name: string, index: number) {
    this.#home = home
    this.index = index
    this.actor = home.simulation.spawn(name, () => {
      this.#run()
    })
    this.page = new Page(name, home.locks * LOCK_WORDS, this.actor)
    this.words = new SharedWords(home.simulation, this.page, this.actor)
    for (let lock = 0; lock < home.locks; lock++)
      this.#locks.push(new SharedLock(this, lock * LOCK_WORDS, home.serial))
  }

  catchUp(): 'same' | 'changed' | 'behind' {
    if (this.#isAlone) return 'same'
    const epochs = new SharedWords(this.#home.simulation, this.#home.epochs, this.actor)
    const epoch = epochs.load(0)
    if (epoch === this.#epoch) return 'same'
    const before = this.others
    this.#readHub()
    // Two newcomers may be named at one look.
    if (((this.#epoch - epoch) | 0) < 0) return 'behind'
    return before === this.others ? 'same' : 'changed'
  }

  ring({ user }: Other): void {
    step()
    this.#home.simulation.ring(user.actor)
  }

  // What the hub has sent so far.
  #readHub(): void {
    step()
    for (let news = this.joined.shift(); news !== undefined; news = this.joined.shift()) {
      this.#epoch = news.epoch
      if (news.member !== undefined) this.#meet(news.member)
    }
  }

  #meet(user: LockUser): void {
    if (this.#gone.has(user)) return
    const words = new SharedWords(this.#home.simulation, user.page, this.actor)
    const other = { index: user.index, words, user }
    this.others = [...this.others.filter(({ index }) => index !== user.index), other]
    // It may wait for us already.
    this.ring(other)
  }

  #hear(): void {
    step()
    for (const user of this.left.splice(0)) {
      this.#gone.add(user)
      if (this.others.some((other) => other.user === user))
        this.others = this.others.filter((other) => other.user !== user)
    }
    const { isHubGone } = this
    this.#readHub()
    // What it sent before its end was read.
    if (isHubGone) this.#isAlone = true
  }

  #run(): void {
    if (this.#awaitWelcome()) this.#live()
    this.#home.leave(this)
  }

  // @returns whether it was let in
  #awaitWelcome(): boolean {
    this.#home.join(this)
    while (!this.isWelcome) {
      if (this.isHubGone) return false
      sleep(this.actor)
    }
    return true
  }

  #live(): void {
    const { random } = this.#home.simulation
    this.#hear()
    while (!this.#leaves()) {
      this.isDone = this.#home.isEnding
      if (this.isDone) sleep(this.actor)
      if (random.chance(this.#home.turns)) this.#hear()
      if (!this.isDone) this.#useSome()
    }
  }

  // It may be inside, or waiting.
  #leaves(): boolean {
    const { simulation, isEnding, leaves } = this.#home
    this.#isLeaving ||= !isEnding && simulation.random.chance(leaves)
    return this.#isLeaving
  }

  #useSome(): void {
    const { random } = this.#home.simulation
    const count = 1 + random.below(this.#home.together)
    const wanted: number[] = []
    while (wanted.length < count) {
      const lock = random.below(this.#home.locks)
      if (!wanted.includes(lock)) wanted.push(lock)
    }
    this.#lastStamp = Math.max(this.#lastStamp + 1, this.#home.stamp)
    const request = { stamp: this.#lastStamp, isContext: count > 1 || random.chance(0.3) }
    if (!this.#lockAll(wanted, request)) return
    for (let turn = random.below(4); turn > 0; turn--) step()
    if (this.#leaves()) return
    for (const lock of wanted) this.#leave(lock)
  }

  // The contended one first after giving way. @returns false where it gave up
  #lockAll(wanted: readonly number[], request: LockRequest): boolean {
    const { random } = this.#home.simulation
    let held: number[] = []
    let order = [...wanted]
    while (order.length > 0) {
      const lock = order[0]!
      const outcome = this.#lock(lock, request, held.length > 0)
      if (this.#isLeaving) return false
      if (outcome === 'held') {
        held.push(lock)
        order = order.slice(1)
        continue
      }
      for (const one of held) this.#leave(one)
      if (outcome === 'gave up' || random.chance(0.1)) return false
      order = [lock, ...wanted.filter((one) => one !== lock)]
      held = []
    }
    return true
  }

  #lock(index: number, request: LockRequest, holdsOthers: boolean): 'held' | 'older' | 'gave up' {
    const { random } = this.#home.simulation
    const lock = this.#locks[index]!
    for (;;) {
      let sight = lock.tryAcquire(request)
      if (sight === 'free') {
        this.#enter(index)
        return 'held'
      }
      if (holdsOthers && sight === 'older') return 'older'
      for (sight = lock.wait(request); sight !== 'free'; sight = lock.wait(request)) {
        const givesWay = holdsOthers && sight === 'older'
        if (givesWay || random.chance(0.05)) {
          lock.stopWaiting()
          return givesWay ? 'older' : 'gave up'
        }
        this.waitsFor = index
        sleep(this.actor)
        this.waitsFor = undefined
        if (this.#leaves()) return 'gave up'
        this.#hear()
      }
    }
  }

  #enter(lock: number): void {
    const other = this.#home.inside[lock]
    must(
      other === undefined,
      `${this.actor.name} enters lock ${lock} while ${other?.actor.name ?? ''} is inside`,
    )
    this.#home.inside[lock] = this
  }

  #leave(lock: number): void {
    must(this.#home.inside[lock] === this, 'Only the holder is inside')
    this.#home.inside[lock] = undefined
    this.#locks[lock]!.release()
  }
}
