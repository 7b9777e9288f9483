import { isStopped } from '../holdings.js'
import type { Process, Run, Scenario } from '../scenario.js'
import { Onlookers } from './onlookers.js'

/** Members of a domain are stopped, not killed: they are named, the hub ends them, and they find out. */
export const stoppedMembers: Scenario = {
  name: 'stopped-members',
  about:
    'SIGSTOP of members of a domain: named where they hold a lock, evicted by the hub, and told so',
  share: 0.4,
  run: stopMembers,
}

/** How long to wait for the lock of one that is stopped, to learn its name. */
const PATIENCE_MS = 100

async function stopMembers(run: Run, kills: number): Promise<void> {
  const path = run.path()
  const others = new Onlookers(run, [await run.start(), await run.start()])
  await others.serve(path)
  await stopOne(run, others, path)
  await run.baseline(...others.all)
  while (run.kills < kills) await stopOne(run, others, path)
  await run.measure()
  await others.close()
  for (const one of others.all) await run.finish(one)
}

async function stopOne(run: Run, others: Onlookers, path: string): Promise<void> {
  const victim = await run.startVictim()
  const isHolding = run.kills % 2 === 0
  run.count(isHolding ? 'holding' : 'idle')
  const index = await join(victim, path, isHolding)
  await others.look()
  process.kill(victim.pid, 'SIGSTOP')
  while (!isStopped(victim.pid)) await run.pause(2)
  if (isHolding) {
    const name = `member ${index} (pid ${victim.pid})`
    await others.waitForLocks(PATIENCE_MS)
    for (const { error = 'no error' } of await others.locked())
      if (!error.includes('ETIMEDOUT') || !error.includes(name))
        run.violation(`a stopped ${name} was not named: ${error}`)
  }
  await others.waitForLocks()
  // One that holds nothing is in nobody's way.
  if (!isHolding) await others.locked()
  const evictedMs = await others.evict(index)
  await others.goOn(evictedMs, { ends: ['ECONNRESET'] })
  process.kill(victim.pid, 'SIGCONT')
  const found = await whatItFinds(victim, isHolding)
  if (found !== 'ECONNRESET') run.violation(`an evicted member that goes on finds ${found}`)
  await run.kill(victim)
}

/** Joins, leaves a fence in the first buffer, and holds both locks where it is to. @returns its index */
async function join(victim: Process, path: string, isHolding: boolean): Promise<number> {
  return victim.run(
    async (_, at, holds) => {
      const guest = await chaos.Guest.join(at)
      chaos.my.guest = guest
      await guest.leaveFence()
      if (holds) await guest.lock(2)
      return guest.domain.index
    },
    path,
    isHolding,
  )
}

/** What the next lock says to one that was evicted while it stood still. */
async function whatItFinds(victim: Process, isHolding: boolean): Promise<string> {
  return victim.run(async ({ resources }, holds) => {
    const { guest } = chaos.my
    await resources.until(() => guest.domain.closed)
    if (holds) guest.unlock()
    try {
      await guest.lockAlone()
      return 'a lock'
    } catch (error) {
      return String((error as { code?: unknown }).code)
    }
  }, isHolding)
}
