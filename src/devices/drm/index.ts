/**
 * DRM devices without their displays: buffers, sharing, and fences.
 *
 * @module
 */
export { DrmBuffer } from './drm-buffer.js'
export { DrmDevice, openDrm, type DrmCapabilities } from './drm-device.js'
export type { DumbBuffer, DumbBufferOptions } from './dumb-buffer.js'
export { listDrmNodes, type DrmNodeInfo } from './list-drm-nodes.js'
export { Syncobj, type SyncobjWaitOptions } from './syncobj.js'
export { VgemFence } from './vgem-fence.js'
