// Goal: of a hundred seeds with one mistake the mistake is told once, with the seeds.
// Method: violations in words, as the worlds put them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Findings } from '../../sim/findings.js'

test('Findings.add takes violations that differ in names and numbers for one', () => {
  const findings = new Findings()
  const first = "viewer1'2 sleeps though seqno 5 of member1'2 is over"
  assert.equal(findings.add(3, first), true)
  assert.equal(
    findings.add(7, "viewer3'11 sleeps though seqno -2147483648 of member0'1 is over"),
    false,
  )
  assert.equal(findings.add(9, 'Buffers are lost: 3 are free instead of 4'), true)
  assert.equal(findings.count, 3)
  assert.deepEqual(findings.repeated, [{ what: first, seeds: [3, 7] }])
})

test('Findings.add looks at the first line of an error alone', () => {
  const findings = new Findings()
  findings.add(1, 'Error: none\n    at one')
  assert.equal(findings.add(2, 'Error: none\n    at another'), false)
  assert.deepEqual(findings.repeated, [{ what: 'Error: none', seeds: [1, 2] }])
})
