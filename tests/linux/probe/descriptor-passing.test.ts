// Goal: descriptors can be sent here, and trying it leaves none open.
// Method: this machine.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probeDescriptorPassing } from '#src/linux/probe/descriptor-passing.js'
import { openFds } from '../../helpers/leaks.js'

test('probeDescriptorPassing sends a descriptor through a socket, and closes all it made', () => {
  const before = openFds()
  assert.equal(probeDescriptorPassing().reason, undefined)
  assert.deepEqual(openFds(), before)
})
