import assert from 'node:assert/strict'
import { test } from 'node:test'
import { summarize, summaryLines } from '#src/cli/play/summary.js'
import { playState } from '../../helpers/play-state.js'

const comparison = { frameBytes: 12441600, queueP50Us: 50, ipcP50Us: 20000 }

test('summarize holds what the run measured, as plain data', () => {
  const summary = summarize(playState(), { camera: 0, measure: 'SIGKILL', pictures: 0 }, comparison)
  assert.deepEqual(JSON.parse(JSON.stringify(summary)), summary)
  assert.equal(summary.frames, 40)
  assert.equal(summary.bytesShared, 78 * 345600)
  assert.deepEqual(summary.exitCodes, { camera: 0, measure: 'SIGKILL', pictures: 0 })
  assert.deepEqual(
    summary.processes.map(({ role, pid, frames }) => [role, pid, frames]),
    [
      ['camera', 1, 40],
      ['measure', 2, 40],
      ['pictures', 3, 38],
    ],
  )
})

test('summarize of a run that never began has nulls where nothing was measured', () => {
  const { measure: _measure, pictures: _pictures, ...state } = playState()
  const summary = summarize({ ...state, measure: undefined, pictures: undefined }, {}, undefined)
  assert.equal(summary.handoffP50Us, null)
  assert.equal(summary.contactSheet, null)
  assert.equal(summary.comparison, null)
})

test('summaryLines tell the comparison only where it was measured', () => {
  const measured = summaryLines(summarize(playState(), {}, comparison)).join('\n')
  assert.match(measured, /one 3840x2160 frame \(11\.9 MiB\): 50 µs; .* 20\.0 ms, 400 times as long/)
  const unmeasured = summaryLines(summarize(playState(), {}, undefined)).join('\n')
  assert.doesNotMatch(unmeasured, /3840/)
})
