// Goal: whoever cannot pass an exception of a fence's creator on reports it and goes on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isElementSignaled, setElementDeadline } from '#src/core/fence/element.js'
import { FenceLab } from '../../helpers/fence-lab.js'

const fail = (): never => {
  throw new Error('broken')
}

test('isElementSignaled asks the fence', () => {
  using lab = new FenceLab()
  assert.deepEqual([lab.leaf(), lab.done()].map(isElementSignaled), [false, true])
  lab.close()
})

test('isElementSignaled reports a creator that throws, and takes its fence for pending [PORT-4]', () => {
  using lab = new FenceLab()
  assert.equal(isElementSignaled(lab.leaf({ ops: { isSignaled: fail } })), false)
  lab.close(['PORT-4'])
})

test('setElementDeadline passes the deadline on', () => {
  using lab = new FenceLab()
  const told: number[] = []
  setElementDeadline(lab.leaf({ ops: { setDeadline: (_, ns) => told.push(ns) } }), 9)
  assert.deepEqual(told, [9])
  lab.close()
})

test('setElementDeadline reports a creator that throws [PORT-4]', () => {
  using lab = new FenceLab()
  setElementDeadline(lab.leaf({ ops: { setDeadline: fail } }), 9)
  lab.close(['PORT-4'])
})
