import {
  decodeDrmCap,
  decodeDrmVersion,
  DRM_CAP_PRIME,
  DRM_CAP_SYNCOBJ,
  DRM_CAP_SYNCOBJ_TIMELINE,
  DRM_IOCTL_GET_CAP,
  DRM_IOCTL_VERSION,
  DRM_PRIME_CAP_EXPORT,
  DRM_PRIME_CAP_IMPORT,
  DRM_VERSION_NAME_OFFSET,
  encodeDrmCap,
  encodeDrmVersion,
} from '../../uapi/drm.js'
import { O_NONBLOCK, O_RDWR } from '../../uapi/file.js'
import { decodeText } from '../../uapi/struct.js'
import { ioctl } from '../ioctl.js'
import { native } from '../native.js'
import type { OwnedFd } from '../owned-fd.js'
import type { Finding } from './capability.js'
import { openNodeSoon } from './open-node-soon.js'
import { explainRefusal, type NodeKind } from './refusal.js'
import type { Surroundings } from './surroundings.js'
import { codeOf } from './thrown-code.js'

const FOLDER = '/dev/dri'
/** Longer names of drivers are cut. */
const NAME_BYTES = 64

/** The paths of the DRM nodes: cards, then those for rendering; the first card, where there are none. */
export function drmPaths({ files }: Surroundings): string[] {
  const names = ['card', 'renderD'].flatMap((prefix) => files.numbered(FOLDER, prefix))
  return (names.length === 0 ? ['card0'] : names).map((name) => `${FOLDER}/${name}`)
}

/** What a graphics device is, by its driver, and whether it takes and gives buffers and fences. */
export async function probeDrm(path: string, surroundings: Surroundings): Promise<Finding> {
  const name = path.slice(FOLDER.length + 1)
  const kind: NodeKind = {
    option: 'CONFIG_DRM',
    load: 'sudo modprobe vgem   # a device of memory only, for tests',
    sysfs: `/sys/class/drm/${name}`,
    group: name.startsWith('render') ? 'render' : 'video',
    udev: `SUBSYSTEM=="drm", KERNEL=="${name}"`,
  }
  try {
    using node = await openNodeSoon(surroundings.files.at(path), O_RDWR | O_NONBLOCK)
    return describe(path, node)
  } catch (error) {
    if (codeOf(error) === 'ENOTTY')
      return { name: path, detail: '', reason: 'it is no DRM device (ENOTTY)' }
    return explainRefusal(path, kind, codeOf(error), surroundings)
  }
}

function describe(path: string, node: OwnedFd): Finding {
  const driver = driverOf(node)
  const prime = capability(node, DRM_CAP_PRIME)
  const features = [
    ...((prime & DRM_PRIME_CAP_IMPORT) === 0 ? [] : ['imports']),
    ...((prime & DRM_PRIME_CAP_EXPORT) === 0 ? [] : ['exports']),
    ...(capability(node, DRM_CAP_SYNCOBJ) === 0 ? [] : ['syncobj']),
    ...(capability(node, DRM_CAP_SYNCOBJ_TIMELINE) === 0 ? [] : ['timelines']),
  ]
  const detail = [driver, ...features].join(', ')
  const reason = prime === 0 ? 'it neither takes buffers nor gives them (no PRIME)' : undefined
  return { name: path, detail, reason }
}

function driverOf(node: OwnedFd): string {
  const text = new Uint8Array(NAME_BYTES)
  const nameBytes = BigInt(NAME_BYTES)
  const argument = encodeDrmVersion({ major: 0, minor: 0, patchLevel: 0, nameBytes })
  ioctl(node, DRM_IOCTL_VERSION, argument, {
    operation: 'probe',
    message: () => 'Cannot ask a DRM device what it is',
    addresses: [DRM_VERSION_NAME_OFFSET, text],
  })
  const length = Number(decodeDrmVersion(argument).nameBytes)
  return decodeText(text.subarray(0, Math.min(length, NAME_BYTES)))
}

function capability(node: OwnedFd, which: number): number {
  const argument = encodeDrmCap({ capability: BigInt(which), value: 0n })
  if (native().ioctl(node.number, DRM_IOCTL_GET_CAP, argument) < 0) return 0
  return Number(decodeDrmCap(argument).value)
}
