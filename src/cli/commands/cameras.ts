import { listCameras, type OfferedFormat, type VideoDevice } from '../../devices/v4l2/index.js'

/** So many sizes of a format are listed, the largest. */
const MAX_SIZES = 4

/** Lists the cameras of this machine. @returns the exit code: 1 where there is none */
export function cameras(json: boolean): number {
  const devices = listCameras()
  if (json) process.stdout.write(`${JSON.stringify(devices)}\n`)
  const usable = devices.filter(({ kind }) => kind === 'camera')
  if (!json) for (const device of devices) process.stdout.write(deviceLines(device))
  if (usable.length > 0) return 0
  process.stderr.write(
    devices.length === 0
      ? 'dmabuf: no camera here: there is no /dev/video* (a container needs it passed in: --device /dev/video0)\n'
      : 'dmabuf: none of these is a camera that can be used\n',
  )
  return 1
}

/** What there is to say of a node, for people. */
export function deviceLines(device: VideoDevice): string {
  const { path, name, kind, driver, formats, problem } = device
  const what = kind === 'camera' ? `${name} (${driver})` : `${name}: ${kind ?? 'unknown'}`
  const lines = [`${path}  ${what}${problem === undefined ? '' : `: ${problem}`}`]
  // Two names of V4L2's may be one of DRM's.
  const seen = new Set<string>()
  for (const format of formats) {
    if (seen.has(format.fourcc)) continue
    seen.add(format.fourcc)
    lines.push(`    ${format.fourcc}  ${format.description}${sizesText(format)}`)
  }
  return `${lines.join('\n')}\n`
}

function sizesText({ sizes }: OfferedFormat): string {
  const byArea = [...sizes].sort((a, b) => b.maxWidth * b.maxHeight - a.maxWidth * a.maxHeight)
  const texts = byArea
    .slice(0, MAX_SIZES)
    .map(({ minWidth, maxWidth, minHeight, maxHeight }) =>
      minWidth === maxWidth && minHeight === maxHeight
        ? `${maxWidth}x${maxHeight}`
        : `${minWidth}x${minHeight} to ${maxWidth}x${maxHeight}`,
    )
  const more = sizes.length > MAX_SIZES ? ` and ${sizes.length - MAX_SIZES} smaller` : ''
  return texts.length === 0 ? '' : `: ${texts.join(', ')}${more}`
}
