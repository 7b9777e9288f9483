// Goal: what explains the rest is told in words.
// Method: machines in folders.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { probeMachine } from '#src/linux/probe/machine.js'
import type { Surroundings } from '#src/linux/probe/surroundings.js'
import { ANA, fakeMachine } from '../../helpers/fake-machine.js'

function detailOf(name: string, surroundings: Surroundings): string {
  return probeMachine(surroundings).find((one) => one.name === name)?.detail ?? ''
}

test('probeMachine names the user with all groups', () => {
  using machine = fakeMachine()
  const user = { uid: 1000, groupIds: [1000, 44] }
  assert.equal(detailOf('user', machine.look({ user })), 'ana, groups ana video')
  assert.equal(detailOf('user', machine.look({ user: { ...ANA, uid: 4711 } })), '4711, groups ana')
})

test('probeMachine says how the kernel was built, or why nobody can know', () => {
  using known = fakeMachine({ '/boot/config-6.12.107': 'CONFIG_UDMABUF=y\nCONFIG_DRM_VGEM=m\n' })
  assert.match(detailOf('kernel options', known.look()), /UDMABUF=y .*SW_SYNC=n DRM_VGEM=m$/)
  using unknown = fakeMachine()
  assert.match(detailOf('kernel options', unknown.look()), /\/boot\/config-6\.12\.107 can be read/)
})

test('probeMachine: a kernel older than 6.6 lacks something, and says what has it', () => {
  using old = fakeMachine({ '/proc/sys/kernel/osrelease': '6.5.0\n' })
  assert.match(detailOf('kernel', old.look()), /^6\.5\.0; 6\.6 has all/)
  using young = fakeMachine({ '/proc/sys/kernel/osrelease': '6.6.0\n' })
  assert.equal(detailOf('kernel', young.look()), '6.6.0')
})

test('probeMachine names the container', () => {
  using docker = fakeMachine({ '/.dockerenv': '' })
  assert.equal(detailOf('container', docker.look()), 'docker')
})
