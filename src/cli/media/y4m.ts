import type { ByteReader, Line } from './byte-reader.js'
import { FrameSource } from './frame-source.js'
import { InputError } from './input-error.js'
import type { MediaSource, PlaneLayout, SourceFormat } from './media-source.js'
import type { SourceFrame, SourceOptions } from './media-source.js'
import { checkPlanes, copyPlane, packedLengthBytes, packedPlanes, planeSize } from './yu12.js'
import { parseY4mHeader } from './y4m-header.js'

/** Real header and FRAME lines have some 80 bytes. */
const MAX_LINE_BYTES = 1024
const DEFAULT_FRAME_RATE = { numerator: 25, denominator: 1 }
const HD_HEIGHT_PIXELS = 720

/**
 * A Y4M stream is open: its header is read, its frames are not.
 *
 * Waits for the header. At most one frame and one chunk are in memory, besides the frames that the caller keeps.
 *
 * @param reader - moved: closed by the source, or here if this throws
 * @throws {InputError} the header is cut off, too long or says something that parseY4mHeader() refuses
 */
export async function openY4m(
  reader: ByteReader,
  options: SourceOptions = {},
): Promise<MediaSource> {
  try {
    const format = await readFormat(reader, options)
    return new FrameSource('y4m', format, {
      readFrame: (index) => readFrame(reader, format, index),
      close: () => reader.close(),
    })
  } catch (error) {
    await reader.close()
    throw error
  }
}

async function readFormat(reader: ByteReader, options: SourceOptions): Promise<SourceFormat> {
  const line = await reader.readLine(MAX_LINE_BYTES)
  const header = parseY4mHeader(wholeLine(line, 'the Y4M header'))
  return {
    ...header,
    frameRate: options.frameRate ?? header.frameRate ?? DEFAULT_FRAME_RATE,
    matrix: header.height >= HD_HEIGHT_PIXELS ? 'bt709' : 'bt601',
  }
}

function wholeLine(line: Line | undefined, name: string): string {
  if (line?.end === 'newline') return line.text
  if (line?.end === 'limit') throw new InputError(`${name} is longer than ${MAX_LINE_BYTES} bytes`)
  throw new InputError(`cut off in ${name}`)
}

async function readFrame(
  reader: ByteReader,
  format: SourceFormat,
  index: number,
): Promise<SourceFrame | undefined> {
  const line = await reader.readLine(MAX_LINE_BYTES)
  if (line === undefined) return undefined
  if (!/^FRAME( |$)/.test(wholeLine(line, `the FRAME line of frame ${index}`))) {
    throw new InputError(`frame ${index} does not begin with FRAME`)
  }
  const bytes = new Uint8Array(packedLengthBytes(format))
  const readBytes = await reader.fill(bytes)
  if (readBytes === bytes.length) return new Y4mFrame(index, bytes, format)
  throw new InputError(`cut off in frame ${index}: ${readBytes} of ${bytes.length} bytes`)
}

class Y4mFrame implements SourceFrame {
  readonly index: number
  readonly #bytes: Uint8Array
  readonly #format: SourceFormat

  constructor(index: number, bytes: Uint8Array, format: SourceFormat) {
    this.index = index
    this.#bytes = bytes
    this.#format = format
  }

  writeTo(target: Uint8Array, planes: readonly PlaneLayout[]): void {
    checkPlanes(target, planes, this.#format)
    packedPlanes(this.#format).forEach((plane, index) => {
      const { width } = planeSize(this.#format, index)
      copyPlane({ bytes: this.#bytes, plane, width }, target, planes[index] ?? plane)
    })
  }
}
