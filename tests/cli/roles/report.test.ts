import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reporter, type Report } from '#src/cli/roles/report.js'

const left: Report = { kind: 'left', pid: 1, heldAtEnd: 0, atNs: 0 }

test('reporter hands reports to a person where no parent listens', () => {
  const printed: Report[] = []
  const { send } = process
  delete process.send
  try {
    reporter((report) => printed.push(report))(left)
  } finally {
    if (send !== undefined) process.send = send
  }
  assert.deepEqual(printed, [left])
})
