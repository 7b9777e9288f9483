import { attackOnce, type Attack } from '../attack.js'
import { within, type Fuzzer, type Process, type Target } from '../fuzzer.js'

const MOST_MS = 15_000
const ATTACK: Attack = {
  disguise: 'member',
  pathName: 'domain',
  chances: { noise: 0.2, kill: 0.05 },
}

let honestOnes: readonly Process[] = []

/** A hub and a member of its domain that mean well, and members that do not. */
export const domain: Target = {
  name: 'domain',
  about: 'the hub of a domain and an honest member, attacked by members',
  open,
  attack,
}

async function open(fuzzer: Fuzzer): Promise<void> {
  const [hub, member] = [await fuzzer.startHonest(), await fuzzer.startHonest()]
  const path = fuzzer.path('domain')
  await hub.run(async (_, at) => {
    honest.my.member = await honest.Member.serve(at)
  }, path)
  await member.run(async (_, at) => {
    honest.my.member = await honest.Member.join(at)
  }, path)
  honestOnes = [hub, member]
  for (const one of honestOnes) await one.run(() => honest.my.member.run())
}

async function attack(fuzzer: Fuzzer, seed: number): Promise<readonly string[]> {
  const wrong = await attackOnce(fuzzer, seed, ATTACK)
  for (const one of honestOnes) wrong.push(...(await progress(one)))
  return wrong
}

/** Who means well goes on locking, and is alone with the other one. */
async function progress(one: Process): Promise<readonly string[]> {
  return within(
    'a member’s next locks',
    MOST_MS,
    one.run(async ({ resources }) => {
      const { member } = honest.my
      const before = member.report().locked
      const goesOn = (): boolean =>
        member.report().locked >= before + 3 && member.domain.members.length === 1
      await resources
        .until(() => goesOn() || member.report().end !== undefined, undefined, 10_000)
        .catch(() => {})
      const { violations, end, locked } = member.report()
      const wrong = [...honest.news(violations)]
      if (end !== undefined) wrong.push(`an honest member ended with ${end}`)
      else if (!goesOn())
        wrong.push(
          `a member stands still: ${locked - before} locks, ${member.domain.members.length} others`,
        )
      return wrong
    }),
  )
}
