// Goal: whatever a peer writes, sends or hands over, the honest side goes on, says no in one line, and keeps
// nothing of it; `npm run fuzz` finds out.
// Method: a few seconds of every target, with all that the command checks.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { text } from 'node:stream/consumers'
import { compileViewer } from '../helpers/c-viewer.js'

const MAIN = join(import.meta.dirname, '../../fuzz/main.js')

interface Report {
  readonly seed: number
  readonly cases: number
  readonly targets: readonly {
    readonly failures: readonly string[]
    readonly refusals: Readonly<Record<string, number>>
  }[]
}

async function withstand(t: TestContext, target: string): Promise<void> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const args = [MAIN, '--json', '--seconds', '4', '--target', target]
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [output, errors] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  assert.notEqual(output, '', errors)
  const { seed, cases, targets } = JSON.parse(output) as Report
  t.diagnostic(`seed ${seed}, ${cases} cases`)
  assert.equal(targets.length, 1)
  assert.deepEqual(targets[0]?.failures, [])
  assert.ok(cases > 0)
}

test('A camera and its viewers go on whatever another viewer does', (t) => withstand(t, 'queue'))

test('The owner of a timeline and its watcher go on whatever another watcher does', (t) =>
  withstand(t, 'owner'))

test('A watcher of a timeline gets checked seqnos or an error, whatever its owner does', (t) =>
  withstand(t, 'watcher'))

test('A viewer gets checked frames or an error, whatever its camera does', (t) =>
  withstand(t, 'stream'))

test('The viewer in C reads no byte that is not there, and leaves with one line, whatever its camera does', (t) => {
  if (compileViewer(t, 'checked') === undefined) return undefined
  return withstand(t, 'c-viewer')
})

test('Two processes that share fences decide alone what becomes of their own, whatever a third does', (t) =>
  withstand(t, 'fences'))

test('Members of a domain get an error or go on, whatever their hub and its other members do', (t) =>
  withstand(t, 'hub'))

test('A queue and readers of queues get an error or go on, whatever a thread does that has a port', (t) =>
  withstand(t, 'ports'))

test('A camera goes on, and lets newcomers in, whoever connects without a word', (t) =>
  withstand(t, 'listener'))

test('A hub and a member of its domain go on whatever another member does', (t) =>
  withstand(t, 'domain'))
