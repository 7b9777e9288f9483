/**
 * What `dmabuf/linux` is where there is no Node (browsers, bundlers): the same names, which throw on use.
 *
 * @module
 */
import { DmaBufError } from '../core/errors.js'

function unavailable(): never {
  throw new DmaBufError(
    'ERR_DMABUF_NATIVE_UNAVAILABLE',
    'load',
    "dmabuf/linux needs Node on Linux: in a browser use 'dmabuf', which is plain JavaScript",
  )
}

export const connectFrames = unavailable
export const connectLink = unavailable
export const createFrameQueue = unavailable
export const createUdmabuf = unavailable
export const exportFd = unavailable
export const exportSyncFile = unavailable
export const fdInfo = unavailable
export const importFd = unavailable
export const importSyncFile = unavailable
export const inheritLink = unavailable
export const isKernelFence = unavailable
export const joinDomain = unavailable
export const linkPair = unavailable
export const openDmaHeap = unavailable
export const openFramePort = unavailable
export const openHeap = unavailable
export const openMemfdHeap = unavailable
export const openUdmabufHeap = unavailable
export const probe = unavailable
export const receiveFence = unavailable
export const receiveTimeline = unavailable
export const serveDomain = unavailable
export const serveFrames = unavailable
export const serveLinks = unavailable
export const shareFence = unavailable
export const shareTimeline = unavailable

/** Throws when made or adopted. */
export class OwnedFd {
  constructor() {
    unavailable()
  }

  static adopt(): never {
    return unavailable()
  }
}
