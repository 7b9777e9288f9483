// Compares what Linux shows in the VM with what our own code shows here: docs/kernel-vm.md.
//
//   node scripts/test-parity.mjs            a table
//   node scripts/test-parity.mjs --json     {cases, same, different, explained}
//
// Takes what the last `npm run test:kernel` of this build has left, or boots the VM for it. Status: 1 where something
// differs for which tests/kernel/differences.ts has no reason; that of the VM where it showed nothing.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildKey } from './kernel-vm/build-key.mjs'

const ROOT = dirname(import.meta.dirname)
const RESULTS = join(ROOT, 'build/kernel')
const TABLES = ['observations', 'heap-contract']

function isFresh({ TRANSCRIPTS }) {
  const files = ['key', ...TRANSCRIPTS.map((name) => `${name}.json`)]
  if (!files.every((name) => existsSync(join(RESULTS, name)))) return false
  return readFileSync(join(RESULTS, 'key'), 'utf8') === buildKey(ROOT)
}

/** Its own output goes to stderr: stdout is the table's. */
function runInVm() {
  const args = [join(import.meta.dirname, 'test-kernel.mjs'), ...TABLES]
  return spawnSync(process.execPath, args, { stdio: ['ignore', 2, 2] }).status ?? 1
}

function show({ cases, same, different, explained }) {
  const line = ({ case: name, what, kernel, ours }) =>
    `  ${name}\n    ${what}: the kernel ${JSON.stringify(kernel)}, ours ${JSON.stringify(ours)}`
  for (const one of different) console.log(`DIFFERENT\n${line(one)}`)
  for (const [reason, list] of byReason(explained))
    console.log(`${list.length} explained: ${reason}`)
  console.log(
    `${cases} cases, ${same} same, ${different.length} different, ${explained.length} explained`,
  )
}

function byReason(explained) {
  const reasons = new Map()
  for (const one of explained) reasons.set(one.reason, [...(reasons.get(one.reason) ?? []), one])
  return reasons
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const compiled = join(ROOT, 'build/tests/kernel')
const transcript = await import(join(compiled, 'transcript.js'))
const status = isFresh(transcript) ? 0 : runInVm()
if (!isFresh(transcript)) {
  console.error('test-parity: the VM has shown nothing to compare with')
  process.exitCode = status === 0 ? 1 : status
} else {
  const { compareWith } = await import(join(compiled, 'parity.js'))
  const comparison = await compareWith(RESULTS)
  if (values.json) console.log(JSON.stringify(comparison))
  else show(comparison)
  process.exitCode = comparison.different.length === 0 ? 0 : 1
}
