// Goal: a port is opened once, by one thread, or taken back.
// Method: two claims over one memory, as two threads have them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PortClaim } from '#src/frames/port-claim.js'

test('PortClaim.take succeeds once, whoever tries', () => {
  const here = new PortClaim()
  const there = new PortClaim(here.memory)
  there.take()
  assert.throws(() => here.take(), { code: 'EBUSY' })
  assert.throws(() => there.take(), { code: 'EBUSY' })
})

test('PortClaim.withdraw succeeds once, unless the port is opened, and nobody opens it afterwards', () => {
  const fresh = new PortClaim()
  assert.equal(fresh.withdraw(), true)
  assert.equal(fresh.withdraw(), false)
  assert.throws(() => fresh.take(), { code: 'EPIPE' })
  const opened = new PortClaim()
  opened.take()
  assert.equal(opened.withdraw(), false)
})

test('PortClaim takes nothing but the word that was posted', () => {
  for (const wrong of [{}, new ArrayBuffer(4), new SharedArrayBuffer(8), null])
    assert.throws(() => new PortClaim(wrong as SharedArrayBuffer), TypeError)
})
