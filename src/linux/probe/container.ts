import type { MachineFiles } from './machine-files.js'

/** What this process runs in, where that is not the machine itself. */
export type Container = 'docker' | 'podman' | 'kubernetes' | 'lxc' | 'systemd-nspawn' | 'flatpak'

const KNOWN: readonly Container[] = ['docker', 'podman', 'lxc', 'systemd-nspawn']

/** The container this process runs in, by the marks that each leaves; undefined where none is known. */
export function findContainer(
  files: MachineFiles,
  env: Readonly<Record<string, string | undefined>>,
): Container | undefined {
  if (files.text('/.flatpak-info') !== undefined) return 'flatpak'
  if (env['KUBERNETES_SERVICE_HOST'] !== undefined) return 'kubernetes'
  const groups = files.text('/proc/1/cgroup') ?? ''
  if (groups.includes('kubepods')) return 'kubernetes'
  if (files.text('/run/.containerenv') !== undefined) return 'podman'
  if (files.text('/.dockerenv') !== undefined || groups.includes('/docker/')) return 'docker'
  const said = (files.text('/run/systemd/container') ?? env['container'] ?? '').trim()
  return KNOWN.find((name) => said === name || said.startsWith(`${name}-`))
}

/** What to do so that a container gets a device that its machine has. */
export function passDevice(container: Container, path: string): string {
  const ways: Readonly<Record<Container, string>> = {
    docker: `docker run --device ${path} …`,
    podman: `podman run --device ${path} --group-add keep-groups …`,
    kubernetes: `let a device plugin hand ${path} to the pod`,
    lxc: `lxc config device add CONTAINER ${path.split('/').at(-1)} unix-char path=${path}`,
    'systemd-nspawn': `systemd-nspawn --bind=${path} --property=DeviceAllow='${path} rw' …`,
    flatpak: 'flatpak run --device=all …',
  }
  return ways[container]
}
