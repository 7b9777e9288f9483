// Goal: whoever is killed, and whenever, leaves nothing behind and nobody waiting; `npm run chaos` finds out.
// Method: a few kills of every scenario, with all that the command checks but the times.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { text } from 'node:stream/consumers'

const MAIN = join(import.meta.dirname, '../../chaos/main.js')

interface Report {
  readonly seed: number
  readonly kills: number
  readonly leaked: Readonly<Record<string, number>>
  readonly torn: number
  readonly violations: number
  readonly scenarios: readonly { readonly name: string; readonly violations: readonly string[] }[]
  readonly skipped: Readonly<Record<string, string>>
}

async function chaos(t: TestContext, ...args: readonly string[]): Promise<Report | undefined> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn(process.execPath, [MAIN, '--json', ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [output, errors] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    child.exitCode ?? once(child, 'exit'),
  ])
  assert.notEqual(output, '', errors)
  const report = JSON.parse(output) as Report
  t.diagnostic(`seed ${report.seed}`)
  const [reason] = Object.values(report.skipped)
  if (reason !== undefined) t.skip(reason)
  return reason === undefined ? report : undefined
}

async function assertCalm(t: TestContext, scenario: string, kills: number): Promise<void> {
  const report = await chaos(t, '--scenario', scenario, '--kills', String(kills))
  if (report === undefined) return
  assert.equal(report.scenarios.length, 1)
  assert.deepEqual(report.scenarios[0]?.violations, [])
  assert.deepEqual(report.leaked, { fds: 0, mappings: 0, buffers: 0, processes: 0 })
  assert.equal(report.torn, 0)
  assert.ok(report.kills >= kills)
}

test('chaos kills viewers of a queue, and the others miss nothing', (t) =>
  assertCalm(t, 'viewers', 5))

test('chaos kills cameras, and their viewers go on with the next one', (t) =>
  assertCalm(t, 'cameras', 4))

test('chaos kills owners of timelines, and every fence that waits fails once', (t) =>
  assertCalm(t, 'owners', 4))

test('chaos kills watchers of a timeline, and the others miss no signal', (t) =>
  assertCalm(t, 'watchers', 4))

test('chaos kills members of a domain and its hub, and locks and fences of the dead hold up nobody', async (t) => {
  await assertCalm(t, 'members', 4)
  await assertCalm(t, 'hubs', 2)
})

test('chaos kills at single accesses to shared memory, and the others go on', (t) =>
  assertCalm(t, 'steps', 5))

test('chaos stops members and hubs of a domain at single accesses, and the others see old or new lists, and go on', (t) =>
  assertCalm(t, 'domain-steps', 4))

test('chaos kills viewers, cameras and members that know each other by no pid', async (t) => {
  await assertCalm(t, 'containers-viewers', 3)
  await assertCalm(t, 'containers-cameras', 2)
  await assertCalm(t, 'containers-members', 2)
})

test('chaos ends one of two workers that view a queue, and the camera and the other one go on', (t) =>
  assertCalm(t, 'workers', 3))

test('chaos ends one of two workers that are members of a domain, and the hub and the other one go on', (t) =>
  assertCalm(t, 'workers-members', 3))

test('chaos stops viewers, and the camera neither waits for them nor grows', (t) =>
  assertCalm(t, 'stopped', 2))

test('chaos stops members of a domain: they are named, evicted by the hub, and find out', (t) =>
  assertCalm(t, 'stopped-members', 2))
