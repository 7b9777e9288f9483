import type { Page } from '../engine/memory.js'
import type { Actor, Simulation } from '../engine/simulation.js'
import { must } from '../engine/violation.js'
import type { World } from '../engine/world.js'
import { Hub } from './hub.js'
import { LockUser, type LockHome } from './lock-user.js'

/** Two to five members that lock buffers, one or several at a time; any of them may die inside. */
export class LockWorld implements World, LockHome {
  readonly simulation: Simulation
  readonly locks: number
  readonly turns: number
  readonly leaves: number
  readonly together: number
  readonly serial: number
  readonly inside: (LockUser | undefined)[]
  isEnding = false
  readonly #hub: Hub<LockUser>
  readonly #members: LockUser[] = []
  readonly #firstStamp: number
  readonly #hubMayDie: boolean
  #births = 0

  constructor(simulation: Simulation) {
    this.simulation = simulation
    const { random } = simulation
    this.locks = 1 + random.below(3)
    this.together = 1 + random.below(this.locks)
    this.turns = random.pick([0.5, 0.2, 0.03])
    this.leaves = random.pick([0, 0, 0.005])
    this.#hubMayDie = random.chance(0.25)
    this.inside = new Array<LockUser | undefined>(this.locks).fill(undefined)
    const isNearLimits = random.chance(0.4)
    this.serial = isNearLimits ? 2 ** 29 - 3 : 0
    this.#firstStamp = isNearLimits ? random.pick([2 ** 31 - 20, 2 ** 32 - 20, 2 ** 53 - 9000]) : 1
    this.#hub = new Hub(simulation, isNearLimits ? 2 ** 31 - 3 : 0)
    for (let index = 2 + random.below(4); index > 0; index--) this.#start(index - 1)
  }

  get epochs(): Page {
    return this.#hub.page
  }

  /** Time that goes on slowly, so that several members often have the same. */
  get stamp(): number {
    return this.#firstStamp + Math.floor(this.simulation.now / 40)
  }

  join(member: LockUser): void {
    this.#hub.join(member)
  }

  kill(actor: Actor): void {
    if (actor === this.#hub.actor && this.#hubMayDie) this.#hub.kill()
    const member = this.#members.find((one) => one.actor === actor)
    if (member === undefined) return
    this.simulation.kill(actor)
    this.leave(member)
  }

  leave(member: LockUser): void {
    this.#members.splice(this.#members.indexOf(member), 1)
    // It touches nothing any more: whoever knows may come in.
    for (const [lock, user] of this.inside.entries())
      if (user === member) this.inside[lock] = undefined
    for (const other of this.#members) this.#hub.notice(other, member)
    if (!this.#hub.actor.isAlive) return
    this.simulation.later(`the hub notices the end of ${member.actor.name}`, () => {
      this.#start(member.index)
    })
  }

  end(): void {
    this.isEnding = true
    for (const { actor } of this.#members) this.simulation.ring(actor)
  }

  checkRest(): void {
    for (const { actor, waitsFor } of this.#members)
      must(waitsFor === undefined, `${actor.name} waits for lock ${waitsFor ?? 0} for ever`)
  }

  checkEnd(): void {
    for (const { isDone, actor } of this.#members) must(isDone, `${actor.name} has come to its end`)
  }

  #start(index: number): void {
    this.#members.push(new LockUser(this, `member${index}'${++this.#births}`, index))
  }
}
