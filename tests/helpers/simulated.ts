// The simulator in a test: builds the source, whole or broken, and looks for the first seed that shows it.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { mutations } from '../../sim/mutations.js'
import { buildSteps, WORLD } from '../../sim/transform/build.js'
import type * as worlds from '../../sim/worlds.js'

/** A minute on a slow machine. */
export const MOST_STEPS = 40_000_000

/** The stepped build of the source with one mistake, or as it is. */
export async function loadStepped(name: string): Promise<typeof worlds> {
  const changes = mutations.get(name)?.changes
  const folder = buildSteps({ name, entries: [WORLD], ...(changes && { mutations: changes }) })
  const url = pathToFileURL(join(folder, WORLD.replace('.ts', '.js')))
  return (await import(url.href)) as typeof worlds
}

/** The first seed with a violation. */
export function firstViolation(
  { runSeed }: typeof worlds,
  mostSteps: number,
  options: worlds.SeedOptions = {},
): worlds.SeedResult | undefined {
  let steps = 0
  for (let seed = 1; steps < mostSteps; seed++) {
    const result = runSeed(seed, options)
    if (result.violation !== undefined) return result
    steps += result.steps
  }
  return undefined
}

/** A test for each mistake that a world has to show. */
export function testMistakes(world: string): void {
  for (const [name, mistake] of mutations)
    if (mistake.world === world)
      test(`runSeed finds the mistake ${name}, and finds it again by its seed`, async () => {
        const mutant = await loadStepped(name)
        const found = firstViolation(mutant, MOST_STEPS, { world })
        assert.ok(found !== undefined, 'Not found')
        const again = mutant.runSeed(found.seed, { world, keepsText: true })
        assert.equal(again.violation, found.violation)
        assert.equal(again.hash, found.hash)
        assert.equal(again.trace.at(-1)?.who, 'VIOLATION')
      })
}
