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
  /** Ends of others that it has noticed and not handled. */
  readonly left: M[]
  /** The hub has told it of all others, and all others of it. */
  isWelcome: boolean
  /** It has noticed the hub's end. */
  isHubGone: boolean
}

/**
 * Introduces members to each other: all others are told of a newcomer, then the epoch rises, then it begins. After
 * its end the others go on, and nobody joins any more.
 */
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
    if (!this.actor.isAlive) {
      this.#noticeEnd(member)
      return
    }
    this.#requests.push(member)
    this.#simulation.ring(this.actor)
  }

  /** Somebody will notice the end of another, some time. */
  notice(other: M, gone: M): void {
    this.#simulation.later(`${other.actor.name} notices the end of ${gone.actor.name}`, () => {
      other.left.push(gone)
      other.actor.isRung = true
    })
  }

  /** Kills it: whoever is in, or wants to be, will notice, some time. */
  kill(): void {
    this.#simulation.kill(this.actor)
    for (const member of new Set([...this.#seats, ...this.#requests])) this.#noticeEnd(member)
  }

  #noticeEnd(member: M): void {
    this.#simulation.later(`${member.actor.name} notices the end of the hub`, () => {
      member.isHubGone = true
      member.actor.isRung = true
    })
  }

  #serve(): void {
    const words = new SharedWords(this.#simulation, this.page, this.actor)
    words.store(0, this.#epoch)
    for (;;) {
      step()
      const member = this.#requests[0]
      if (member === undefined) sleep(this.actor)
      else {
        this.#admit(words, member)
        this.#requests.shift()
      }
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
