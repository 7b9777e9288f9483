import { drawBrightnessRamp } from './brightness-ramp.js'
import { type RgbPicture, drawHalfBlocks } from './half-blocks.js'

/** The part of process.env that says which terminal it is. */
export interface TerminalEnvironment {
  readonly NO_COLOR?: string | undefined
  readonly TERM?: string | undefined
}

/** If colour may be written: not with a NO_COLOR that is not empty, nor to a dumb terminal. */
export function isColorWanted({ NO_COLOR, TERM }: TerminalEnvironment): boolean {
  return (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb'
}

/** The picture as ceil(rows / 2) lines of text: half blocks in colour, or a brightness ramp without. */
export function pictureLines(
  picture: RgbPicture,
  { color }: { readonly color: boolean },
): string[] {
  return color ? drawHalfBlocks(picture) : drawBrightnessRamp(picture)
}
