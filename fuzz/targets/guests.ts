import { Random } from '../../tests/helpers/random.js'
import type { Visit } from '../child/guest.js'
import { within, type Fuzzer, type Process, type Target } from '../fuzzer.js'

const MOST_MS = 15_000
// One that has hurt itself is not waited for.
const HOSTILE_MS = 3000

/** What an honest program may be told: the peer chooses the errno with which it leaves. */
const FINE = /^E(?!RR_)[A-Z0-9]+$/

/** A viewer that means well, and cameras that do not. */
export const stream: Target = {
  name: 'stream',
  about: 'an honest viewer of cameras that attack it',
  open: openGuest,
  attack: async (fuzzer, seed) => {
    const random = new Random(seed)
    const mode = random.pick(['fifo', 'latest'] as const)
    const visit = (path: string): Promise<Visit> =>
      guest.run((_, at, how) => honest.visitQueue(at, how), path, mode)
    return meet(fuzzer, { seed, visit, kind: 'frames' })
  },
}

/** A watcher that means well, and owners that do not. */
export const watcher: Target = {
  name: 'watcher',
  about: 'an honest watcher of timelines whose owners attack it',
  open: openGuest,
  attack: async (fuzzer, seed) => {
    const visit = (path: string): Promise<Visit> =>
      guest.run((_, at) => honest.visitTimeline(at), path)
    return meet(fuzzer, { seed, visit, kind: 'timeline' })
  },
}

/** Two members that mean well, and hubs that do not. */
export const hub: Target = {
  name: 'hub',
  about: 'two honest members of domains whose hubs, and other members, attack them',
  open: openGuest,
  attack: async (fuzzer, seed) => {
    const visit = (path: string): Promise<Visit> =>
      guest.run((_, at) => honest.visitDomain(at), path)
    return meet(fuzzer, { seed, visit, kind: 'domain' })
  },
}

let guest: Process

async function openGuest(fuzzer: Fuzzer): Promise<void> {
  guest = await fuzzer.startHonest()
}

async function meet(
  fuzzer: Fuzzer,
  how: {
    seed: number
    visit: (path: string) => Promise<Visit>
    kind: 'frames' | 'timeline' | 'domain'
  },
): Promise<readonly string[]> {
  const path = fuzzer.freshPath()
  const hostile = await fuzzer.hostile()
  const serving = hostile.run(
    async (_, at, s, kind) => {
      if (kind === 'frames') await globalThis.hostile.serveEvilFrames(at, s)
      else if (kind === 'domain') await globalThis.hostile.serveEvilDomain(at, s)
      else await globalThis.hostile.serveEvilTimeline(at, s)
    },
    path,
    how.seed,
    how.kind,
  )
  // It may have hurt itself before it served anything.
  const isServing = await within('serving', HOSTILE_MS, serving).then(
    () => true,
    () => false,
  )
  const visiting = within('a visit', MOST_MS, how.visit(path))
  const dies = new Random(how.seed ^ 1).chance(0.03)
  if (dies) await fuzzer.killHostile()
  const visit = await visiting
  if (!dies)
    await within(
      'leaving',
      HOSTILE_MS,
      hostile.run(() => globalThis.hostile.stopServing()),
    ).catch(() => fuzzer.killHostile())
  const wrong = [...visit.violations]
  if (isServing && visit.code !== '' && !FINE.test(visit.code))
    wrong.push(`a program was told ${visit.code}: ${visit.message}`)
  const code = visit.code === '' ? 'none' : visit.code
  wrong.push(...fuzzer.judge({ code, reason: visit.message }))
  return wrong
}
