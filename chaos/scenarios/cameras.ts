import type { Process, Run, Scenario } from '../scenario.js'

/** Cameras are killed and started again: viewers hear of it, find the next one, and mix nothing. */
export const cameras: Scenario = {
  name: 'cameras',
  about: 'kill -9 of the producer of a frame queue; its viewers hear of it and join the next one',
  share: 3,
  run: killCameras,
}

/** The same, whoever the processes are. */
export async function killCameras(run: Run, kills: number): Promise<void> {
  const path = run.path()
  const [plain, fifo, latest] = [await run.start(), await run.start(), await run.start()]
  const survivors = [plain, fifo, latest]
  let epoch = 1
  let camera = await serve(await run.startVictim(), path, epoch)
  await reconnect(plain, path)
  for (const [viewer, mode] of [[fifo, 'fifo'] as const, [latest, 'latest'] as const])
    await viewer.run(
      async (_, at, how) => {
        chaos.my.viewer = await chaos.Viewer.connect(at, { mode: how, waitForServer: true })
        chaos.my.reading = chaos.my.viewer.read()
      },
      path,
      mode,
    )
  await untilSeen(run, survivors, epoch)
  await run.baseline(...survivors)
  while (run.kills < kills) {
    const next = await run.startVictim()
    await run.pause(20)
    const killedMs = await run.kill(camera)
    epoch++
    const serving = serve(next, path, epoch)
    const end = await plain.run(async () => {
      await chaos.my.reading
      await chaos.my.viewer.stream.close()
      return chaos.my.viewer.report()
    })
    noteReport(run, end, 'EOWNERDEAD')
    run.resumed((end.end?.atMs ?? Number.POSITIVE_INFINITY) - killedMs)
    camera = await serving
    await reconnect(plain, path)
    await untilSeen(run, survivors, epoch)
  }
  await run.measure()
  await finishAll(run, camera, survivors)
}

async function serve(camera: Process, path: string, epoch: number): Promise<Process> {
  await camera.run(
    async (_, at, number) => {
      chaos.my.camera = await chaos.Camera.serve(at, number)
      chaos.my.camera.run()
    },
    path,
    epoch,
  )
  return camera
}

async function reconnect(viewer: Process, path: string): Promise<void> {
  await viewer.run(async (_, at) => {
    chaos.my.viewer = await chaos.Viewer.connect(at)
    chaos.my.reading = chaos.my.viewer.read()
  }, path)
}

/** Until each viewer has frames of the camera that serves now. */
async function untilSeen(run: Run, viewers: readonly Process[], epoch: number): Promise<void> {
  for (const viewer of viewers) {
    const found = await viewer.run(async ({ resources }, wanted) => {
      const has = (): boolean => chaos.my.viewer.arrivalOf(wanted, 1) !== undefined
      await resources.until(has).catch(() => {})
      return has() ? 'seen' : JSON.stringify(chaos.my.viewer.report().end ?? 'no frame')
    }, epoch)
    if (found !== 'seen') run.violation(`a viewer did not find camera ${epoch}: ${found}`)
  }
}

type Report = ReturnType<typeof chaos.my.viewer.report>

function noteReport(run: Run, report: Report, expected: string): void {
  run.count('received', report.received)
  run.torn(report.torn)
  for (const text of report.violations) run.violation(text)
  if (report.end?.code !== expected) run.violation(`a viewer ended with ${report.end?.code}`)
}

async function finishAll(run: Run, camera: Process, survivors: readonly Process[]): Promise<void> {
  await camera.run(async () => {
    await chaos.my.camera.stop()
    await chaos.my.camera.queue.close()
  })
  for (const survivor of survivors) {
    const report = await survivor.run(async () => {
      await chaos.my.reading
      await chaos.my.viewer.stream.close()
      return chaos.my.viewer.report()
    })
    noteReport(run, report, 'end')
  }
  for (const one of [...survivors, camera]) await run.finish(one)
}
