import { MAX_GENERATION, MemberLayout } from '#src/interprocess/member-page.js'
import { Page, SharedWords } from '../engine/memory.js'
import type { Actor, Simulation } from '../engine/simulation.js'
import { step } from '../engine/stepped.js'
import { must } from '../engine/violation.js'
import type { World } from '../engine/world.js'
import { BoardMember, type BoardHome, type BoardStarts, type HubNews } from './board-member.js'
import { sleep } from './queue-link.js'

/** Two to five members that share timelines; any of them may die, and another takes its place. */
export class BoardWorld implements World, BoardHome {
  readonly simulation: Simulation
  readonly layout: MemberLayout
  readonly turns: number
  isEnding = false
  readonly #members: BoardMember[] = []
  readonly #isNearLimits: boolean
  readonly epochs: Page
  readonly #hub: Actor
  readonly #requests: BoardMember[] = []
  #seats: readonly BoardMember[] = []
  #epoch: number
  #counted = 0
  #births = 0

  constructor(simulation: Simulation) {
    this.simulation = simulation
    const { random } = simulation
    this.turns = random.pick([0.5, 0.2, 0.03])
    const members = 2 + random.below(4)
    this.layout = new MemberLayout({ slots: 4 + random.below(8), buffers: 1, members })
    this.#isNearLimits = random.chance(0.4)
    this.#epoch = this.#isNearLimits ? 2 ** 31 - 3 : 0
    this.#hub = simulation.spawn('hub', () => {
      this.#serve()
    })
    this.epochs = new Page('epoch', 1, this.#hub)
    for (let index = 0; index < members; index++) this.#start(index)
  }

  #starts(): BoardStarts {
    const { random } = this.simulation
    if (!this.#isNearLimits) return { generation: 0, logged: 0, seqno: 0 }
    return {
      generation: random.pick([0, MAX_GENERATION - 3]),
      logged: random.pick([0, 250, 2 ** 31 - 20, 2 ** 32 - 20]),
      seqno: random.pick([0, 2 ** 29 - 20, 2 ** 31 - 20, 2 ** 32 - 20, 2 ** 53 - 200000]),
    }
  }

  kill(actor: Actor): void {
    const member = this.#members.find((one) => one.actor === actor)
    if (member === undefined) return
    this.simulation.kill(actor)
    this.#members.splice(this.#members.indexOf(member), 1)
    for (const other of this.#members) this.#notice(other, member)
    // The hub gives its place to another, whether the others have noticed or not.
    this.simulation.later(`the hub notices the end of ${actor.name}`, () => {
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
    this.#requests.push(member)
    this.simulation.ring(this.#hub)
  }

  #start(index: number): void {
    this.#members.push(
      new BoardMember(this, `member${index}'${++this.#births}`, index, this.#starts()),
    )
  }

  // Tells all others of a newcomer, then raises the epoch, and only then lets the newcomer begin.
  #serve(): void {
    const words = new SharedWords(this.simulation, this.epochs, this.#hub)
    words.store(0, this.#epoch)
    for (;;) {
      step()
      const member = this.#requests.shift()
      if (member === undefined) {
        sleep(this.#hub)
        continue
      }
      const others = this.#seats.filter(
        ({ actor, index }) => actor.isAlive && index !== member.index,
      )
      const epoch = (this.#epoch + 1) | 0
      for (const other of others) this.#send(other, { epoch, member })
      this.#epoch = epoch
      words.store(0, epoch)
      for (const other of others) this.#send(member, { epoch, member: other })
      this.#send(member, { epoch, member: undefined })
      member.isWelcome = true
      this.#seats = [...others, member]
    }
  }

  #send(to: BoardMember, news: HubNews): void {
    step()
    to.joined.push(news)
    this.simulation.ring(to.actor)
    // Its lifeline came with the message.
    if (news.member?.actor.isAlive === false) this.#notice(to, news.member)
  }

  #notice(other: BoardMember, dead: BoardMember): void {
    this.simulation.later(`${other.actor.name} notices the end of ${dead.actor.name}`, () => {
      other.left.push(dead)
      other.actor.isRung = true
    })
  }
}
