import { isStopped, residentBytes } from '../holdings.js'
import type { Process, Run, Scenario } from '../scenario.js'

// Long enough that a viewer that runs, on a busy machine, is never taken for one that stands still.
const SLOW_MS = 500
const FRAMES = 5000
const MOST_GROWTH_BYTES = 24 * 1024 * 1024

/** Viewers are stopped, not killed: they are named and evicted, and cost the camera nothing that grows. */
export const stopped: Scenario = {
  name: 'stopped',
  about: 'SIGSTOP of viewers: named, evicted by policy, while the camera neither blocks nor grows',
  share: 0.2,
  run: stopViewers,
}

async function stopViewers(run: Run, kills: number): Promise<void> {
  const path = run.path()
  const [camera, viewer] = [await run.start(), await run.start()]
  await camera.run(
    async (_, at, afterMs) => {
      const slowConsumer = { afterMs, then: 'disconnect' as const }
      chaos.my.camera = await chaos.Camera.serve(at, 1, { slowConsumer })
    },
    path,
    SLOW_MS,
  )
  await viewer.run(async (_, at) => {
    chaos.my.viewer = await chaos.Viewer.connect(at)
    chaos.my.reading = chaos.my.viewer.read()
  }, path)
  await publishMany(camera, 1000)
  await run.baseline(camera, viewer)
  while (run.kills < kills) {
    await stopOne(run, camera, path)
    const { end } = await viewer.run(() => chaos.my.viewer.report())
    if (end !== undefined) run.violation(`the other viewer ended with ${end.code}`)
  }
  await run.measure()
  await camera.run(() => chaos.my.camera.queue.close())
  const report = await viewer.run(async () => {
    await chaos.my.reading
    await chaos.my.viewer.stream.close()
    return chaos.my.viewer.report()
  })
  run.torn(report.torn)
  for (const text of report.violations) run.violation(text)
  run.count('received', report.received)
  await run.finish(viewer)
  await run.finish(camera)
}

/** One that holds or reads in some mode stands still, sees itself evicted when it goes on, and is killed. */
async function stopOne(run: Run, camera: Process, path: string): Promise<void> {
  const victim = await run.startVictim()
  const mode = run.random.pick(['fifo', 'fifo', 'latest'] as const)
  await victim.run(
    async (_, at, how) => {
      chaos.my.viewer = await chaos.Viewer.connect(at, { mode: how })
      chaos.my.reading = chaos.my.viewer.read()
    },
    path,
    mode,
  )
  await publishMany(camera, 20)
  process.kill(victim.pid, 'SIGSTOP')
  while (!isStopped(victim.pid)) await run.pause(2)
  run.count(mode)
  const before = residentBytes(camera.pid)
  const startedMs = performance.now()
  await publishMany(camera, FRAMES)
  const grown = residentBytes(camera.pid) - before
  run.count('framesWhileStopped', FRAMES)
  if (grown > MOST_GROWTH_BYTES) run.violation(`the camera grew by ${grown} bytes`)
  const rate = FRAMES / ((performance.now() - startedMs) / 1000)
  run.counts['framesPerSecond'] = Math.round(rate)
  const seen = await camera.run(() =>
    chaos.my.camera.queue.consumers.map(({ pid, evicted, lagFrames }) => ({
      pid,
      evicted,
      lagFrames,
    })),
  )
  const stuck = seen.find(({ pid }) => pid === victim.pid)
  if (stuck === undefined) run.violation('a stopped viewer is gone from the list of consumers')
  else if (stuck.evicted !== (mode === 'fifo'))
    run.violation(`a stopped ${mode} viewer was ${stuck.evicted ? '' : 'not '}evicted`)
  process.kill(victim.pid, 'SIGCONT')
  const report = await victim.run(async ({ resources }, evicted) => {
    const { viewer: self } = chaos.my
    await resources.until(
      () => (evicted ? self.report().end : self.report().last) !== undefined,
      () => `A viewer that goes on sees ${JSON.stringify(self.report())}`,
    )
    return self.report()
  }, mode === 'fifo')
  run.torn(report.torn)
  for (const text of report.violations) run.violation(text)
  if (mode === 'fifo' && report.end?.code !== 'ETIMEDOUT')
    run.violation(`an evicted viewer was told ${report.end?.code}`)
  await run.kill(victim)
  await camera.run(({ resources }) =>
    resources.until(
      () => chaos.my.camera.queue.consumers.length <= 1,
      () => `${chaos.my.camera.queue.consumers.length} consumers after a death`,
    ),
  )
}

async function publishMany(camera: Process, count: number): Promise<void> {
  await camera.run(async (_, frames) => {
    for (let i = 0; i < frames; i++) await chaos.my.camera.publish()
  }, count)
}
