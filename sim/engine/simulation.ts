import type { Accessor, MemoryClock, PendingWrite } from './memory.js'
import { settleAll, settleOne } from './memory.js'
import type { Random } from './random.js'
import { Trace } from './trace.js'

/** A participant: a process or a thread that runs in steps. */
export class Actor implements Accessor {
  readonly name: string
  readonly index: number
  readonly pending: PendingWrite[] = []
  acquiredAt = 0
  isAlive = true
  /** Waits for a ring; stepped code sets it and ends its step. */
  isAsleep = false
  /** A ring came. */
  isRung = false
  /** Rings on their way: a bell that is rung again before it was heard rings once. */
  ringsUnderway = 0
  pausedUntil = 0
  readonly #steps: Iterator<unknown>

  constructor(name: string, index: number, steps: Iterator<unknown>) {
    this.name = name
    this.index = index
    this.#steps = steps
  }

  /** Sleeps, and neither was rung nor will be. */
  get isForgotten(): boolean {
    return this.isAlive && this.isAsleep && !this.isRung && this.ringsUnderway === 0
  }

  /** One step. @returns whether it has ended */
  advance(): boolean {
    return this.#steps.next().done === true
  }
}

/** How a seed is run. */
export interface Tempo {
  /** How likely whoever stepped steps again. */
  readonly persistence: number
  /** How likely a message, a ring or a notice arrives before somebody steps. */
  readonly arrivals: number
  /** Steps between faults, on average. */
  readonly faultEvery: number
  /** The longest that something is on its way, in steps. */
  readonly delay: number
  readonly isWeak: boolean
}

interface Arrival {
  readonly what: string
  readonly due: number
  readonly happen: () => void
}

/** Everybody who takes part, one step at a time, in an order that the seed decides. */
export class Simulation implements MemoryClock {
  readonly random: Random
  readonly trace: Trace
  readonly tempo: Tempo
  steps = 0
  crashes = 0
  /** Called now and then, to kill or pause somebody; absent: no faults. */
  fault: (() => void) | undefined
  readonly #actors: Actor[] = []
  readonly #arrivals: Arrival[] = []
  #count = 0
  /** Time that was skipped because nobody could run. */
  #skipped = 0
  #current: Actor | undefined
  #nextFault = 0

  constructor(random: Random, tempo: Tempo, keepsText: boolean) {
    this.random = random
    this.tempo = tempo
    this.trace = new Trace(keepsText)
    this.#planFault()
  }

  get isWeak(): boolean {
    return this.tempo.isWeak
  }

  /** Everybody alive. */
  get actors(): readonly Actor[] {
    return this.#actors
  }

  /** Steps taken and skipped. */
  get now(): number {
    return this.steps + this.#skipped
  }

  /** Admits a participant. @param body - stepped code: each of its accesses is a step */
  spawn(name: string, body: () => unknown): Actor {
    const actor = new Actor(name, this.#count++, body() as Iterator<unknown>)
    this.#actors.push(actor)
    this.note(name, 'starts')
    return actor
  }

  /** Ends a participant where it stands. */
  kill(actor: Actor): void {
    this.note(actor.name, 'is killed')
    this.crashes++
    this.#end(actor)
    // What it had written goes through, or not: nothing later says which.
    while (actor.pending.length > 0) {
      if (this.random.chance(0.5)) settleOne(actor, this)
      else actor.pending.pop()
    }
  }

  /** Stops a participant for so many steps. */
  pause(actor: Actor, steps: number): void {
    this.note(actor.name, `is stopped for ${steps}`)
    actor.pausedUntil = this.now + steps
  }

  /** Lets everybody go on. */
  resumeAll(): void {
    for (const actor of this.#actors) actor.pausedUntil = 0
  }

  /** Rings a participant, some time later. */
  ring(actor: Actor): void {
    if (actor.ringsUnderway > 0) return
    actor.ringsUnderway++
    this.later(`ring ${actor.name}`, () => {
      actor.ringsUnderway--
      actor.isRung = true
    })
  }

  /** Lets something happen between two steps, some time later; not in the order of the calls. */
  later(what: string, happen: () => void, longest = this.tempo.delay): void {
    this.#arrivals.push({ what, due: this.now + this.random.below(longest), happen })
  }

  /** Puts something into the trace. */
  note(who: string, what: string): void {
    this.trace.mix(what.length, this.steps)
    if (this.trace.keepsText) this.trace.say({ step: this.steps, who, what })
  }

  /** Runs so many steps. @returns whether it ended before, with nothing left to happen */
  run(steps: number): boolean {
    const end = this.steps + steps
    while (this.steps < end) {
      if (this.fault !== undefined && this.steps >= this.#nextFault) {
        this.#planFault()
        this.fault()
      }
      if (!this.#stepOnce()) return true
    }
    return false
  }

  #planFault(): void {
    this.#nextFault = this.steps + 1 + this.random.below(2 * this.tempo.faultEvery)
  }

  #stepOnce(): boolean {
    if (this.#arrivals.length > 0 && this.random.chance(this.tempo.arrivals))
      if (this.#arrive()) return true
    const actor = this.#choose()
    if (actor === undefined) return this.#skip()
    if (actor.isAsleep) {
      actor.isAsleep = false
      actor.isRung = false
    }
    this.steps++
    if (actor.advance()) {
      // It ends of its own will: what it wrote goes through.
      settleAll(actor, this.steps)
      this.#end(actor)
    }
    return true
  }

  #choose(): Actor | undefined {
    const current = this.#current
    if (current !== undefined && this.#canRun(current))
      if (this.random.chance(this.tempo.persistence)) return current
    const actors = this.#actors
    let at = actors.length === 0 ? 0 : this.random.below(actors.length)
    for (let i = 0; i < actors.length; i++) {
      const actor = actors[at]!
      if (this.#canRun(actor)) {
        this.#current = actor
        return actor
      }
      at = at + 1 === actors.length ? 0 : at + 1
    }
    return undefined
  }

  #canRun(actor: Actor): boolean {
    return actor.isAlive && (!actor.isAsleep || actor.isRung) && actor.pausedUntil <= this.now
  }

  #arrive(): boolean {
    const due = this.#arrivals.filter((arrival) => arrival.due <= this.now)
    if (due.length === 0) return false
    const arrival = this.random.pick(due)
    this.#arrivals.splice(this.#arrivals.indexOf(arrival), 1)
    this.steps++
    this.note('world', arrival.what)
    arrival.happen()
    return true
  }

  // Nobody can run: time passes until somebody can, or something arrives.
  #skip(): boolean {
    const times = [
      ...this.#arrivals.map(({ due }) => due),
      ...this.#actors
        .filter((actor) => actor.pausedUntil > this.now && (!actor.isAsleep || actor.isRung))
        .map(({ pausedUntil }) => pausedUntil),
    ]
    if (times.length === 0) return false
    const next = Math.min(...times)
    if (next > this.now) this.#skipped += next - this.now
    else this.#arrive()
    return true
  }

  #end(actor: Actor): void {
    actor.isAlive = false
    this.#actors.splice(this.#actors.indexOf(actor), 1)
  }
}
