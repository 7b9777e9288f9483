import { Random } from '../tests/helpers/random.js'
import type { Disguise, Refusal } from './child/hostile.js'
import { within, type Fuzzer, type Process } from './fuzzer.js'

// One that has hurt itself is not waited for.
const HOSTILE_MS = 3000

/** How somebody is attacked. */
export interface Attack {
  readonly disguise: Disguise
  /** What the honest ones serve is at fuzzer.path() of that. */
  readonly pathName: string
  /** How likely it is nothing but noise, and how likely whoever attacks is killed in the middle of it. */
  readonly chances: { readonly noise: number; readonly kill: number }
}

/** One attack, as its seed says; what is wrong with how the honest side answered, in words. */
export async function attackOnce(
  fuzzer: Fuzzer,
  seed: number,
  { disguise, pathName, chances }: Attack,
): Promise<string[]> {
  const random = new Random(seed)
  const path = fuzzer.path(pathName)
  const hostile = await fuzzer.hostile()
  const attacking = random.chance(chances.noise)
    ? makeNoise(hostile, path, seed)
    : slipIn(hostile, path, { disguise, seed })
  return endOf(attacking, fuzzer, random.chance(chances.kill))
}

export function makeNoise(
  hostile: Process,
  path: string,
  seed: number,
): Promise<readonly Refusal[]> {
  return hostile.run((_, at, s) => globalThis.hostile.makeNoise(at, s), path, seed)
}

/** Joins as it should, with hands that slip; see slipIn() of the hostile process. */
export function slipIn(
  hostile: Process,
  path: string,
  { disguise, seed, stayMs = 0 }: { disguise: Disguise; seed: number; stayMs?: number },
): Promise<readonly Refusal[]> {
  return hostile.run(
    (_, as, at, s, ms) => globalThis.hostile.slipIn(as, at, { seed: s, stayMs: ms }),
    disguise,
    path,
    seed,
    stayMs,
  )
}

/** Waits for the end of an attack, or kills whoever attacks; what is wrong with the answers. */
export async function endOf(
  attacking: Promise<readonly Refusal[]>,
  fuzzer: Fuzzer,
  isKilled: boolean,
): Promise<string[]> {
  if (isKilled) {
    await fuzzer.killHostile()
    await attacking.catch(() => {})
    return []
  }
  const answers = await within('the attack', HOSTILE_MS, attacking).catch(async () => {
    await fuzzer.killHostile()
    return []
  })
  return answers.flatMap((answer) => fuzzer.judge(answer))
}
