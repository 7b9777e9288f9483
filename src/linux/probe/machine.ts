import type { Finding } from './capability.js'
import type { Surroundings } from './surroundings.js'

/** The oldest kernel that has everything this package can use of one. */
const WANTED = [6, 6] as const

/** What the options say that matter here; in this order. */
const OPTIONS = [
  'CONFIG_DMABUF_HEAPS_SYSTEM',
  'CONFIG_DMABUF_HEAPS_CMA',
  'CONFIG_UDMABUF',
  'CONFIG_SYNC_FILE',
  'CONFIG_SW_SYNC',
  'CONFIG_DRM_VGEM',
] as const

/** What explains the rest: the kernel, the container, who asks. */
export function probeMachine(surroundings: Surroundings): Finding[] {
  const { kernel, user, container } = surroundings
  const groups = user.groupIds.map((id) => user.groupName(id)).join(' ')
  const old = kernel.isAtLeast(...WANTED) ? '' : `; ${WANTED.join('.')} has all that is used here`
  return [
    { name: 'kernel', detail: `${kernel.release}${old}` },
    { name: 'kernel options', detail: sayOptions(surroundings) },
    { name: 'container', detail: container ?? 'none is known' },
    { name: 'user', detail: `${user.name === '$USER' ? user.uid : user.name}, groups ${groups}` },
  ]
}

function sayOptions({ kernel }: Surroundings): string {
  if (!kernel.isConfigKnown)
    return `not known: neither /proc/config.gz nor /boot/config-${kernel.release} can be read`
  return OPTIONS.map(
    (option) => `${option.replace('CONFIG_', '')}=${kernel.builtWith(option)}`,
  ).join(' ')
}
