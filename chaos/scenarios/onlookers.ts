import type { Locked } from '../child/bystander.js'
import type { Process, Run } from '../scenario.js'

/** For what has to happen, at once. */
const BOUND_MS = 20_000

/** What is known of one that died. */
interface Dead {
  /** What its fences may have ended with. */
  readonly ends: readonly string[]
  /** How many fences are pending in the first buffer once it has unlocked that; absent where it never had it locked. */
  readonly published?: number | undefined
}

/** Two members of the domain in which somebody stands still and dies: what they see, and how they go on. */
export class Onlookers {
  readonly all: readonly [Process, Process]
  readonly #run: Run
  #members: readonly Process[] = []
  #joining: Promise<void> | undefined

  constructor(run: Run, all: readonly [Process, Process]) {
    this.#run = run
    this.all = all
  }

  /** The first one is the hub. */
  async serve(path: string): Promise<void> {
    const [hub, member] = this.all
    await hub.run(async (_, at) => {
      chaos.my.bystander = await chaos.Bystander.serve(at)
    }, path)
    await joinAt(member, path)
    this.#members = this.all
  }

  /** One or both join somebody else's domain. */
  async join(path: string, count: number): Promise<void> {
    this.#members = this.all.slice(0, count)
    for (const one of this.#members) await joinAt(one, path)
  }

  /** The second one begins to join, and waits for both locks then. The hub may die before that. */
  joinSecond(path: string): void {
    const [, second] = this.all
    const joining = joinAt(second, path).then(
      async () => {
        this.#members = this.all
        await second.run((_, ms) => chaos.my.bystander.waitForLocks(true, ms), BOUND_MS)
      },
      (error: unknown) => {
        const { code } = error as { code?: unknown }
        if (code !== 'EPIPE' && code !== 'EOWNERDEAD') throw error
      },
    )
    joining.catch(() => {})
    this.#joining = joining
  }

  hold(index: number): Promise<void> {
    return this.all[0].run((_, buffer) => chaos.my.bystander.hold(buffer), index)
  }

  release(): Promise<void> {
    return this.all[0].run(() => chaos.my.bystander.release())
  }

  /** Each sees what is pending now, and hears of its end. */
  async look(): Promise<void> {
    for (const one of this.#members) await one.run(() => void chaos.my.bystander.look())
  }

  /** Until each sees one of these numbers of pending fences in the first buffer; in the second as many, or none. */
  async untilPending(pending: readonly number[]): Promise<void> {
    for (const one of this.#members)
      await one.run(({ resources }, counts) => {
        const self = chaos.my.bystander
        return resources.until(
          () => self.sees(counts),
          () => `Pending are ${self.look().join(' and ')}, not ${counts.join(' or ')}`,
        )
      }, pending)
  }

  /** Each begins to wait for both locks, so long at most. */
  async waitForLocks(timeoutMs = BOUND_MS): Promise<void> {
    for (const [index, one] of this.#members.entries())
      await one.run(
        (_, isReversed, ms) => chaos.my.bystander.waitForLocks(isReversed, ms),
        index === 1,
        timeoutMs,
      )
  }

  /** How those waits end. */
  async locked(): Promise<readonly Locked[]> {
    return Promise.all(this.#members.map((one) => one.run(() => chaos.my.bystander.locked())))
  }

  /** The first one, the hub, ends a member; when that was. */
  evict(index: number): Promise<number> {
    return this.all[0].run((_, member) => {
      const atMs = chaos.nowMs()
      chaos.my.bystander.evict(member)
      return atMs
    }, index)
  }

  /** After a death: they have the locks, every fence of the dead has ended with one of these, and they can work. */
  async goOn(killedMs: number, dead: Dead): Promise<void> {
    await this.#joining
    this.#joining = undefined
    let goingOn = 0
    for (const one of this.#members) if (await this.#goesOn(one, killedMs, dead)) goingOn++
    if (goingOn < 2) return
    const [first, second] = this.all
    await first.run(() => chaos.my.bystander.work())
    await second.run(() => chaos.my.bystander.waitForWork())
  }

  /** @returns whether it is a member still: the dead may have evicted it */
  async #goesOn(one: Process, killedMs: number, { ends, published }: Dead): Promise<boolean> {
    const { locked, isEvicted } = await one.run(async () => {
      const self = chaos.my.bystander
      return { locked: await self.locked(), isEvicted: self.domain.closed }
    })
    if (isEvicted) {
      this.#run.count('evicted')
      return false
    }
    if (locked.error !== undefined) throw new Error(`A member never got the locks: ${locked.error}`)
    if (locked.atMs > killedMs) this.#run.resumed(locked.atMs - killedMs)
    else if (published !== undefined && locked.pending !== published)
      throw new Error(`Unlocked with ${locked.pending} pending fences, not ${published}`)
    const endings = await one.run(async ({ resources }) => {
      const self = chaos.my.bystander
      await resources.until(
        () => self.domain.members.length <= 1,
        () => `${self.domain.members.length} members after a death`,
      )
      const left = self.look().join(' and ')
      return left === '0 and 0' ? self.endings() : [`${left} pending fences`]
    })
    this.#run.count('fences', endings.length)
    const wrong = endings.filter((ending) => !ends.includes(ending))
    if (wrong.length > 0) throw new Error(`Fences of the dead ended with ${wrong.join(', ')}`)
    return true
  }

  /** Each leaves its domain. */
  async close(): Promise<void> {
    for (const one of this.#members.toReversed()) await one.run(() => chaos.my.bystander.close())
    this.#members = []
  }
}

async function joinAt(one: Process, path: string): Promise<void> {
  await one.run(async (_, at) => {
    chaos.my.bystander = await chaos.Bystander.join(at)
  }, path)
}
