import type { PlaneLayout } from './media-source.js'

/** A picture's size in pixels. */
export interface PictureSize {
  readonly width: number
  readonly height: number
}

/** The size of plane `planeIndex` (0 Y, 1 U, 2 V) in samples: chroma is halved, and the odd one out counts. */
export function planeSize({ width, height }: PictureSize, planeIndex: number): PictureSize {
  if (planeIndex === 0) return { width, height }
  return { width: (width + 1) >> 1, height: (height + 1) >> 1 }
}

/** The three planes one after another without padding, as Y4M stores them. */
export function packedPlanes(size: PictureSize): readonly PlaneLayout[] {
  const chroma = planeSize(size, 1)
  const lumaBytes = size.width * size.height
  const chromaBytes = chroma.width * chroma.height
  const chromaPlane = { strideBytes: chroma.width, rowCount: chroma.height }
  return [
    { offsetBytes: 0, strideBytes: size.width, rowCount: size.height },
    { offsetBytes: lumaBytes, ...chromaPlane },
    { offsetBytes: lumaBytes + chromaBytes, ...chromaPlane },
  ]
}

/** How many bytes packedPlanes() take. */
export function packedLengthBytes(size: PictureSize): number {
  const chroma = planeSize(size, 1)
  return size.width * size.height + 2 * chroma.width * chroma.height
}

/**
 * Returns if a YU12 picture of `size` fits `planes` of `target`.
 *
 * Called before the first byte is written, so that a wrong layout damages nothing.
 *
 * @throws {RangeError} not three planes, or one of them too narrow, too low or outside `target`
 */
export function checkPlanes(
  target: Uint8Array,
  planes: readonly PlaneLayout[],
  size: PictureSize,
): void {
  if (planes.length !== 3) throw new RangeError(`YU12 has 3 planes: received ${planes.length}`)
  planes.forEach(({ offsetBytes, strideBytes, rowCount }, index) => {
    const { width, height } = planeSize(size, index)
    const endBytes = offsetBytes + (height - 1) * strideBytes + width
    const fits = strideBytes >= width && rowCount >= height
    if (!fits || offsetBytes < 0 || endBytes > target.length) {
      throw new RangeError(
        `Plane ${index} of a ${size.width}x${size.height} picture does not fit: offset ${offsetBytes}, ` +
          `stride ${strideBytes}, rows ${rowCount} in ${target.length} bytes`,
      )
    }
  })
}

/** Copies the pixels of one plane, `width` of every row of `from`, to where `to` has room for them. */
export function copyPlane(
  from: { readonly bytes: Uint8Array; readonly plane: PlaneLayout; readonly width: number },
  target: Uint8Array,
  to: PlaneLayout,
): void {
  const { bytes, plane, width } = from
  const isPacked = plane.strideBytes === width && to.strideBytes === width
  const rowBytes = isPacked ? width * plane.rowCount : width
  const rowCount = isPacked ? 1 : plane.rowCount
  for (let row = 0; row < rowCount; row += 1) {
    const start = plane.offsetBytes + row * plane.strideBytes
    target.set(bytes.subarray(start, start + rowBytes), to.offsetBytes + row * to.strideBytes)
  }
}
