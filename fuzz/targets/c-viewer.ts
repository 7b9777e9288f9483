import { setTimeout as delay } from 'node:timers/promises'
import { errnoName } from '#src/core/errors.js'
import { compileVariant, CViewer } from '../../tests/helpers/c-viewer.js'
import { Random } from '../../tests/helpers/random.js'
import { within, type Fuzzer, type Target } from '../fuzzer.js'

const MOST_MS = 15_000
const MOST_FRAMES = 20
// One that has hurt itself is not waited for.
const HOSTILE_MS = 3000

let program = ''

/** The viewer of examples/c, which means well, and cameras that do not. */
export const cViewer: Target = {
  name: 'c-viewer',
  about: 'the viewer of examples/c, with a C compiler, and cameras that attack it',
  open: async () => {
    program = compileVariant('checked')
  },
  attack,
}

async function attack(fuzzer: Fuzzer, seed: number): Promise<readonly string[]> {
  const random = new Random(seed)
  const path = fuzzer.freshPath()
  const hostile = await fuzzer.hostile()
  const serving = hostile.run((_, at, s) => globalThis.hostile.serveEvilFrames(at, s), path, seed)
  await within('serving', HOSTILE_MS, serving).catch(() => {})
  using viewer = new CViewer(program, path, ...optionsOf(random))
  const ended = viewer.exit()
  await Promise.race([ended, delay(random.below(200))])
  if (random.chance(0.03)) await fuzzer.killHostile()
  else
    await within(
      'leaving',
      HOSTILE_MS,
      hostile.run(() => globalThis.hostile.stopServing()),
    ).catch(() => fuzzer.killHostile())
  const exit = await within('a viewer’s end', MOST_MS, ended)
  return [...wrongWith(viewer, exit), ...fuzzer.judge(answerOf(viewer))]
}

function optionsOf(random: Random): readonly string[] {
  return [
    `mode=${random.pick(['fifo', 'latest'] as const)}`,
    `fences=${random.pick(['wait', 'pass'] as const)}`,
    `release=${random.pick(['now', 'late'] as const)}`,
    `frames=${random.below(MOST_FRAMES)}`,
  ]
}

const FRAME = /^frame \d+ (\d+ bytes [0-9a-f]{8}|failed \d+)$/
const END = /^end (clean|left|\d+ .+)$/

function wrongWith(viewer: CViewer, exit: number | NodeJS.Signals): readonly string[] {
  const wrong: string[] = []
  const frames = viewer.lines.slice(0, -1)
  const last = viewer.lines.at(-1) ?? ''
  if (viewer.complaint !== '') wrong.push(viewer.complaint)
  if (exit !== 0 && exit !== 1) wrong.push(`the viewer ended with ${exit}`)
  if (!END.test(last)) wrong.push(`the viewer ended with ${JSON.stringify(last)}`)
  for (const line of frames) if (!FRAME.test(line)) wrong.push(`a line ${JSON.stringify(line)}`)
  return wrong
}

function answerOf(viewer: CViewer): { code: string; reason: string } {
  const [, number, reason = ''] = /^end (\d+) (.+)$/.exec(viewer.lines.at(-1) ?? '') ?? []
  return { code: number === undefined ? 'none' : errnoName(Number(number)), reason }
}
