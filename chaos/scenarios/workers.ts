import { holdingsOf } from '../holdings.js'
import type { Process, Run, Scenario } from '../scenario.js'
import { departuresOf, resumption, untilStalled } from './viewers.js'

/** Two workers of one process are viewers: one ends, and the camera and the other one go on. */
export const workers: Scenario = {
  name: 'workers',
  about:
    'terminates one of two worker threads of one process that view a queue; kills the process at last',
  share: 1,
  run: endViewers,
}

async function endViewers(run: Run, kills: number): Promise<void> {
  const path = run.path()
  const camera = await run.start()
  await camera.run(async (_, at) => {
    chaos.my.camera = await chaos.Camera.serve(at, 1)
    chaos.my.camera.run()
  }, path)
  await endWorkers(run, kills, {
    survivor: camera,
    begin: (home) => view(home, path, false),
    endOne: async (home) => {
      const holds = run.random.chance(0.6)
      const before = await departuresOf(camera)
      await view(home, path, holds)
      if (holds) await untilStalled(camera)
      else await run.pause(15)
      const endedMs = await terminate(home)
      const departure = await resumption(camera, { known: before, left: 1 })
      if (departure === undefined) run.violation('the camera did not notice the end of a worker')
      else run.resumed(departure.resumedMs - endedMs)
    },
  })
  await camera.run(async ({ resources }) => {
    await resources.until(() => chaos.my.camera.queue.consumers.length === 0)
    await chaos.my.camera.stop()
    await chaos.my.camera.queue.close()
  })
  await run.finish(camera)
}

/** Starts a worker that reads all frames, or takes two and keeps them. */
async function view(home: Process, path: string, holds: boolean): Promise<void> {
  await home.run(
    async (_, at, how) => {
      const thread = await chaos.my.workshop.start()
      await thread.run(
        async (__, where, keeps) => {
          chaos.my.viewer = await chaos.Viewer.connect(where, { maxHeld: 2 })
          if (keeps) await chaos.my.viewer.hold(2)
          else void chaos.my.viewer.read()
        },
        at,
        how,
      )
    },
    path,
    holds,
  )
}

/** What a process with two workers is used for. */
interface Workers {
  /** Who has to go on in another process. */
  readonly survivor: Process
  /** Starts the worker that lives on. */
  readonly begin: (home: Process) => Promise<void>
  /** Starts another one, ends it, and sees how the others go on. */
  readonly endOne: (home: Process) => Promise<void>
}

/** Ends one worker after the other of one process, beside one that lives on, and kills the process at last. */
export async function endWorkers(
  run: Run,
  kills: number,
  { survivor, begin, endOne }: Workers,
): Promise<void> {
  const home = await run.start()
  await home.run(() => void (chaos.my.workshop = new chaos.Workshop()))
  await begin(home)
  await endOne(home)
  run.ended()
  await run.baseline(survivor)
  const before = holdingsOf(home.pid)
  while (run.kills < kills) {
    await endOne(home)
    run.ended()
  }
  await run.measure()
  // Memory that a thread had in use when it was ended stays mapped on purpose: a view of it may have been moved
  // to another thread. It goes with the process.
  const after = holdingsOf(home.pid)
  run.count('mappingsKept', after.mappings - before.mappings)
  if (after.fds > before.fds)
    run.violation(`${after.fds - before.fds} descriptors of ended threads`)
  await run.kill(home)
}

/** Ends the youngest worker; when that began. */
export function terminate(home: Process): Promise<number> {
  return home.run(() => chaos.my.workshop.terminate())
}
