// Goal: reading a machine's files never throws, and never reads without bound.
// Method: a machine in a folder.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MachineFiles } from '#src/linux/probe/machine-files.js'
import { fakeMachine } from '../../helpers/fake-machine.js'

test('MachineFiles reads below its root, and the machine itself below none', () => {
  using machine = fakeMachine({ '/sys/x': 'here' })
  const { files } = machine.look()
  assert.equal(files.text('/sys/x'), 'here')
  assert.equal(files.at('/sys/x'), `${machine.root}/sys/x`)
  assert.equal(new MachineFiles('').at('/sys/x'), '/sys/x')
})

test('MachineFiles has no text of what is not there or is a folder, and no names in a file', () => {
  using machine = fakeMachine({ '/sys/x': 'here' })
  const { files } = machine.look()
  assert.equal(files.text('/sys/y'), undefined)
  assert.equal(files.text('/sys'), undefined)
  assert.deepEqual(files.names('/sys/x'), [])
  assert.deepEqual(files.names('/nowhere'), [])
})

test('MachineFiles cuts a text at a megabyte', () => {
  using machine = fakeMachine({ '/x': 'a'.repeat((1 << 20) + 1) })
  assert.equal(machine.look().files.text('/x')?.length, 1 << 20)
})

test('numbered sorts by number and leaves out what is no number', () => {
  const files = { '/dev/video10': '', '/dev/video9': '', '/dev/video': '', '/dev/videox': '' }
  using machine = fakeMachine({ ...files, '/dev/xvideo1': '' })
  assert.deepEqual(machine.look().files.numbered('/dev', 'video'), ['video9', 'video10'])
})
