import { decode } from 'jpeg-js'
import type { ByteReader } from './byte-reader.js'
import { FrameSource } from './frame-source.js'
import { InputError } from './input-error.js'
import { type JpegPicture, readJpegPicture } from './jpeg-picture.js'
import { JpegScanner } from './jpeg-scanner.js'
import type { MediaSource, PlaneLayout, SourceFormat } from './media-source.js'
import type { SourceFrame, SourceOptions } from './media-source.js'
import { checkPlanes } from './yu12.js'
import { type YuvTriples, writeYuvTriples } from './yuv-triples.js'

const DEFAULT_FRAME_RATE = { numerator: 25, denominator: 1 }

/** A larger one is taken for damage: a picture of MAX_PIXELS has less at any sane quality. */
const MAX_PICTURE_BYTES = 64 * 1024 * 1024
/** 8K is 33 million. */
const MAX_PIXELS = 40_000_000
/** What the decoder says it takes for MAX_PIXELS, 4:4:4, with some room. */
const MAX_DECODER_MIB = 1024

/**
 * A motion JPEG stream, JPEGs one after another, is open: its first picture is read and gives the format.
 *
 * Waits for the first picture. A picture is decoded when the loop over frames() reaches it, which costs CPU time
 * there (jpeg-js: some 7 ms for 640x360); one picture and one chunk are in memory besides.
 *
 * @param reader - moved: closed by the source, or here if this throws
 * @throws {InputError} the first picture is cut off, broken or of a kind that cannot be decoded
 */
export async function openMjpeg(
  reader: ByteReader,
  options: SourceOptions = {},
): Promise<MediaSource> {
  const pictures = new PictureReader(reader)
  try {
    const first = await pictures.read()
    if (first === undefined) throw new InputError('no frames: the input is empty')
    const format: SourceFormat = {
      width: first.width,
      height: first.height,
      frameRate: options.frameRate ?? DEFAULT_FRAME_RATE,
      range: 'full',
      matrix: 'bt601',
    }
    return new FrameSource('mjpeg', format, {
      async readFrame(index) {
        const picture = index === 0 ? first : await pictures.read()
        return picture && decodeFrame(picture, format, index)
      },
      close: () => reader.close(),
    })
  } catch (error) {
    await reader.close()
    throw error
  }
}

/** Cuts the stream into pictures. */
class PictureReader {
  readonly #reader: ByteReader
  #index = -1

  constructor(reader: ByteReader) {
    this.#reader = reader
  }

  async read(): Promise<JpegPicture | undefined> {
    this.#index += 1
    const start = await this.#skipPadding()
    if (start === undefined) return undefined
    const scanner = new JpegScanner()
    const parts: Uint8Array[] = []
    let lengthBytes = 0
    for (let chunk = start; ;) {
      const end = this.#try(() => scanner.scan(chunk, 0))
      const part = chunk.subarray(0, end)
      parts.push(part)
      lengthBytes += part.length
      if (lengthBytes > MAX_PICTURE_BYTES) this.#fail(`more than ${MAX_PICTURE_BYTES} bytes`)
      if (end !== undefined) {
        this.#reader.unread(chunk.subarray(end))
        return this.#try(() => checkSize(readJpegPicture(Buffer.concat(parts))))
      }
      const next = await this.#reader.readChunk()
      if (next === undefined) this.#fail(`cut off after ${lengthBytes} bytes`)
      chunk = next
    }
  }

  /** Cameras fill up their buffers with zeros behind a picture. */
  async #skipPadding(): Promise<Uint8Array | undefined> {
    for (;;) {
      const chunk = await this.#reader.readChunk()
      if (chunk === undefined) return undefined
      const start = chunk.findIndex((byte) => byte !== 0)
      if (start >= 0) return chunk.subarray(start)
    }
  }

  #try<T>(step: () => T): T {
    try {
      return step()
    } catch (error) {
      if (error instanceof InputError) this.#fail(error.message)
      throw error
    }
  }

  #fail(reason: string): never {
    throw new InputError(`frame ${this.#index}: ${reason}`)
  }
}

/** The decoder would look at this only after it has taken the memory for a good part. */
function checkSize(picture: JpegPicture): JpegPicture {
  const { width, height } = picture
  if (width * height <= MAX_PIXELS) return picture
  const limit = `at most ${MAX_PIXELS / 1e6} million pixels`
  throw new InputError(`${width}x${height} is too large: ${limit}`)
}

/**
 * One whole JPEG, as a camera gives it: what follows its end is padding.
 *
 * @throws {InputError} cut off, broken, of another size than any sane camera's, or of a kind that cannot be decoded
 */
export function decodeJpeg(bytes: Uint8Array): YuvTriples {
  const end = new JpegScanner().scan(bytes, 0)
  if (end === undefined) throw new InputError(`cut off after ${bytes.length} bytes`)
  const picture = checkSize(readJpegPicture(bytes.subarray(0, end)))
  const { width, height, chroma } = picture
  return { width, height, chroma, triples: decodeTriples(picture, 0) }
}

function decodeFrame(picture: JpegPicture, format: SourceFormat, index: number): SourceFrame {
  const { width, height } = picture
  if (width !== format.width || height !== format.height) {
    const expected = `${format.width}x${format.height}`
    throw new InputError(`frame ${index} is ${width}x${height}, but the first is ${expected}`)
  }
  const triples = decodeTriples(picture, index)
  return new MjpegFrame(index, { width, height, chroma: picture.chroma, triples })
}

/** The picture's pixels as Y, U, V, Y, U, V …, chroma repeated for every pixel it covers. */
function decodeTriples(picture: JpegPicture, index: number): Uint8Array {
  try {
    const { data } = decode(picture.bytes, {
      colorTransform: false,
      formatAsRGBA: false,
      useTArray: true,
      maxResolutionInMP: MAX_PIXELS / 1e6,
      maxMemoryUsageInMB: MAX_DECODER_MIB,
    })
    return data
  } catch (error) {
    // The decoder states what it dislikes by plain errors of all kinds, a TypeError for a missing table among them.
    throw new InputError(`frame ${index}: broken JPEG: ${(error as Error).message}`)
  }
}

class MjpegFrame implements SourceFrame {
  readonly index: number
  readonly #picture: YuvTriples

  constructor(index: number, picture: YuvTriples) {
    this.index = index
    this.#picture = picture
  }

  writeTo(target: Uint8Array, planes: readonly PlaneLayout[]): void {
    checkPlanes(target, planes, this.#picture)
    writeYuvTriples(this.#picture, target, planes)
  }
}
