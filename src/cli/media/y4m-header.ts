import { InputError } from './input-error.js'
import type { ColorRange, FrameRate } from './media-source.js'

/** What a Y4M stream says of itself in its first line. */
export interface Y4mHeader {
  readonly width: number
  readonly height: number
  /** Undefined where the header has no F tag. */
  readonly frameRate: FrameRate | undefined
  readonly range: ColorRange
}

/** Wider or higher than this is taken for a broken header: 16384 is twice 8K. */
export const MAX_SIDE_PIXELS = 16384

const MAX_FRAMES_PER_SECOND = 1000
const CHROMAS = ['420', '420jpeg', '420paldv', '420mpeg2']
const CONVERT = 'convert with: ffmpeg -i in -pix_fmt yuv420p out.y4m'
const COLOR_RANGE_TAG = 'XCOLORRANGE='

/**
 * Reads the first line of a Y4M stream, `YUV4MPEG2 W640 H360 F25:1 …`.
 *
 * Interlacing (I), pixel aspect (A) and unknown tags are accepted and ignored. Without C the chroma is 4:2:0, without
 * XCOLORRANGE the range is limited.
 *
 * @param line - without its newline
 * @throws {InputError} no size or an absurd one, a frame rate that is none, or a chroma other than 8 bit 4:2:0
 */
export function parseY4mHeader(line: string): Y4mHeader {
  const tags = new Map<string, string>()
  for (const tag of line.split(' ').slice(1)) {
    // There may be many X tags, of which only one matters here.
    if (tag.startsWith('X') && !tag.startsWith(COLOR_RANGE_TAG)) continue
    tags.set(tag.slice(0, 1), tag.slice(1))
  }
  const chroma = tags.get('C') ?? '420'
  if (!CHROMAS.includes(chroma)) {
    const accepted = CHROMAS.map((name) => 'C' + name).join(', ')
    throw new InputError(
      `unsupported chroma C${printable(chroma)}: only 4:2:0 8 bit (${accepted}); ${CONVERT}`,
    )
  }
  return {
    width: parseSide(tags.get('W'), 'width', 'W'),
    height: parseSide(tags.get('H'), 'height', 'H'),
    frameRate: parseFrameRate(tags.get('F')),
    range: parseRange(tags.get('X')),
  }
}

function parseSide(text: string | undefined, name: string, letter: string): number {
  if (text === undefined) throw new InputError(`no ${name} (${letter}) in the Y4M header`)
  const pixels = /^[0-9]+$/.test(text) ? Number(text) : 0
  if (pixels < 1 || pixels > MAX_SIDE_PIXELS) {
    throw new InputError(`bad ${name} in the Y4M header: ${letter}${printable(text)}`)
  }
  return pixels
}

function parseFrameRate(text: string | undefined): FrameRate | undefined {
  if (text === undefined) return undefined
  const [, numerator, denominator] = /^([0-9]{1,10}):([0-9]{1,10})$/.exec(text) ?? []
  const rate = { numerator: Number(numerator), denominator: Number(denominator) }
  const framesPerSecond = rate.numerator / rate.denominator
  if (!(framesPerSecond > 0 && framesPerSecond <= MAX_FRAMES_PER_SECOND)) {
    throw new InputError(`bad frame rate in the Y4M header: F${printable(text)}`)
  }
  return rate
}

function parseRange(text: string | undefined): ColorRange {
  const name = text?.slice(COLOR_RANGE_TAG.length - 1) ?? 'LIMITED'
  if (name === 'FULL') return 'full'
  if (name === 'LIMITED') return 'limited'
  throw new InputError(`unknown color range in the Y4M header: ${printable(name)}`)
}

/** Text of a stranger, fit for a line on a terminal. */
function printable(text: string): string {
  return text.slice(0, 32).replace(/[^ -~]/g, '?')
}
