import { Random } from '../../tests/helpers/random.js'
import { within, type Fuzzer, type Process, type Target } from '../fuzzer.js'

const MOST_MS = 15_000
// One that has hurt itself is not waited for.
const HOSTILE_MS = 3000
const MORE = 6

let giver: Process
let taker: Process

/** Two processes that share fences both ways and mean well, and peers that do not. */
export const fences: Target = {
  name: 'fences',
  about: 'two processes that share fences, attacked by peers that give and take some',
  open,
  attack,
}

async function open(fuzzer: Fuzzer): Promise<void> {
  giver = await fuzzer.startHonest()
  taker = await fuzzer.startHonest()
  const path = fuzzer.path('fences')
  await giver.run(async (_, at) => {
    honest.my.giver = await honest.Giver.serve(at)
  }, path)
  await taker.run((_, at) => {
    honest.my.taker = new honest.Taker(at)
  }, path)
}

async function attack(fuzzer: Fuzzer, seed: number): Promise<readonly string[]> {
  const random = new Random(seed)
  const path = fuzzer.path('fences')
  const hostile = await fuzzer.hostile()
  const attacking = random.chance(0.2)
    ? hostile.run((_, at, s) => globalThis.hostile.makeNoise(at, s), path, seed)
    : hostile.run(
        (_, at, s) => globalThis.hostile.slipIn('exchanger', at, { seed: s, stayMs: 0 }),
        path,
        seed,
      )
  const wrong: string[] = []
  if (random.chance(0.03)) {
    await fuzzer.killHostile()
    await attacking.catch(() => {})
  } else {
    const answers = await within('the attack', HOSTILE_MS, attacking).catch(async () => {
      await fuzzer.killHostile()
      return []
    })
    for (const answer of answers) wrong.push(...fuzzer.judge(answer))
  }
  return [...wrong, ...(await progress())]
}

/** The taker goes on to hear of the giver's fences, as they ended, and of nothing else. */
async function progress(): Promise<readonly string[]> {
  const wrong = await giver.run(() => honest.news(honest.my.giver.report().violations))
  const more = await within(
    'a taker’s next fences',
    MOST_MS,
    taker.run(async ({ resources }, count) => {
      const { my, news } = honest
      const before = my.taker.report().settled
      const hasMore = (): boolean => my.taker.report().settled >= before + count
      await resources.until(hasMore, undefined, 10_000).catch(() => {})
      const standstill = hasMore() ? [] : ['an honest taker of fences stands still']
      return [...news(my.taker.report().violations), ...standstill]
    }, MORE),
  )
  return [...wrong, ...more]
}
