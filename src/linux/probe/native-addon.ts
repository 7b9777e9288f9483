import { DmaBufError } from '../../core/errors.js'
import { native } from '../native.js'
import type { Finding } from './capability.js'

/** Whether the native part can be loaded: everything else needs it. */
export function probeNativeAddon(): Finding {
  const detail = `${process.platform}-${process.arch}, Node ${process.versions.node}`
  try {
    native()
    return { name: 'native addon', detail }
  } catch (error) {
    const reason = DmaBufError.is(error) ? error.message : String(error)
    return { name: 'native addon', detail, reason, fix: 'npm run build:native   # in a checkout' }
  }
}
