// Adds up build/counts/<label>.json of the test runs named as arguments; each of them has to be there.
// Says last which tests failed, so that the end of a log is enough.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const FOLDER = join(dirname(import.meta.dirname), 'build/counts')

const sum = { passed: 0, failed: 0, skipped: 0 }
const lines = []
for (const label of process.argv.slice(2)) {
  const file = join(FOLDER, `${label}.json`)
  const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
  const { failures = [], unsteady = [], ...counts } = text ? JSON.parse(text) : { fail: 1 }
  console.log(`${label}: ${text ? JSON.stringify(counts) : 'did not finish'}`)
  for (const { name, message } of failures) lines.push(`FAILED ${label}: ${name}: ${message}`)
  for (const { name, message } of unsteady)
    lines.push(`UNSTEADY ${label}: passed only when run alone: ${name}: ${message}`)
  sum.passed += counts.pass ?? 0
  sum.failed += (counts.fail ?? 0) + (counts.cancelled ?? 0)
  sum.skipped += (counts.skipped ?? 0) + (counts.todo ?? 0)
}
for (const line of lines) console.log(line)
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)
process.exitCode = sum.failed === 0 && sum.passed > 0 ? 0 : 1
