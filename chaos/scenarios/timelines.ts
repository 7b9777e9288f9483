import type { Process, Run, Scenario } from '../scenario.js'

/** Owners of a shared timeline are killed: every fence that waits fails, once. */
export const owners: Scenario = {
  name: 'owners',
  about: 'kill -9 of the owner of a shared timeline; each fence that waits fails once',
  share: 2,
  run: killOwners,
}

/** Watchers of a shared timeline are killed: the owner and the others do not notice. */
export const watchers: Scenario = {
  name: 'watchers',
  about: 'kill -9 of those who watch a shared timeline; the others miss no signal',
  share: 2,
  run: killWatchers,
}

async function killOwners(run: Run, kills: number): Promise<void> {
  const path = run.path()
  const survivors = [await run.start(), await run.start()]
  let owner = await own(await run.startVictim(), path)
  for (const survivor of survivors) await follow(survivor, path)
  await untilAllWatch(survivors)
  await run.baseline(...survivors)
  while (run.kills < kills) {
    const next = await run.startVictim()
    await run.pause(15)
    const deaths = await Promise.all(survivors.map(deathsOf))
    const killedMs = await run.kill(owner)
    for (const [index, survivor] of survivors.entries()) {
      const diedMs = await nextDeath(survivor, deaths[index] ?? 0)
      if (diedMs === undefined) run.violation('a watcher never heard of its owner’s death')
      else run.resumed(diedMs - killedMs)
    }
    owner = await own(next, path)
    await untilAllWatch(survivors)
  }
  await run.measure()
  await finishAll(run, owner, survivors)
}

async function killWatchers(run: Run, kills: number): Promise<void> {
  const path = run.path()
  const [owner, survivor] = [await run.start(), await run.start()]
  await own(owner, path)
  await follow(survivor, path)
  await untilAllWatch([survivor])
  const killOne = async (): Promise<void> => {
    const victim = await run.startVictim()
    const joining = follow(victim, path)
    if (run.random.chance(0.7)) {
      await joining
      await untilAllWatch([victim])
    }
    await run.pause(15)
    const killedMs = await run.kill(victim)
    await joining.catch(() => {})
    run.resumed((await nextSignal(survivor, killedMs)) - killedMs)
    await owner.run(({ resources }) => resources.until(() => chaos.my.owner.links === 1))
  }
  await killOne()
  await run.baseline(owner, survivor)
  while (run.kills < kills) await killOne()
  await run.measure()
  await finishAll(run, owner, [survivor])
}

async function own(owner: Process, path: string): Promise<Process> {
  await owner.run(async (_, at) => {
    chaos.my.owner = await chaos.Owner.serve(at)
    chaos.my.owner.run()
  }, path)
  return owner
}

async function follow(watcher: Process, path: string): Promise<void> {
  await watcher.run((_, at) => {
    chaos.my.watcher = new chaos.Watcher(at)
    chaos.my.watcher.run()
  }, path)
}

async function untilAllWatch(all: readonly Process[]): Promise<void> {
  for (const watcher of all)
    await watcher.run(({ resources }) =>
      resources.until(
        () => chaos.my.watcher.report().watches,
        () => `No timeline: ${JSON.stringify(chaos.my.watcher.report())}`,
      ),
    )
}

async function deathsOf(watcher: Process): Promise<number> {
  return watcher.run(() => chaos.my.watcher.report().deaths)
}

async function nextDeath(watcher: Process, before: number): Promise<number | undefined> {
  return watcher.run(async ({ resources }, known) => {
    const heard = (): boolean => chaos.my.watcher.report().deaths > known
    await resources.until(heard).catch(() => {})
    return heard() ? chaos.my.watcher.report().diedMs : undefined
  }, before)
}

async function nextSignal(watcher: Process, afterMs: number): Promise<number> {
  return watcher.run(async ({ resources }, since) => {
    await resources.until(
      () => chaos.my.watcher.firstAfter(since) !== undefined,
      () => 'A watcher is woken no more',
    )
    return chaos.my.watcher.firstAfter(since) ?? Number.POSITIVE_INFINITY
  }, afterMs)
}

async function finishAll(run: Run, owner: Process, survivors: readonly Process[]): Promise<void> {
  for (const survivor of survivors) {
    const report = await survivor.run(async () => {
      await chaos.my.watcher.stop()
      return chaos.my.watcher.report()
    })
    run.count('signaled', report.signaled)
    for (const text of report.violations) run.violation(text)
  }
  await owner.run(() => chaos.my.owner.close())
  for (const one of [...survivors, owner]) await run.finish(one)
}
