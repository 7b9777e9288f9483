import { operationsOf, type Role } from './child/operations.js'
import type { Process, Run } from './scenario.js'

/** A place to die: before access number `at` to shared memory of an operation; nowhere where it is infinite. */
export interface Place {
  readonly role: Role
  readonly operation: string
  readonly at: number
}

/** Who has to go on whatever happens to a victim. */
export interface Survivors {
  /** One operation of a victim; how many accesses it had, or undefined where it ended as it should. */
  perform(place: Place): Promise<number | undefined>
  /** Remembers what they have now, to be compared at the end. */
  baseline(): Promise<void>
}

/**
 * Finds the places of all operations of some roles, and ends a victim at each. Where there are kills for fewer,
 * at some of them.
 */
export async function killAtPlaces(
  run: Run,
  kills: number,
  { roles, survivors }: { readonly roles: readonly Role[]; readonly survivors: Survivors },
): Promise<void> {
  const all = roles.flatMap((role) => operationsOf(role).map((operation) => ({ role, operation })))
  const operations = sample(run, all, kills)
  const places: Place[] = []
  for (const { role, operation } of operations) {
    const count = await survivors.perform({ role, operation, at: Number.POSITIVE_INFINITY })
    for (let at = 0; at < (count ?? 0); at++) places.push({ role, operation, at })
  }
  run.count('operations', operations.length)
  run.count('steps', places.length)
  await survivors.baseline()
  const chosen = sample(run, places, kills)
  run.count('stepsLeftOut', places.length - chosen.length)
  for (const place of chosen)
    if ((await survivors.perform(place)) !== undefined) run.count('survived')
}

/** How many accesses an act had; undefined where its process has died of it. */
export async function stepsOf(acting: Promise<number>): Promise<number | undefined> {
  try {
    return await acting
  } catch (error) {
    if ((error as { code?: unknown }).code === 'EXIT') return undefined
    throw error
  }
}

function sample<T>(run: Run, all: readonly T[], count: number): readonly T[] {
  if (count >= all.length) return all
  const left = [...all]
  const chosen: T[] = []
  while (chosen.length < count) chosen.push(...left.splice(run.random.below(left.length), 1))
  return chosen
}

/** Starts a process that is about to do the operation of a place, and counts its accesses. */
export async function prepareVictim(
  run: Run,
  { role, operation }: Pick<Place, 'role' | 'operation'>,
  path: string,
): Promise<Process> {
  const victim = await run.startVictim()
  await victim.run(
    async (_, who, what, where) => {
      chaos.my.victim = await chaos.StepVictim.prepare(who, what, where)
    },
    role,
    operation,
    path,
  )
  return victim
}
