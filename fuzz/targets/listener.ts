import { Random } from '../../tests/helpers/random.js'
import { within, type Fuzzer, type Process, type Target } from '../fuzzer.js'

const MOST_MS = 20_000
// One that has hurt itself is not waited for.
const HOSTILE_MS = 5000
const MORE = 3
/** Of the camera: a flood may use up what it has left. */
const MOST_FILES = 200

let camera: Process
let viewer: Process

/** A camera with few descriptors, a viewer that has joined and one that wants to, and floods of connections. */
export const listener: Target = {
  name: 'listener',
  about: 'a camera and its viewers, and floods of connections that say nothing',
  open,
  attack,
}

async function open(fuzzer: Fuzzer): Promise<void> {
  camera = await fuzzer.startHonest(['sh', '-c', `ulimit -n ${MOST_FILES}; exec "$@"`, 'sh'])
  viewer = await fuzzer.startHonest()
  const path = fuzzer.path('flooded')
  await camera.run(async (_, at) => {
    honest.my.camera = await honest.Camera.serve(at, 1, { buffers: 8 })
    honest.my.camera.run()
  }, path)
  await viewer.run(async (_, at) => {
    honest.my.latest = await honest.Viewer.connect(at, { mode: 'latest' })
    void honest.my.latest.read()
  }, path)
}

async function attack(fuzzer: Fuzzer, seed: number): Promise<readonly string[]> {
  const random = new Random(seed)
  const path = fuzzer.path('flooded')
  const hostile = await fuzzer.hostile()
  const flooding = hostile.run((_, at, s) => globalThis.hostile.flood(at, s), path, seed)
  // Whoever has joined goes on while they come.
  const during = await progress()
  if (random.chance(0.1)) {
    await fuzzer.killHostile()
    await flooding.catch(() => {})
  } else await within('the flood', HOSTILE_MS, flooding).catch(() => fuzzer.killHostile())
  return [...during, ...(await newcomer(fuzzer, path))]
}

/** The viewer that has joined sees more frames. */
async function progress(): Promise<readonly string[]> {
  return within(
    'the next frames',
    MOST_MS,
    viewer.run(async ({ resources }, more) => {
      const { latest } = honest.my
      const before = latest.report().received
      const goesOn = (): boolean => latest.report().received >= before + more
      await resources.until(goesOn, undefined, 10_000).catch(() => {})
      const { violations, torn, end } = latest.report()
      const wrong = [...honest.news(violations)]
      if (end !== undefined) wrong.push(`an honest viewer ended with ${end.code}`)
      else if (!goesOn()) wrong.push('an honest viewer stands still')
      if (torn > 0) wrong.push(`${torn} torn frames`)
      return wrong
    }, MORE),
  )
}

/** Whoever comes after the flood is let in, though not always at once. */
async function newcomer(fuzzer: Fuzzer, path: string): Promise<readonly string[]> {
  const wrong: string[] = []
  const endMs = performance.now() + MOST_MS
  for (;;) {
    const { code, message, seen, violations } = await within(
      'a newcomer’s frames',
      MOST_MS,
      viewer.run((_, at) => honest.visitQueue(at, 'latest', 10_000), path),
    )
    wrong.push(...violations)
    wrong.push(...fuzzer.judge({ code: code === '' ? 'none' : code, reason: message }))
    if (seen > 0 || wrong.length > 0) return wrong
    if (performance.now() > endMs) return [`a newcomer saw nothing: ${message}`]
  }
}
