/**
 * DRM devices without their displays: buffers, sharing, and fences. The native part is loaded at first use.
 *
 * @module
 */
export type { DrmBuffer } from './drm-buffer.js'
export { openDrm, type DrmCapabilities, type DrmDevice } from './drm-device.js'
export type { DumbBuffer, DumbBufferOptions } from './dumb-buffer.js'
export { listDrmNodes, type DrmNodeInfo } from './list-drm-nodes.js'
export type { Syncobj, SyncobjWaitOptions } from './syncobj.js'
export type { VgemFence } from './vgem-fence.js'
