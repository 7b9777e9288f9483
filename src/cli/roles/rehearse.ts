import { packedPlanes } from '../media/yu12.js'
import type { SeenPicture } from './frame-picture.js'

const SIZE = { width: 640, height: 360 }
const TIMES = 8

/**
 * Lets a viewer look at made-up pictures before the camera is told that it is there: what is run for the first time waits
 * for the compiler, and a camera waits for nobody.
 */
export function rehearse(look: (seen: SeenPicture) => void): void {
  const colors = { range: 'full', matrix: 'bt601' } as const
  // One whose components lie apart, and one where they do not.
  const layouts = {
    YU12: packedPlanes(SIZE),
    YUYV: [{ offsetBytes: 0, strideBytes: 2 * SIZE.width, rowCount: SIZE.height }],
  }
  const bytes = new Uint8Array(2 * SIZE.width * SIZE.height)
  for (let time = 0; time < TIMES; time++)
    for (const [fourcc, planes] of Object.entries(layouts))
      look({ frame: { bytes, planes }, picture: { fourcc, ...SIZE, ...colors } })
}
