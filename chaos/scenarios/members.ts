import type { Locking } from '../child/member.js'
import type { Process, Run, Scenario } from '../scenario.js'

/** Members of a domain are killed: their locks are free and their fences fail, at once. */
export const members: Scenario = {
  name: 'members',
  about: 'kill -9 of members of a domain that join, hold locks, and leave fences behind',
  share: 3,
  run: killMembers,
}

/** The hub of a domain is killed: the others hear of it, and find the next one. */
export const hubs: Scenario = {
  name: 'hubs',
  about: 'kill -9 of the hub of a domain, whose members go on and join the next one',
  share: 1,
  run: killHubs,
}

type Kind = 'joining' | 'running' | 'holding' | 'fencing'

/** The same, whoever the processes are. */
export async function killMembers(run: Run, kills: number): Promise<void> {
  const path = run.path()
  const hub = await run.start({ isOutside: true })
  const [first, second] = [await run.start(), await run.start()]
  const survivors = [hub, first, second]
  await serve(hub, path)
  for (const one of [first, second]) await join(one, path)
  for (const one of survivors) await one.run(() => chaos.my.member.run())
  await killMember(run, survivors, path)
  await run.baseline(...survivors)
  while (run.kills < kills) await killMember(run, survivors, path)
  await run.measure()
  await finishAll(run, [first, second, hub])
}

async function killHubs(run: Run, kills: number): Promise<void> {
  const survivors = [await run.start(), await run.start()]
  let isFirst = true
  while (run.kills < kills) {
    // A socket that is in use by nobody else: what is left of the last domain lives on.
    const path = run.path(`hub${run.kills}`)
    const hub = await run.startVictim()
    await serve(hub, path)
    for (const one of survivors) {
      await join(one, path)
      await one.run(() => chaos.my.member.run())
    }
    if (isFirst) await run.baseline(...survivors)
    isFirst = false
    const kind = run.random.pick(['running', 'holding', 'fencing'] as const)
    await meet(run, { victim: hub, survivors, kind })
    for (const one of survivors) await closeMember(run, one)
    await Promise.all(survivors.map((one) => one.run(({ resources }) => resources.settled())))
  }
  // One more domain: what they had at the baseline.
  const last = await run.start()
  await serve(last, run.path('last'))
  for (const one of survivors) await join(one, run.path('last'))
  await run.measure()
  await finishAll(run, [...survivors, last])
}

async function killMember(run: Run, survivors: readonly Process[], path: string): Promise<void> {
  const kind = run.random.pick(['joining', 'running', 'holding', 'holding', 'fencing'] as const)
  const victim = await run.startVictim()
  const joining = join(victim, path)
  if (kind === 'joining') {
    run.count(kind)
    await run.pause(25)
    await run.kill(victim)
    await joining.catch(() => {})
  } else {
    await joining
    await meet(run, { victim, survivors, kind })
  }
  for (const one of survivors) await untilMembers(one, survivors.length - 1)
}

/** Until somebody knows so many others. */
export async function untilMembers(one: Process, count: number): Promise<void> {
  await one.run(
    ({ resources }, wanted) =>
      resources.until(
        () => chaos.my.member.domain.members.length === wanted,
        () => `${chaos.my.member.domain.members.length} members after a death`,
      ),
    count,
  )
}

/** Kills one in the middle of it, and waits until all others have got on. */
async function meet(
  run: Run,
  { victim, survivors, kind }: { victim: Process; survivors: readonly Process[]; kind: Kind },
): Promise<void> {
  run.count(kind)
  if (kind === 'running') await victim.run(() => chaos.my.member.run())
  if (kind === 'holding') await victim.run(() => chaos.my.member.hold(0))
  if (kind === 'fencing') await victim.run(() => chaos.my.member.leaveFence(0))
  const waits = survivors.map((one) =>
    kind === 'fencing' ? one.run(() => chaos.my.member.waitFences(0)) : undefined,
  )
  await run.pause(15)
  const killedMs = await run.kill(victim)
  for (const [index, one] of survivors.entries()) {
    const wait = await waits[index]
    if (wait !== undefined) {
      run.resumed(wait.atMs - killedMs)
      if (!wait.codes.includes('EOWNERDEAD'))
        run.violation(`fences of a dead member ended with ${wait.codes.join(', ')}`)
    }
    const locking = await nextLock(one, killedMs)
    if (locking === undefined) run.violation('a member never got the lock of a dead one')
    else if (kind === 'holding' && locking.askedMs < killedMs) {
      // It waited for the dead one, and for whoever was first after that.
      run.count('lockWaiters')
      run.resumed(locking.atMs - killedMs)
    }
  }
}

/** The first lock of buffer 0 that somebody gets after a death; undefined where it never does. */
export async function nextLock(one: Process, killedMs: number): Promise<Locking | undefined> {
  return one.run(async ({ resources }, since) => {
    const found = (): Locking | undefined => chaos.my.member.firstAfter(0, since)
    await resources.until(() => found() !== undefined).catch(() => {})
    return found()
  }, killedMs)
}

/** Makes somebody the hub of a domain. */
export async function serve(one: Process, path: string): Promise<void> {
  await one.run(async (_, at) => {
    chaos.my.member = await chaos.Member.serve(at)
  }, path)
}

async function join(one: Process, path: string): Promise<void> {
  await one.run(async (_, at) => {
    chaos.my.member = await chaos.Member.join(at)
  }, path)
}

/** Ends a member that has survived: it has seen nothing wrong, and went on to the end. */
export async function closeMember(run: Run, one: Process): Promise<void> {
  const { locked, violations, end } = await one.run(async () => {
    await chaos.my.member.stop()
    const report = chaos.my.member.report()
    await chaos.my.member.close()
    return report
  })
  run.count('locked', locked)
  for (const text of violations) run.violation(text)
  if (end !== undefined) run.violation(`a member's locks ended with ${end}`)
}

async function finishAll(run: Run, all: readonly Process[]): Promise<void> {
  for (const one of all) await closeMember(run, one)
  for (const one of all) await run.finish(one)
}
