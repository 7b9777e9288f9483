// Goal: the simulator finds nothing where there are no mistakes, tells what it finds, and repeats a seed.
// Method: builds the source as it is and with a mistake, and runs seeds of both.
import assert from 'node:assert/strict'
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../../sim/transform/build.js'
import type * as worlds from '../../sim/worlds.js'
import { firstViolation, loadStepped, MOST_STEPS } from '../helpers/simulated.js'

const MAIN = join(ROOT, 'build/sim/main.js')
test('runSeed finds nothing wrong with the source as it is', async () => {
  const found = firstViolation(await loadStepped('shipped'), 500_000)
  assert.equal(found, undefined, `npm run sim -- --seed ${found?.seed}: ${found?.violation}`)
})

test('runSeed does the same for the same seed, with or without words, and something else for another', async () => {
  const { runSeed, worldNames } = await loadStepped('shipped')
  for (const world of worldNames) {
    const first = runSeed(11, { world })
    const { trace: _, ...again } = runSeed(11, { world, keepsText: true })
    assert.deepEqual({ ...again, trace: [] }, first)
    assert.notEqual(runSeed(12, { world }).hash, first.hash)
  }
})

test('runSeed kills, and begins near limits, in part of the seeds', async () => {
  const { runSeed } = await loadStepped('shipped')
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
  const found = firstViolation(await loadStepped(mutation), MOST_STEPS, { world: 'queue' })
  const broken = run('--seed', String(found?.seed), '--mutation', mutation)
  assert.equal(broken.status, 1)
  assert.match(broken.stderr, /\[\d+\] = .*\n.*VIOLATION/)
  const unknown = run('--mutation', 'none')
  assert.match(unknown.stderr, /No mutation none: /)
})

test('sim tells each violation once, with the seeds that show it', () => {
  const args = ['--mutation', 'no-second-look-for-a-lock', '--steps', '100000']
  const { status, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' })
  assert.equal(status, 1)
  const told = stderr.match(/^seed \d+ \(lock\), step \d+: .* waits for lock \d for ever$/gm)
  assert.equal(told?.length, 1, stderr)
  assert.match(stderr, /^\d+ times: .* waits for lock \d for ever: seeds \d+, \d+/m)
})
