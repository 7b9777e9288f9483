// Runs scenarios of the chaos command in tests, with a few kills each.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
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

/** Fails where so many kills of a scenario leaked, tore or broke anything: all that the command checks but the times. */
export async function assertCalm(t: TestContext, scenario: string, kills: number): Promise<void> {
  const report = await chaos(t, '--scenario', scenario, '--kills', String(kills))
  if (report === undefined) return
  assert.equal(report.scenarios.length, 1)
  assert.deepEqual(report.scenarios[0]?.violations, [])
  assert.deepEqual(report.leaked, { fds: 0, mappings: 0, buffers: 0, processes: 0 })
  assert.equal(report.torn, 0)
  assert.ok(report.kills >= kills)
}
