import { attackOnce, type Attack } from '../attack.js'
import { within, type Fuzzer, type Process, type Target } from '../fuzzer.js'

const MOST_MS = 15_000
const ATTACK: Attack = {
  disguise: 'exchanger',
  pathName: 'fences',
  chances: { noise: 0.2, kill: 0.03 },
}
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
  const wrong = await attackOnce(fuzzer, seed, ATTACK)
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
