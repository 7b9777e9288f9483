// Goal: what users see of a finding.
// Method: findings with and without a reason.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capabilityOf } from '#src/linux/probe/capability.js'

test('capabilityOf: available is what has no reason why not', () => {
  const found = capabilityOf('memory', { name: 'memfd', detail: 'made', reason: undefined })
  assert.deepEqual(found, { name: 'memfd', group: 'memory', available: true, detail: 'made' })
})

test('capabilityOf keeps reason and fix, and has no property for a fix that there is not', () => {
  const finding = { name: 'x', detail: '', reason: 'why', fix: undefined }
  const refused = { name: 'x', group: 'drm', available: false, detail: '', reason: 'why' }
  assert.deepEqual(capabilityOf('drm', finding), refused)
  assert.deepEqual(capabilityOf('drm', { ...finding, fix: 'do' }), { ...refused, fix: 'do' })
})
