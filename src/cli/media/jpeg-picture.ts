import { InputError } from './input-error.js'
import { STANDARD_HUFFMAN_SEGMENT } from './standard-huffman.js'

/** What the segments before a JPEG's pixels say, and the bytes to decode. */
export interface JpegPicture {
  readonly width: number
  readonly height: number
  /** grey has no chroma; halved is 4:2:0, as YU12; other is any other subsampling, or none. */
  readonly chroma: 'grey' | 'halved' | 'other'
  /** The same picture without comments and application data, with Huffman tables. */
  readonly bytes: Uint8Array
}

interface Segment {
  readonly code: number
  /** From its marker to its end. */
  readonly bytes: Uint8Array
  /** Behind marker and length. */
  readonly data: Uint8Array
}

const FRAME_NAMES = new Map([
  [0xc3, 'lossless'],
  [0xc5, 'hierarchical'],
  [0xc6, 'hierarchical'],
  [0xc7, 'lossless hierarchical'],
  [0xc9, 'arithmetic coding'],
  [0xca, 'arithmetic coding'],
  [0xcb, 'lossless, arithmetic coding'],
])

/**
 * Reads the segments before the first scan of a whole JPEG.
 *
 * Application data (APPn) goes out: the decoder would undo the YUV by what it finds there, and it copies thumbnails.
 *
 * @param jpeg - as JpegScanner found it: from FF D8 to FF D9, segment lengths proper; borrowed, not changed
 * @throws {InputError} not 8 bit baseline or progressive, neither grey nor YUV, or without a size
 */
export function readJpegPicture(jpeg: Uint8Array): JpegPicture {
  const { segments, scanStart } = readSegments(jpeg)
  const frame = segments.find(({ code }) => isFrame(code))
  if (frame === undefined) throw new InputError('broken JPEG: no frame header')
  const adobe = segments.find(({ code, data }) => code === 0xee && startsWith(data, 'Adobe'))
  const kept = segments.filter(({ code }) => !isApplication(code) && code !== 0xfe)
  const hasHuffman = kept.some(({ code }) => code === 0xc4)
  const parts = [jpeg.subarray(0, 2), ...kept.map(({ bytes }) => bytes)]
  if (!hasHuffman) parts.push(STANDARD_HUFFMAN_SEGMENT)
  return {
    ...readFrame(frame, adobe?.data[11]),
    bytes: Buffer.concat([...parts, jpeg.subarray(scanStart)]),
  }
}

function readSegments(jpeg: Uint8Array): { segments: Segment[]; scanStart: number } {
  const length = jpeg.length
  const segments: Segment[] = []
  for (let index = 2; index + 4 <= length;) {
    const code = jpeg[index + 1] ?? 0
    const isLone = code === 0xff || code === 1 || (code >= 0xd0 && code <= 0xd7)
    if (isLone) {
      index += code === 0xff ? 1 : 2
      continue
    }
    if (code === 0xda) return { segments, scanStart: index }
    const endIndex = index + 2 + readUint16(jpeg, index + 2)
    segments.push({
      code,
      bytes: jpeg.subarray(index, endIndex),
      data: jpeg.subarray(index + 4, endIndex),
    })
    index = endIndex
  }
  throw new InputError('broken JPEG: no picture data')
}

function readFrame(
  { code, data }: Segment,
  adobeTransform: number | undefined,
): Omit<JpegPicture, 'bytes'> {
  const name = FRAME_NAMES.get(code)
  if (name !== undefined) {
    throw new InputError(`unsupported JPEG: ${name}; only baseline and progressive`)
  }
  const [precision = 0] = data
  const componentCount = data[5] ?? 0
  if (data.length < 6 + 3 * componentCount) throw new InputError('broken JPEG: short frame header')
  if (precision !== 8) throw new InputError(`unsupported JPEG: ${precision} bit; only 8 bit`)
  const size = { height: readUint16(data, 1), width: readUint16(data, 3) }
  if (size.width === 0 || size.height === 0) {
    throw new InputError(`broken JPEG: ${size.width}x${size.height}`)
  }
  return { ...size, chroma: readChroma(data.subarray(6), componentCount, adobeTransform) }
}

function readChroma(
  components: Uint8Array,
  componentCount: number,
  adobeTransform: number | undefined,
): JpegPicture['chroma'] {
  if (componentCount === 1) return 'grey'
  if (componentCount !== 3) {
    throw new InputError(`unsupported JPEG: ${componentCount} color components; only YUV and grey`)
  }
  const isRgb = components[0] === 82 && components[3] === 71 && components[6] === 66 // 'R', 'G', 'B'
  if (adobeTransform === 0 || isRgb)
    throw new InputError('unsupported JPEG: RGB; only YUV and grey')
  const isHalved = components[1] === 0x22 && components[4] === 0x11 && components[7] === 0x11
  return isHalved ? 'halved' : 'other'
}

function isFrame(code: number): boolean {
  // C4, C8 and CC are in the same range but no frame headers.
  return code >= 0xc0 && code <= 0xcf && code !== 0xc4 && code !== 0xc8 && code !== 0xcc
}

function isApplication(code: number): boolean {
  return code >= 0xe0 && code <= 0xef
}

function startsWith(data: Uint8Array, text: string): boolean {
  return Buffer.from(data.subarray(0, text.length)).toString('latin1') === text
}

function readUint16(bytes: Uint8Array, index: number): number {
  return ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0)
}
