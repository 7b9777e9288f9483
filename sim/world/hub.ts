import { Page, SharedWords } from '../engine/memory.js'
import type { Actor, Simulation } from '../engine/simulation.js'
import { step } from '../engine/stepped.js'
import { sleep } from './queue-link.js'

/** A message of the hub: somebody joined, or (without a member) all who were there before are named. */
export interface HubNews<M> {
  readonly epoch: number
  readonly member: M | undefined
}

/** A member as the hub sees it. */
export interface HubMember<M> {
  readonly actor: Actor
  readonly index: number
  /** What the hub has sent and it has not read. */
  readonly joined: HubNews<M>[]
  /** Deaths that it has noticed and not handled. */
  readonly left: M[]
  /** The hub has told it of all others, and all others of it. */
  isWelcome: boolean
}

/** Introduces members to each other: all others are told of a newcomer, then the epoch rises, then it begins. */
export class Hub<M extends HubMember<M>> {
  readonly actor: Actor
  /** One word: the epoch. */
  readonly page: Page
  readonly #simulation: Simulation
  readonly #requests: M[] = []
  #seats: readonly M[] = []
  #epoch: number

  constructor(simulation: Simulation, epoch: number) {
    this.#simulation = simulation
    this.#epoch = epoch
    this.actor = simulation.spawn('hub', () => {
      this.#serve()
    })
    this.page = new Page('epoch', 1, this.actor)
  }

  /** Asks to be let in. */
  join(member: M): void {
    this.#requests.push(member)
    this.#simulation.ring(this.actor)
  }

  /** Somebody will notice a death, some time. */
  notice(other: M, dead: M): void {
    this.#simulation.later(`${other.actor.name} notices the end of ${dead.actor.name}`, () => {
      other.left.push(dead)
      other.actor.isRung = true
    })
  }

  #serve(): void {
    const words = new SharedWords(this.#simulation, this.page, this.actor)
    words.store(0, this.#epoch)
    for (;;) {
      step()
      const member = this.#requests.shift()
      if (member === undefined) sleep(this.actor)
      else this.#admit(words, member)
    }
  }

  #admit(words: SharedWords, member: M): void {
    const others = this.#seats.filter(({ actor, index }) => actor.isAlive && index !== member.index)
    const epoch = (this.#epoch + 1) | 0
    for (const other of others) this.#send(other, { epoch, member })
    this.#epoch = epoch
    words.store(0, epoch)
    for (const other of others) this.#send(member, { epoch, member: other })
    this.#send(member, { epoch, member: undefined })
    member.isWelcome = true
    this.#seats = [...others, member]
  }

  #send(to: M, news: HubNews<M>): void {
    step()
    to.joined.push(news)
    this.#simulation.ring(to.actor)
    // Its lifeline came with the message.
    if (news.member?.actor.isAlive === false) this.notice(to, news.member)
  }
}
