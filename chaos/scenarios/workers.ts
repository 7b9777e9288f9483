import { holdingsOf } from '../holdings.js'
import type { Process, Run, Scenario } from '../scenario.js'
import { departuresOf, resumption, untilStalled } from './viewers.js'

/** Two workers of one process are viewers: one ends, and the camera and the other one go on. */
export const workers: Scenario = {
  name: 'workers',
  about:
    'terminates one of two worker threads of one process that view a queue; kills the process at last',
  share: 1,
  run: endWorkers,
}

async function endWorkers(run: Run, kills: number): Promise<void> {
  const path = run.path()
  const [camera, home] = [await run.start(), await run.start()]
  await camera.run(async (_, at) => {
    chaos.my.camera = await chaos.Camera.serve(at, 1)
    chaos.my.camera.run()
  }, path)
  await home.run(async (_, at) => {
    chaos.my.workshop = new chaos.Workshop()
    await chaos.my.workshop.start(at, false)
  }, path)
  const endOne = async (): Promise<void> => {
    const holds = run.random.chance(0.6)
    const before = await departuresOf(camera)
    await home.run((_, at, how) => chaos.my.workshop.start(at, how), path, holds)
    if (holds) await untilStalled(camera)
    else await run.pause(15)
    const endedMs = await home.run(() => chaos.my.workshop.terminate())
    run.ended()
    const departure = await resumption(camera, { known: before, left: 1 })
    if (departure === undefined) run.violation('the camera did not notice the end of a worker')
    else run.resumed(departure.resumedMs - endedMs)
  }
  await endOne()
  await run.baseline(camera)
  const before = holdingsOf(home.pid)
  while (run.kills < kills) await endOne()
  await run.measure()
  // Memory that a thread had in use when it was ended stays mapped on purpose: a view of it may have been moved
  // to another thread. It goes with the process.
  const after = holdingsOf(home.pid)
  run.count('mappingsKept', after.mappings - before.mappings)
  if (after.fds > before.fds)
    run.violation(`${after.fds - before.fds} descriptors of ended threads`)
  await run.kill(home)
  await finish(run, camera)
}

async function finish(run: Run, camera: Process): Promise<void> {
  await camera.run(async ({ resources }) => {
    await resources.until(() => chaos.my.camera.queue.consumers.length === 0)
    await chaos.my.camera.stop()
    await chaos.my.camera.queue.close()
  })
  await run.finish(camera)
}
