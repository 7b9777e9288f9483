// Goal: the simulator finds mistakes in the shipped source, finds none where there are none, and repeats a seed.
// Method: builds the source as it is and with one mistake each, and runs seeds of both.
import assert from 'node:assert/strict'
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'node:test'
import { mutations } from '../../sim/mutations.js'
import { buildSteps, ROOT, WORLD } from '../../sim/transform/build.js'
import type * as worlds from '../../sim/worlds.js'

const MAIN = join(ROOT, 'build/sim/main.js')
/** A minute on a slow machine. */
const MOST_STEPS = 20_000_000

async function load(name: string): Promise<typeof worlds> {
  const changes = mutations.get(name)?.changes
  const folder = buildSteps({ name, entries: [WORLD], ...(changes && { mutations: changes }) })
  const url = pathToFileURL(join(folder, WORLD.replace('.ts', '.js')))
  return (await import(url.href)) as typeof worlds
}

/** The first seed with a violation. */
function firstViolation(
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

test('runSeed finds nothing wrong with the source as it is', async () => {
  const found = firstViolation(await load('shipped'), 500_000)
  assert.equal(found, undefined, `npm run sim -- --seed ${found?.seed}: ${found?.violation}`)
})

for (const [name, { world }] of mutations)
  test(`runSeed finds the mistake ${name}, and finds it again by its seed`, async () => {
    const mutant = await load(name)
    const found = firstViolation(mutant, MOST_STEPS, { world })
    assert.ok(found !== undefined, 'Not found')
    const again = mutant.runSeed(found.seed, { world, keepsText: true })
    assert.equal(again.violation, found.violation)
    assert.equal(again.hash, found.hash)
    assert.equal(again.trace.at(-1)?.who, 'VIOLATION')
  })

test('runSeed does the same for the same seed, with or without words, and something else for another', async () => {
  const { runSeed, worldNames } = await load('shipped')
  for (const world of worldNames) {
    const first = runSeed(11, { world })
    const { trace: _, ...again } = runSeed(11, { world, keepsText: true })
    assert.deepEqual({ ...again, trace: [] }, first)
    assert.notEqual(runSeed(12, { world }).hash, first.hash)
  }
})

test('runSeed kills, and begins near limits, in part of the seeds', async () => {
  const { runSeed } = await load('shipped')
  const results = Array.from({ length: 40 }, (_, i) => runSeed(i + 1, { keepsText: true }))
  const killed = results.filter(({ crashes }) => crashes > 0).length
  assert.ok(killed > 5 && killed < 40, `Seeds with kills: ${killed}`)
  const isHigh = ({ trace }: worlds.SeedResult): boolean =>
    trace.some(({ what }) => / = (2147483\d{3}|-2147483\d{3}|-\d{1,2})$/.test(what))
  const high = results.filter(isHigh).length
  assert.ok(high > 3 && high < 40, `Seeds near limits: ${high}`)
})

test('sim --json prints the totals, and --seed the last steps of a violation', async () => {
  const run = (...args: readonly string[]): SpawnSyncReturns<string> =>
    spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' })
  const whole = run('--steps', '20000', '--json')
  assert.equal(whole.status, 0, whole.stderr)
  const totals = JSON.parse(whole.stdout) as Record<string, number>
  assert.deepEqual(Object.keys(totals), ['seeds', 'steps', 'crashes', 'violations'])
  assert.ok(totals['steps']! >= 20000 && totals['violations'] === 0)
  const mutation = 'payload-after-publish'
  const found = firstViolation(await load(mutation), MOST_STEPS, { world: 'queue' })
  const broken = run('--seed', String(found?.seed), '--mutation', mutation)
  assert.equal(broken.status, 1)
  assert.match(broken.stderr, /\[\d+\] = .*\n.*VIOLATION/)
  const unknown = run('--mutation', 'none')
  assert.match(unknown.stderr, /No mutation none: /)
})
