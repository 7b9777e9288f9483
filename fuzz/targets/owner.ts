import { attackOnce, type Attack } from '../attack.js'
import { within, type Fuzzer, type Process, type Target } from '../fuzzer.js'

const MOST_MS = 15_000
const ATTACK: Attack = {
  disguise: 'watcher',
  pathName: 'timeline',
  chances: { noise: 0.3, kill: 0.02 },
}

let owner: Process
let other: Process

/** An owner of a timeline and a watcher that mean well, and watchers that do not. */
export const owners: Target = {
  name: 'owner',
  about: 'the owner of a timeline and its honest watcher, attacked by watchers',
  open,
  attack,
}

async function open(fuzzer: Fuzzer): Promise<void> {
  owner = await fuzzer.startHonest()
  other = await fuzzer.startHonest()
  const path = fuzzer.path('timeline')
  await owner.run(async (_, at) => {
    honest.my.owner = await honest.Owner.serve(at)
    honest.my.owner.run()
  }, path)
  await other.run((_, at) => {
    honest.my.watcher = new honest.Watcher(at)
    honest.my.watcher.run()
  }, path)
}

async function attack(fuzzer: Fuzzer, seed: number): Promise<readonly string[]> {
  const wrong = await attackOnce(fuzzer, seed, ATTACK)
  wrong.push(...(await progress()))
  return wrong
}

/** The owner signals on, and the honest watcher hears of it. */
async function progress(): Promise<readonly string[]> {
  const value = await owner.run(() => honest.my.owner.timeline.value)
  return within(
    'a watcher’s next signals',
    MOST_MS,
    other.run(async ({ resources }, reached) => {
      const before = honest.my.watcher.report().signaled
      await resources.until(() => honest.my.watcher.report().signaled >= before + 5).catch(() => {})
      const { signaled, deaths, violations } = honest.my.watcher.report()
      const wrong = [...honest.news(violations)]
      if (signaled < before + 5)
        wrong.push(`an honest watcher stands still, the owner at ${reached}`)
      if (deaths > 0) wrong.push('an honest watcher heard of a death')
      return wrong
    }, value),
  )
}
