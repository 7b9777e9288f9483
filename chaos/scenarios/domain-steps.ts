import { setTimeout as delay } from 'node:timers/promises'
import {
  hubOperations,
  memberOperations,
  type DomainOperation,
} from '../child/domain-operations.js'
import { isStopped } from '../holdings.js'
import { killAtPlaces, prepareVictim, type Place, type Survivors } from '../places.js'
import type { Process, Run, Scenario } from '../scenario.js'
import { Onlookers } from './onlookers.js'

/** Members of a domain, and its hub, stand still and then die before every single access to shared memory. */
export const domainSteps: Scenario = {
  name: 'domain-steps',
  about: 'stops a member or the hub of a domain before every access to shared memory, then kill -9',
  share: 11,
  isByStep: true,
  run: killAtSteps,
}

/** How long somebody keeps a lock that the victim waits for. */
const TAKEN_MS = 5

async function killAtSteps(run: Run, kills: number): Promise<void> {
  const survivors = await Bystanders.start(run)
  await killAtPlaces(run, kills, { roles: ['member', 'hub'], survivors })
  await survivors.finish()
}

function operationOf({ role, operation }: Place): DomainOperation {
  return (role === 'hub' ? hubOperations : memberOperations)[operation]!
}

/** Two that share a domain with each victim that is a member, and two that join each victim that is a hub. */
class Bystanders implements Survivors {
  readonly #run: Run
  readonly #lasting: Onlookers
  readonly #joining: Onlookers

  private constructor(run: Run, lasting: Onlookers, joining: Onlookers) {
    this.#run = run
    this.#lasting = lasting
    this.#joining = joining
  }

  static async start(run: Run): Promise<Bystanders> {
    const lasting = new Onlookers(run, [await run.start(), await run.start()])
    const joining = new Onlookers(run, [await run.start(), await run.start()])
    await lasting.serve(run.path('domain'))
    return new Bystanders(run, lasting, joining)
  }

  baseline(): Promise<void> {
    return this.#run.baseline(...this.#lasting.all, ...this.#joining.all)
  }

  async perform(place: Place): Promise<number | undefined> {
    const { role, operation, at } = place
    try {
      return role === 'hub' ? await this.#endHub(place) : await this.#endMember(place)
    } catch (error) {
      throw new Error(`${role}, ${operation}, step ${at}: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }

  async #endMember(place: Place): Promise<number | undefined> {
    const others = this.#lasting
    const { taken, isHolding = false } = operationOf(place)
    const victim = await prepareVictim(this.#run, place, this.#run.path('domain'))
    if (taken !== undefined) await others.hold(taken)
    await victim.run(() => chaos.my.victim.ready())
    await others.look()
    if (isHolding) await others.waitForLocks()
    const acting = act(victim, place.at)
    if (taken !== undefined) {
      await delay(TAKEN_MS)
      await others.release()
    }
    const count = await stopOf(victim, acting)
    await this.#meetDeath(place, { victim, others, isWaiting: isHolding })
    return count
  }

  async #endHub(place: Place): Promise<number | undefined> {
    const others = this.#joining
    const { isHolding = false } = operationOf(place)
    const path = this.#run.path(`hub${this.#run.kills}`)
    const victim = await prepareVictim(this.#run, place, path)
    const isAdmitting = place.operation === 'admit'
    await others.join(path, isAdmitting ? 1 : 2)
    await victim.run(() => chaos.my.victim.ready())
    const acting = act(victim, place.at)
    if (isAdmitting) others.joinSecond(path)
    const count = await stopOf(victim, acting)
    await this.#meetDeath(place, { victim, others, isWaiting: isHolding })
    await others.close()
    return count
  }

  /** The victim stands still, or is done: what the others see of it, and that they go on when it is gone. */
  async #meetDeath(
    place: Place,
    { victim, others, isWaiting }: { victim: Process; others: Onlookers; isWaiting: boolean },
  ): Promise<void> {
    const { pending, ends = [] } = operationOf(place)
    const [first, last] = [pending[0]!, pending.at(-1)!]
    if (place.at === 0) await others.untilPending([first])
    else if (place.at === Number.POSITIVE_INFINITY) await others.untilPending([last])
    else await others.untilPending(pending)
    if (!isWaiting) await others.waitForLocks()
    const killedMs = await this.#run.kill(victim)
    const published = isWaiting ? last : undefined
    await others.goOn(killedMs, { ends: [...ends, 'EOWNERDEAD'], published })
  }

  async finish(): Promise<void> {
    await this.#run.measure()
    await this.#lasting.close()
    for (const one of [...this.#lasting.all, ...this.#joining.all]) await this.#run.finish(one)
  }
}

function act(victim: Process, at: number): Promise<number> {
  const acting = victim.run((_, step) => chaos.my.victim.act(step, 'SIGSTOP'), at)
  acting.catch(() => {})
  return acting
}

/** How many accesses an act had; undefined where its process stands still in it. */
async function stopOf(victim: Process, acting: Promise<number>): Promise<number | undefined> {
  let isDone = false
  const done = acting.finally(() => (isDone = true))
  done.catch(() => {})
  while (!isDone) {
    if (isStopped(victim.pid)) return undefined
    await delay(1)
  }
  return done
}
