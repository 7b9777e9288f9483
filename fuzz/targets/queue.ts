import { Random } from '../../tests/helpers/random.js'
import { endOf, makeNoise, slipIn } from '../attack.js'
import { within, type Fuzzer, type Process, type Target } from '../fuzzer.js'

const SLOW_MS = 400
const MOST_MS = 15_000

let camera: Process
let viewers: Process

/** A camera and two viewers that mean well, and viewers that do not. */
export const queue: Target = {
  name: 'queue',
  about: 'a camera and its honest viewers, attacked by viewers',
  open,
  attack,
}

async function open(fuzzer: Fuzzer): Promise<void> {
  camera = await fuzzer.startHonest()
  viewers = await fuzzer.startHonest()
  const path = fuzzer.path('queue')
  await camera.run(
    async (_, at, afterMs) => {
      const slowConsumer = { afterMs, then: 'disconnect' as const }
      honest.my.camera = await honest.Camera.serve(at, 1, { slowConsumer, buffers: 14 })
      honest.my.camera.run()
    },
    path,
    SLOW_MS,
  )
  await viewers.run(async (_, at) => {
    honest.my.fifo = await honest.Viewer.connect(at)
    honest.my.latest = await honest.Viewer.connect(at, { mode: 'latest' })
    void honest.my.fifo.read()
    void honest.my.latest.read()
  }, path)
}

async function attack(fuzzer: Fuzzer, seed: number): Promise<readonly string[]> {
  const random = new Random(seed)
  const path = fuzzer.path('queue')
  const hostile = await fuzzer.hostile()
  const isNoise = random.chance(0.3)
  // Some stay until the camera has to lose patience with them.
  const stays = random.chance(0.03)
  const attacking = isNoise
    ? makeNoise(hostile, path, seed)
    : slipIn(hostile, path, { disguise: 'viewer', seed, stayMs: stays ? 4 * SLOW_MS : 0 })
  const wrong: string[] = []
  if (stays) wrong.push(...(await progress()))
  wrong.push(...(await endOf(attacking, fuzzer, random.chance(0.02))))
  wrong.push(...(await progress()))
  return wrong
}

/** The camera publishes on, and both viewers see it. */
async function progress(): Promise<readonly string[]> {
  const published = await within(
    'a camera’s next frames',
    MOST_MS,
    camera.run(async ({ resources }) => {
      const { queue } = honest.my.camera
      const before = queue.stats().queued
      await resources.until(
        () => queue.stats().queued >= before + 5,
        () =>
          `The camera stands still: ${JSON.stringify(queue.stalledBy.map(({ id, held, lagFrames }) => ({ id, held, lagFrames })))}`,
        10_000,
      )
      return queue.stats().queued
    }),
  )
  return within(
    'a viewer’s next frames',
    MOST_MS,
    viewers.run(async ({ resources }, wanted) => {
      const wrong: string[] = []
      for (const viewer of [honest.my.fifo, honest.my.latest]) {
        const has = (): boolean => viewer.arrivalOf(1, wanted) !== undefined
        await resources.until(() => has() || viewer.report().end !== undefined).catch(() => {})
        const { end, torn, violations } = viewer.report()
        if (end !== undefined) wrong.push(`an honest viewer ended with ${end.code}`)
        else if (!has()) wrong.push(`an honest viewer never saw frame ${wanted}`)
        if (torn > 0) wrong.push(`${torn} torn frames`)
        wrong.push(...honest.news(violations))
      }
      return wrong
    }, published),
  )
}
