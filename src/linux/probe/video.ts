import { O_NONBLOCK, O_RDWR } from '../../uapi/file.js'
import {
  decodeCapability,
  V4L2_CAP_DEVICE_CAPS,
  V4L2_CAP_STREAMING,
  V4L2_CAP_VIDEO_CAPTURE,
  V4L2_CAP_VIDEO_CAPTURE_MPLANE,
  V4L2_CAP_VIDEO_M2M,
  V4L2_CAP_VIDEO_M2M_MPLANE,
  V4L2_CAPABILITY_BYTES,
  VIDIOC_QUERYCAP,
} from '../../uapi/videodev2.js'
import { ioctlOnThread } from '../ioctl.js'
import type { Finding } from './capability.js'
import { openNodeSoon } from './open-node-soon.js'
import { explainRefusal, type NodeKind } from './refusal.js'
import type { Surroundings } from './surroundings.js'
import { codeOf } from './thrown-code.js'

const CAPTURE = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE
const MEMORY_TO_MEMORY = V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE

/** The paths of the video devices that there are nodes of; the first, where there are none. */
export function videoPaths({ files }: Surroundings): string[] {
  const names = files.numbered('/dev', 'video')
  return (names.length === 0 ? ['video0'] : names).map((name) => `/dev/${name}`)
}

/** What a video device is, by its driver. */
export async function probeVideo(path: string, surroundings: Surroundings): Promise<Finding> {
  const name = path.slice('/dev/'.length)
  const kind: NodeKind = {
    option: 'CONFIG_VIDEO_DEV',
    load: 'sudo modprobe vivid   # a camera for tests',
    sysfs: `/sys/class/video4linux/${name}`,
    group: 'video',
    udev: `SUBSYSTEM=="video4linux", KERNEL=="${name}"`,
  }
  const argument = new Uint8Array(V4L2_CAPABILITY_BYTES)
  const purpose = { operation: 'probe', message: () => `Cannot ask ${path} what it is` }
  try {
    using device = await openNodeSoon(surroundings.files.at(path), O_RDWR | O_NONBLOCK)
    await ioctlOnThread(device, VIDIOC_QUERYCAP, argument, purpose)
  } catch (error) {
    if (codeOf(error) === 'ENOTTY')
      return { name: path, detail: '', reason: 'it is no video device (ENOTTY)' }
    return explainRefusal(path, kind, codeOf(error), surroundings)
  }
  return describeVideo(path, argument)
}

/** What a device says of itself, in words. @param argument - VIDIOC_QUERYCAP's answer */
export function describeVideo(path: string, argument: Uint8Array): Finding {
  const { driver, card, capabilities, deviceCaps } = decodeCapability(argument)
  const flags = (capabilities & V4L2_CAP_DEVICE_CAPS) === 0 ? capabilities : deviceCaps
  const detail = `${card} (${driver})`
  if ((flags & MEMORY_TO_MEMORY) !== 0)
    return { name: path, detail, reason: 'it turns pictures into pictures, and is no camera' }
  if ((flags & CAPTURE) === 0) return { name: path, detail, reason: 'it gives no pictures' }
  if ((flags & V4L2_CAP_STREAMING) === 0)
    return { name: path, detail, reason: 'it gives pictures by read() only, not in buffers' }
  return { name: path, detail: `${detail}, gives pictures` }
}
