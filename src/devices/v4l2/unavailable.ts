/**
 * What `dmabuf/devices/v4l2` is where there is no Node (browsers, bundlers): the same names, which throw on use.
 *
 * @module
 */
import { DmaBufError } from '../../core/errors.js'

function unavailable(): never {
  throw new DmaBufError(
    'ERR_DMABUF_NATIVE_UNAVAILABLE',
    'load',
    'dmabuf/devices/v4l2 needs Node on Linux: a browser has its cameras by getUserMedia()',
  )
}

export const listCameras = unavailable
export const openCapture = unavailable
