// Goal: version and options of a kernel, from wherever they can be read.
// Method: machines in folders.
import assert from 'node:assert/strict'
import { release } from 'node:os'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Kernel } from '#src/linux/probe/kernel.js'
import { MachineFiles } from '#src/linux/probe/machine-files.js'
import { fakeMachine } from '../../helpers/fake-machine.js'

const CONFIG = 'CONFIG_UDMABUF=y\nCONFIG_DRM_VGEM=m\n# CONFIG_SW_SYNC is not set\nCONFIG_HZ=250\n'

function assertOptions(kernel: Kernel): void {
  assert.equal(kernel.isConfigKnown, true)
  assert.equal(kernel.builtWith('CONFIG_UDMABUF'), 'y')
  assert.equal(kernel.builtWith('CONFIG_DRM_VGEM'), 'm')
  assert.equal(kernel.builtWith('CONFIG_SW_SYNC'), 'n')
  assert.equal(kernel.builtWith('CONFIG_UDMABU'), 'n')
}

test('Kernel reads its options from /proc/config.gz', () => {
  using machine = fakeMachine({ '/proc/config.gz': gzipSync(CONFIG) })
  assertOptions(machine.look().kernel)
})

test('Kernel reads its options from /boot, those of its own release', () => {
  using machine = fakeMachine({ '/boot/config-6.12.107': CONFIG, '/boot/config-6.12.1': '' })
  assertOptions(machine.look().kernel)
})

test('Kernel knows no options where nothing can be read, nor from what is no gzip', () => {
  using machine = fakeMachine()
  assert.equal(machine.look().kernel.isConfigKnown, false)
  assert.equal(machine.look().kernel.builtWith('CONFIG_UDMABUF'), undefined)
  using broken = fakeMachine({ '/proc/config.gz': CONFIG })
  assert.equal(broken.look().kernel.builtWith('CONFIG_UDMABUF'), undefined)
})

test('Kernel does not unpack what becomes absurdly large', () => {
  const bomb = gzipSync(`CONFIG_UDMABUF=y\n${'#'.repeat(8 << 20)}`)
  using machine = fakeMachine({ '/proc/config.gz': bomb })
  assert.equal(machine.look().kernel.isConfigKnown, false)
})

test('isAtLeast compares numbers, not texts', () => {
  using machine = fakeMachine({ '/proc/sys/kernel/osrelease': '6.12.107+deb13-amd64\n' })
  const { kernel } = machine.look()
  assert.equal(kernel.isAtLeast(6, 12), true)
  assert.equal(kernel.isAtLeast(6, 6), true)
  assert.equal(kernel.isAtLeast(6, 13), false)
  assert.equal(kernel.isAtLeast(7, 0), false)
  assert.equal(kernel.isAtLeast(5, 19), true)
  using later = fakeMachine({ '/proc/sys/kernel/osrelease': '10.0.1\n' })
  assert.equal(later.look().kernel.isAtLeast(9, 9), true)
})

test('Kernel has the release of the running one where /proc is missing', () => {
  assert.equal(new Kernel(new MachineFiles('/nonexistent')).release, release())
})
