import type { Process, Run, Scenario } from '../scenario.js'

/** How the next victim is to behave. */
interface Fate {
  readonly mode: 'fifo' | 'latest'
  readonly kind: 'joining' | 'reading' | 'stalling'
  readonly pauseMs: number
}

/** Viewers of a queue are killed: the camera has their buffers back, the other viewers miss nothing. */
export const viewers: Scenario = {
  name: 'viewers',
  about: 'kill -9 of viewers of a frame queue: joining, reading, and keeping the camera waiting',
  share: 3,
  run: killViewers,
}

/** The same, whoever the processes are. */
export async function killViewers(run: Run, kills: number): Promise<void> {
  const [camera, fifo, latest] = [await run.start(), await run.start(), await run.start()]
  const path = run.path()
  await camera.run(async (_, at) => {
    chaos.my.camera = await chaos.Camera.serve(at, 1)
  }, path)
  await watch(fifo, path, 'fifo')
  await watch(latest, path, 'latest')
  await camera.run(() => chaos.my.camera.run())
  // The first one is warmth: what is made once is made now.
  await killOne(run, [camera, fifo, latest], path)
  await run.baseline(camera, fifo, latest)
  while (run.kills < kills) await killOne(run, [camera, fifo, latest], path)
  await run.measure()
  await finishAll(run, camera, [fifo, latest])
}

async function watch(viewer: Process, path: string, mode: 'fifo' | 'latest'): Promise<void> {
  await viewer.run(
    async (_, at, how) => {
      chaos.my.viewer = await chaos.Viewer.connect(at, { mode: how })
      chaos.my.reading = chaos.my.viewer.read()
    },
    path,
    mode,
  )
}

function fateOf(run: Run): Fate {
  const mode = run.random.chance(0.7) ? 'fifo' : 'latest'
  const kind = run.random.pick(['joining', 'reading', 'reading', 'stalling', 'stalling'] as const)
  return { mode: kind === 'stalling' ? 'fifo' : mode, kind, pauseMs: run.random.below(3) }
}

async function killOne(
  run: Run,
  [camera, ...survivors]: readonly [Process, Process, Process],
  path: string,
): Promise<void> {
  const fate = fateOf(run)
  run.count(fate.kind)
  const victim = await run.startVictim()
  const departures = await departuresOf(camera)
  const joining = join(victim, path, fate)
  if (fate.kind === 'joining') await run.pause(12)
  else {
    await joining
    if (fate.kind === 'stalling') await untilStalled(camera)
    else await run.pause(15)
  }
  const killedMs = await run.kill(victim)
  await joining.catch(() => {})
  const departure = await resumption(camera, { known: departures, left: 2 })
  if (departure === undefined) return
  run.resumed(departure.resumedMs - killedMs)
  for (const survivor of survivors) {
    const atMs = await arrivalOf(survivor, departure.sequence)
    if (atMs === undefined) run.violation(`a viewer missed frame ${departure.sequence}`)
    else run.resumed(atMs - killedMs)
  }
}

async function join(victim: Process, path: string, fate: Fate): Promise<void> {
  await victim.run(
    async (_, at, how) => {
      const stalls = how.kind === 'stalling'
      const viewer = await chaos.Viewer.connect(at, { mode: how.mode, maxHeld: stalls ? 2 : 1 })
      chaos.my.viewer = viewer
      if (stalls) await viewer.hold(2)
      else void viewer.read(how.pauseMs)
    },
    path,
    fate,
  )
}

/** How many viewers have left a camera so far. */
export async function departuresOf(camera: Process): Promise<number> {
  return camera.run(() => chaos.my.camera.departures.length)
}

/** Until a camera waits for somebody. */
export async function untilStalled(camera: Process): Promise<void> {
  await camera.run(({ resources }) => {
    const { queue } = chaos.my.camera
    return resources.until(() => queue.stalledBy.length > 0)
  })
}

/** How the camera went on; undefined where the victim had not joined yet. */
export async function resumption(
  camera: Process,
  how: { readonly known: number; readonly left: number },
): Promise<{ resumedMs: number; sequence: number } | undefined> {
  return camera.run(async ({ resources }, { known, left }) => {
    const { queue, departures } = chaos.my.camera
    await resources.until(
      () => queue.consumers.length === left,
      () => `${queue.consumers.length} consumers after a death`,
    )
    const departure = departures[known]
    if (departure === undefined) return undefined
    await resources.until(
      () => departure.resumedMs !== undefined,
      () => 'The camera never went on',
    )
    return { resumedMs: departure.resumedMs ?? 0, sequence: departure.sequence }
  }, how)
}

async function arrivalOf(viewer: Process, sequence: number): Promise<number | undefined> {
  return viewer.run(async ({ resources }, wanted) => {
    const { viewer: self } = chaos.my
    const bound = resources.until(() => self.arrivalOf(1, wanted) !== undefined)
    await bound.catch(() => {})
    return self.arrivalOf(1, wanted)?.atMs
  }, sequence)
}

async function finishAll(run: Run, camera: Process, survivors: readonly Process[]): Promise<void> {
  const published = await camera.run(async () => {
    const count = await chaos.my.camera.stop()
    await chaos.my.camera.queue.close()
    return count
  })
  run.count('frames', published)
  for (const survivor of survivors) {
    const report = await survivor.run(async () => {
      await chaos.my.reading
      await chaos.my.viewer.stream.close()
      return chaos.my.viewer.report()
    })
    run.count('received', report.received)
    run.torn(report.torn)
    for (const text of report.violations) run.violation(text)
    if (report.end?.code !== 'end') run.violation(`a viewer ended with ${report.end?.code}`)
    if (report.last?.sequence !== published)
      run.violation(`a viewer's last frame is ${report.last?.sequence} of ${published}`)
  }
  for (const one of [camera, ...survivors]) await run.finish(one)
}
