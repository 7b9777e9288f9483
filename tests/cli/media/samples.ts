// Small clips for the tests of media/: Y4M by hand, JPEG by sharp, a decoder that is not ours.
import sharp, { type JpegOptions } from 'sharp'
import { ByteReader } from '#src/cli/media/byte-reader.js'
import type { MediaSource, SourceFrame } from '#src/cli/media/media-source.js'
import { packedLengthBytes, packedPlanes, type PictureSize } from '#src/cli/media/yu12.js'

/** `bytes` cut at the given positions, in the order given, as a stream. */
export async function* streamOf(
  bytes: Uint8Array,
  cuts: readonly number[] = [],
): AsyncGenerator<Uint8Array, undefined> {
  let start = 0
  for (const cut of [...cuts, bytes.length]) {
    yield bytes.subarray(start, cut)
    start = cut
  }
}

/** A reader over `bytes` in chunks of `chunkBytes`, and how far it has read. */
export function countingReader(bytes: Uint8Array, chunkBytes = bytes.length || 1) {
  const seen = { readBytes: 0, closeCount: 0 }
  async function* chunks() {
    for (let start = 0; start < bytes.length; start += chunkBytes) {
      const chunk = bytes.subarray(start, start + chunkBytes)
      seen.readBytes += chunk.length
      yield chunk
    }
  }
  const reader = new ByteReader(chunks(), async () => {
    seen.closeCount += 1
  })
  return { reader, seen }
}

/** A Y4M file; frame k is filled with bytes that differ from pixel to pixel and from frame to frame. */
export function y4mFile({ width, height, tags = 'F25:1', frameCount = 2 }: Y4mSample): Buffer {
  const frames = Array.from({ length: frameCount }, (_, index) => [
    Buffer.from('FRAME\n'),
    y4mPixels({ width, height }, index),
  ])
  const header = Buffer.from(`YUV4MPEG2 W${width} H${height} ${tags}\n`)
  return Buffer.concat([header, ...frames.flat()])
}

export interface Y4mSample extends PictureSize {
  readonly tags?: string
  readonly frameCount?: number
}

/** What y4mFile() puts into frame `index`. */
export function y4mPixels(size: PictureSize, index: number): Buffer {
  const bytes = Buffer.alloc(packedLengthBytes(size))
  return Buffer.from(bytes.map((_, at) => (at * 7 + index * 31) & 255))
}

/** Every frame of the source as packed YU12. */
export async function readAll(source: MediaSource): Promise<Buffer[]> {
  const frames: Buffer[] = []
  for await (const frame of source.frames()) {
    const bytes = Buffer.alloc(packedLengthBytes(source.format))
    frame.writeTo(bytes, packedPlanes(source.format))
    frames.push(bytes)
  }
  return frames
}

/** The next frame of source.frames(). */
export async function nextFrame(frames: AsyncIterator<SourceFrame>): Promise<SourceFrame> {
  const result = await frames.next()
  if (result.done === true) throw new Error('No more frames')
  return result.value
}

/** All frames before the error, and the error. */
export async function readUntilError(source: MediaSource) {
  const indexes: number[] = []
  try {
    for await (const frame of source.frames()) indexes.push(frame.index)
  } catch (error) {
    return { indexes, error: error as Error }
  }
  return { indexes, error: undefined }
}

/** RGB bytes that change softly, so that no way of halving chroma shows. */
export function softPicture({ width, height }: PictureSize): Buffer {
  const rgb = Buffer.alloc(width * height * 3)
  for (let at = 0; at < width * height; at += 1) {
    const x = (at % width) / width
    const y = Math.floor(at / width) / height
    rgb.set([40 + 180 * x, 60 + 150 * y, 220 - 160 * x], at * 3)
  }
  return rgb
}

/** softPicture() as a JPEG. */
export async function jpegOf(
  size: PictureSize,
  options: JpegOptions = {},
): Promise<Buffer<ArrayBuffer>> {
  const raw = { ...size, channels: 3 as const }
  const jpeg = await sharp(softPicture(size), { raw })
    .jpeg({ quality: 95, ...options })
    .toBuffer()
  return Buffer.from(jpeg)
}

/** softPicture() without colour, as a JPEG of one component. */
export async function greyJpegOf(size: PictureSize): Promise<Buffer> {
  const raw = { ...size, channels: 3 as const }
  return await sharp(softPicture(size), { raw }).toColourspace('b-w').jpeg().toBuffer()
}

/** `jpeg` with a segment right behind its FF D8. */
export function withSegment(jpeg: Uint8Array, code: number, data: Uint8Array): Buffer {
  const lengthBytes = data.length + 2
  const head = Uint8Array.of(0xff, code, lengthBytes >> 8, lengthBytes & 255)
  return Buffer.concat([jpeg.subarray(0, 2), head, data, jpeg.subarray(2)])
}

/** What an Adobe segment (APP14) says: 0 for RGB, 1 for YUV. */
export function adobeSegment(transform: number): Buffer {
  return Buffer.concat([Buffer.from('Adobe'), Uint8Array.of(0, 100, 0, 0, 0, 0, transform)])
}

/** Where the first segment `code` of a JPEG begins, from its FF. */
export function segmentStart(jpeg: Uint8Array, code: number): number {
  let at = 2
  while (jpeg[at + 1] !== code) at += 2 + ((jpeg[at + 2]! << 8) | jpeg[at + 3]!)
  return at
}
