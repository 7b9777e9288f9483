import {
  V4L2_BUF_TYPE_VIDEO_CAPTURE,
  V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE,
  V4L2_CAP_META_CAPTURE,
  V4L2_CAP_META_OUTPUT,
  V4L2_CAP_RADIO,
  V4L2_CAP_SDR_CAPTURE,
  V4L2_CAP_SLICED_VBI_CAPTURE,
  V4L2_CAP_STREAMING,
  V4L2_CAP_TOUCH,
  V4L2_CAP_VBI_CAPTURE,
  V4L2_CAP_VIDEO_CAPTURE,
  V4L2_CAP_VIDEO_CAPTURE_MPLANE,
  V4L2_CAP_VIDEO_M2M,
  V4L2_CAP_VIDEO_M2M_MPLANE,
  V4L2_CAP_VIDEO_OUTPUT,
  V4L2_CAP_VIDEO_OUTPUT_MPLANE,
} from '../../uapi/videodev2.js'

/** What a video node is for. Only a `camera` gives pictures; a `converter` makes them of those it is given. */
export type VideoNodeKind =
  'camera' | 'converter' | 'metadata' | 'other' | 'output' | 'radio' | 'touch' | 'vbi'

/** In this order: a touch pad says that it captures video, too. */
const KINDS: readonly (readonly [VideoNodeKind, number])[] = [
  ['touch', V4L2_CAP_TOUCH],
  ['converter', V4L2_CAP_VIDEO_M2M | V4L2_CAP_VIDEO_M2M_MPLANE],
  ['camera', V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_VIDEO_CAPTURE_MPLANE],
  ['output', V4L2_CAP_VIDEO_OUTPUT | V4L2_CAP_VIDEO_OUTPUT_MPLANE],
  ['metadata', V4L2_CAP_META_CAPTURE | V4L2_CAP_META_OUTPUT],
  ['vbi', V4L2_CAP_VBI_CAPTURE | V4L2_CAP_SLICED_VBI_CAPTURE],
  ['radio', V4L2_CAP_RADIO | V4L2_CAP_SDR_CAPTURE],
]

/** What a node is for, by its V4L2_CAP_ bits. */
export function nodeKind(caps: number): VideoNodeKind {
  return KINDS.find(([, bits]) => (caps & bits) !== 0)?.[0] ?? 'other'
}

/** The queue that gives a camera's pictures; undefined where it has none: it is no camera, or can only be read(). */
export function captureType(caps: number): number | undefined {
  if (nodeKind(caps) !== 'camera' || (caps & V4L2_CAP_STREAMING) === 0) return undefined
  return (caps & V4L2_CAP_VIDEO_CAPTURE_MPLANE) !== 0
    ? V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE
    : V4L2_BUF_TYPE_VIDEO_CAPTURE
}
