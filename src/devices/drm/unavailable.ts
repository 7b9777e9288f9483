/**
 * What `dmabuf/devices/drm` is where there is no Node (browsers, bundlers): the same names, which throw on use.
 *
 * @module
 */
import { DmaBufError } from '../../core/errors.js'

function unavailable(): never {
  throw new DmaBufError(
    'ERR_DMABUF_NATIVE_UNAVAILABLE',
    'load',
    'dmabuf/devices/drm needs Node on Linux: a browser has its GPU by WebGPU',
  )
}

export const listDrmNodes = unavailable
export const openDrm = unavailable
