import { MAX_GENERATION, MemberLayout } from '#src/interprocess/member-page.js'
import type { Page } from '../engine/memory.js'
import type { Actor, Simulation } from '../engine/simulation.js'
import { must } from '../engine/violation.js'
import type { World } from '../engine/world.js'
import { BoardMember, type BoardHome, type BoardStarts } from './board-member.js'
import { Hub } from './hub.js'

/** Two to five members that share timelines; any of them may die, and another takes its place. */
export class BoardWorld implements World, BoardHome {
  readonly simulation: Simulation
  readonly layout: MemberLayout
  readonly turns: number
  readonly failures: number
  readonly lines: number
  readonly waits: number
  readonly leaves: number
  readonly steps: number
  isEnding = false
  readonly #members: BoardMember[] = []
  readonly #isNearLimits: boolean
  readonly #hubMayDie: boolean
  readonly #hub: Hub<BoardMember>
  #counted = 0
  #births = 0

  constructor(simulation: Simulation) {
    this.simulation = simulation
    const { random } = simulation
    this.turns = random.pick([0.5, 0.2, 0.03])
    this.lines = random.pick([1, 3])
    this.waits = random.pick([0, 0, 0.7])
    this.leaves = random.pick([0, 0, 0.005])
    this.#hubMayDie = random.chance(0.25)
    // Slots by the dozen, and used up by failures: that takes longer.
    const many = random.chance(0.06)
    this.failures = many ? 0.5 : random.pick([0, 0.05, 0.2])
    this.steps = many ? 20000 : 4000
    const members = 2 + random.below(4)
    const slots = many ? 64 : 4 + random.below(8)
    this.layout = new MemberLayout({ slots, buffers: 1, members })
    this.#isNearLimits = random.chance(0.4)
    this.#hub = new Hub(simulation, this.#isNearLimits ? 2 ** 31 - 3 : 0)
    for (let index = 0; index < members; index++) this.#start(index)
  }

  get epochs(): Page {
    return this.#hub.page
  }

  #starts(): BoardStarts {
    const { random } = this.simulation
    if (!this.#isNearLimits) return { generation: 0, logged: 0, seqno: 0, version: 0 }
    return {
      generation: random.pick([0, MAX_GENERATION - 3]),
      logged: random.pick([0, 250, 2 ** 31 - 20, 2 ** 32 - 20]),
      seqno: random.pick([0, 2 ** 29 - 20, 2 ** 31 - 20, 2 ** 32 - 20, 2 ** 53 - 200000]),
      version: random.pick([0, 2 ** 31 - 3, -3]),
    }
  }

  kill(actor: Actor): void {
    if (actor === this.#hub.actor && this.#hubMayDie) this.#hub.kill()
    const member = this.#members.find((one) => one.actor === actor)
    if (member === undefined) return
    this.simulation.kill(actor)
    this.leave(member)
  }

  leave(member: BoardMember): void {
    this.#members.splice(this.#members.indexOf(member), 1)
    for (const other of this.#members) this.#hub.notice(other, member)
    if (!this.#hub.actor.isAlive) return
    // The hub gives its place to another, whether the others have noticed or not.
    this.simulation.later(`the hub notices the end of ${member.actor.name}`, () => {
      this.#start(member.index)
    })
  }

  end(): void {
    this.isEnding = true
    for (const { actor } of this.#members) this.simulation.ring(actor)
  }

  checkRest(): void {
    for (const { follows, actor } of this.#members)
      for (const follow of follows)
        must(
          !follow.isOverdue,
          `${actor.name} sleeps for ever though seqno ${follow.wanted ?? 0} is over`,
        )
  }

  checkEnd(): void {
    for (const { isDone, actor } of this.#members) must(isDone, `${actor.name} has come to its end`)
    for (const member of this.#members)
      this.simulation.spawn(`auditor of ${member.actor.name}`, () => {
        this.#countSlots(member)
      })
    must(this.simulation.run(100000), 'The slots were counted')
    must(this.#counted === this.#members.length, 'The slots of everybody were counted')
  }

  #countSlots({ board, actor }: BoardMember): void {
    const { slots } = this.layout.shape
    let free = 0
    while (board?.allocate() !== undefined) free++
    must(free === slots, `Slots of ${actor.name} are lost: ${free} are free instead of ${slots}`)
    this.#counted++
  }

  /** Asks the hub to be let in. */
  join(member: BoardMember): void {
    this.#hub.join(member)
  }

  #start(index: number): void {
    this.#members.push(
      new BoardMember(this, `member${index}'${++this.#births}`, index, this.#starts()),
    )
  }
}
