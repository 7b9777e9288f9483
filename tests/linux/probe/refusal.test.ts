// Goal: a node that cannot be opened says why, and what exactly to do about it.
// Method: machines in folders; the error that opening gave is an argument, so that root sees them all as well.
import assert from 'node:assert/strict'
import { chmodSync, chownSync } from 'node:fs'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { explainRefusal } from '#src/linux/probe/refusal.js'
import { ANA, fakeMachine, type FakeMachine } from '../../helpers/fake-machine.js'

const PATH = '/dev/udmabuf'
const KIND = {
  option: 'CONFIG_UDMABUF',
  load: 'sudo modprobe udmabuf',
  sysfs: '/sys/class/misc/udmabuf',
  group: 'video',
  udev: 'KERNEL=="udmabuf"',
}
const DOCKER = { '/.dockerenv': '' }
const NODE = { [PATH]: '' }
const IN_SYSFS = { '/sys/class/misc/udmabuf/dev': '10:258\n' }

function configOf(text: string): Record<string, Uint8Array> {
  return { '/proc/config.gz': gzipSync(text) }
}

test('A missing node: a kernel that was built without it needs another kernel', () => {
  using machine = fakeMachine(configOf('CONFIG_OTHER=y\n'))
  const { reason, fix } = explainRefusal(PATH, KIND, 'ENOENT', machine.look())
  assert.match(reason ?? '', /kernel 6\.12\.107 was built without CONFIG_UDMABUF/)
  assert.match(fix ?? '', /boot a kernel/)
})

test('A missing node: a module is loaded, also where nobody knows how the kernel was built', () => {
  using machine = fakeMachine(configOf('CONFIG_UDMABUF=m\n'))
  const known = explainRefusal(PATH, KIND, 'ENOENT', machine.look())
  assert.match(known.reason ?? '', /no module/)
  assert.equal(known.fix, 'sudo modprobe udmabuf')
  using unknown = fakeMachine()
  assert.equal(explainRefusal(PATH, KIND, 'ENOENT', unknown.look()).fix, 'sudo modprobe udmabuf')
})

test('A missing node that the kernel has: it is made, or passed to the container', () => {
  using machine = fakeMachine(IN_SYSFS)
  const { fix } = explainRefusal(PATH, KIND, 'ENOENT', machine.look())
  assert.equal(fix, 'sudo mknod -m 660 /dev/udmabuf c 10 258')
  using docker = fakeMachine({ ...IN_SYSFS, ...DOCKER })
  const inside = explainRefusal(PATH, KIND, 'ENOENT', docker.look())
  assert.match(inside.reason ?? '', /docker container was not given/)
  assert.equal(inside.fix, 'docker run --device /dev/udmabuf …')
})

test('A missing node in a container: the module is loaded outside, the node passed in', () => {
  using docker = fakeMachine(DOCKER)
  const { fix } = explainRefusal(PATH, KIND, 'ENOENT', docker.look())
  assert.deepEqual(fix?.split('\n'), [
    'on the machine itself: sudo modprobe udmabuf',
    'docker run --device /dev/udmabuf …',
  ])
})

test('A missing node of a kernel that has it built in, and of which nothing else is known', () => {
  using machine = fakeMachine(configOf('CONFIG_UDMABUF=y\n'))
  const { reason, fix } = explainRefusal(PATH, KIND, 'ENOENT', machine.look())
  assert.match(reason ?? '', /though the kernel has CONFIG_UDMABUF/)
  assert.match(fix ?? '', /devtmpfs/)
})

function own(machine: FakeMachine, groupId: number, mode: number): void {
  chownSync(machine.root + PATH, 0, groupId)
  chmodSync(machine.root + PATH, mode)
}

const needsRoot = { skip: process.getuid?.() !== 0 && 'only root can give files away' }

test(
  'A node of root alone: a rule of udev gives it to a group, and the user joins',
  needsRoot,
  () => {
    using machine = fakeMachine(NODE)
    own(machine, 0, 0o600)
    const { detail, reason, fix } = explainRefusal(
      PATH,
      KIND,
      'EACCES',
      machine.look({ user: ANA }),
    )
    assert.equal(detail, 'mode 0600, group root')
    assert.equal(reason, 'only root may open it')
    assert.deepEqual(fix?.split('\n'), [
      `echo 'KERNEL=="udmabuf", GROUP="video", MODE="0660"' | sudo tee -a /etc/udev/rules.d/70-dmabuf.rules`,
      'sudo udevadm control --reload && sudo udevadm trigger --name-match=/dev/udmabuf',
      'sudo usermod -aG video ana   # then log in again',
    ])
  },
)

test('Who is in the group already is not told to join it', needsRoot, () => {
  using machine = fakeMachine(NODE)
  own(machine, 44, 0o600)
  const user = { uid: 1000, groupIds: [1000, 44] }
  const { reason, fix } = explainRefusal(PATH, KIND, 'EACCES', machine.look({ user }))
  assert.equal(reason, 'group video may not open it')
  assert.doesNotMatch(fix ?? '', /usermod/)
})

test('A node that a group may open: the user joins the group that owns it', needsRoot, () => {
  using machine = fakeMachine(NODE)
  own(machine, 44, 0o660)
  const { reason, fix } = explainRefusal(PATH, KIND, 'EACCES', machine.look({ user: ANA }))
  assert.equal(reason, 'user ana is not in group video')
  assert.equal(fix, 'sudo usermod -aG video ana   # then log in again')
})

test('In a container the group is passed along, by its number', needsRoot, () => {
  using docker = fakeMachine({ ...NODE, ...DOCKER })
  own(docker, 44, 0o660)
  const { fix } = explainRefusal(PATH, KIND, 'EACCES', docker.look({ user: ANA }))
  assert.equal(fix, 'docker run --device /dev/udmabuf --group-add 44 …')
})

test('In a container a rule of udev belongs to the machine itself', needsRoot, () => {
  using docker = fakeMachine({ ...NODE, ...DOCKER })
  own(docker, 0, 0o600)
  const { fix } = explainRefusal(PATH, KIND, 'EACCES', docker.look({ user: ANA }))
  assert.match(fix ?? '', /^on the machine itself a rule of udev: KERNEL=="udmabuf", GROUP="video"/)
})

test('A node that its mode allows is refused by a container, or by a security module', () => {
  using docker = fakeMachine({ ...NODE, ...DOCKER })
  const { reason, fix } = explainRefusal(PATH, KIND, 'EPERM', docker.look())
  assert.match(reason ?? '', /its mode allows it/)
  assert.equal(fix, 'docker run --device /dev/udmabuf …')
  using machine = fakeMachine(NODE)
  assert.equal(explainRefusal(PATH, KIND, 'EPERM', machine.look()).fix, undefined)
})

test('Root is refused by no mode', needsRoot, () => {
  using machine = fakeMachine(NODE)
  chownSync(machine.root + PATH, 1000, 1000)
  chmodSync(machine.root + PATH, 0)
  const { reason } = explainRefusal(PATH, KIND, 'EPERM', machine.look())
  assert.match(reason ?? '', /its mode allows it/)
})

test('A node in a folder that may not be read', () => {
  using machine = fakeMachine()
  const { reason } = explainRefusal(PATH, KIND, 'EACCES', machine.look())
  assert.match(reason ?? '', /folders on the way/)
})

test('Other errors have their own reasons, unknown ones their names', () => {
  using machine = fakeMachine(NODE)
  const reasonOf = (code: string): string =>
    explainRefusal(PATH, KIND, code, machine.look()).reason ?? ''
  assert.match(reasonOf('EBUSY'), /somebody else/)
  assert.match(reasonOf('ENODEV'), /driver is gone/)
  assert.match(reasonOf('EMFILE'), /too many open files/)
  assert.match(reasonOf('EIO'), /EIO/)
})
