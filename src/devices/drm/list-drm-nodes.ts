import { DmaBufError } from '../../core/errors.js'
import { deviceNodes } from '../device-nodes.js'
import { DrmNode } from './drm-node.js'

const FOLDER = '/dev/dri'

/** A DRM node of this machine. */
export interface DrmNodeInfo {
  readonly path: string
  /** A card can make dumb buffers; a render node is open to more users, and cannot. */
  readonly kind: 'card' | 'render'
  /** `i915`, `amdgpu`, `vgem`; undefined where it cannot be opened. */
  readonly driverName: string | undefined
  /** Why it cannot be opened. */
  readonly error: DmaBufError | undefined
}

/**
 * The DRM nodes of this machine, cards first, by number. Which driver has which number differs from boot to boot:
 * choose by `driverName`.
 *
 * @param folder - of the nodes, where it is not /dev/dri
 * @returns none where there is no such folder
 * @throws {DmaBufError} EMFILE where no folder can be listed
 */
export function listDrmNodes(folder = FOLDER): DrmNodeInfo[] {
  const cards = deviceNodes(folder, 'card').map((path) => describe(path, 'card'))
  return [...cards, ...deviceNodes(folder, 'renderD').map((path) => describe(path, 'render'))]
}

function describe(path: string, kind: DrmNodeInfo['kind']): DrmNodeInfo {
  try {
    using node = new DrmNode(path)
    return { path, kind, driverName: node.driverName, error: undefined }
  } catch (error) {
    if (!DmaBufError.is(error)) throw error
    return { path, kind, driverName: undefined, error }
  }
}
