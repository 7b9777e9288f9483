// Goal: the container that explains a refusal is recognized by the marks that each leaves.
// Method: machines in folders.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findContainer, passDevice } from '#src/linux/probe/container.js'
import { fakeMachine } from '../../helpers/fake-machine.js'

const marks: readonly (readonly [string, string, string])[] = [
  ['docker', '/.dockerenv', ''],
  ['docker', '/proc/1/cgroup', '4:memory:/docker/0123\n'],
  ['podman', '/run/.containerenv', ''],
  ['kubernetes', '/proc/1/cgroup', '0::/kubepods.slice/pod1\n'],
  ['lxc', '/run/systemd/container', 'lxc\n'],
  ['lxc', '/run/systemd/container', 'lxc-libvirt\n'],
  ['systemd-nspawn', '/run/systemd/container', 'systemd-nspawn\n'],
  ['flatpak', '/.flatpak-info', '[Application]\n'],
]

for (const [container, file, content] of marks) {
  test(`findContainer knows ${container} by ${file} ${JSON.stringify(content)}`, () => {
    using machine = fakeMachine({ [file]: content })
    assert.equal(machine.look().container, container)
  })
}

test('findContainer knows Kubernetes and LXC by the environment, and nothing where there is no mark', () => {
  using machine = fakeMachine({ '/proc/1/cgroup': '0::/init.scope\n' })
  const { files } = machine.look()
  assert.equal(findContainer(files, { KUBERNETES_SERVICE_HOST: '10.0.0.1' }), 'kubernetes')
  assert.equal(findContainer(files, { container: 'lxc' }), 'lxc')
  assert.equal(findContainer(files, { container: 'something else' }), undefined)
  assert.equal(findContainer(files, {}), undefined)
})

test('passDevice names the device in the words of each container', () => {
  assert.equal(passDevice('docker', '/dev/udmabuf'), 'docker run --device /dev/udmabuf …')
  assert.match(
    passDevice('podman', '/dev/udmabuf'),
    /--device \/dev\/udmabuf --group-add keep-groups/,
  )
  assert.match(
    passDevice('lxc', '/dev/udmabuf'),
    /add CONTAINER udmabuf unix-char path=\/dev\/udmabuf/,
  )
  assert.match(passDevice('systemd-nspawn', '/dev/udmabuf'), /--bind=\/dev\/udmabuf/)
  assert.match(passDevice('kubernetes', '/dev/udmabuf'), /device plugin/)
  assert.match(passDevice('flatpak', '/dev/udmabuf'), /--device=all/)
})
