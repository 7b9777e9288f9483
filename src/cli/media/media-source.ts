// Types only: what openSource() gives and what its two formats implement.

/** Frames per second as a fraction, both integers from 1 up: 30000/1001 has no exact decimal. */
export interface FrameRate {
  readonly numerator: number
  readonly denominator: number
}

/** How luma bytes are meant: full is 0 … 255 (JPEG), limited is 16 … 235 (most video). */
export type ColorRange = 'full' | 'limited'

/** Which weights turn YUV into RGB: bt601 for JPEG and small video, bt709 for HD. */
export type ColorMatrix = 'bt601' | 'bt709'

/** What every frame of a source has in common; width and height in pixels, 1 … 16384. */
export interface SourceFormat {
  readonly width: number
  readonly height: number
  readonly frameRate: FrameRate
  readonly range: ColorRange
  readonly matrix: ColorMatrix
}

/** Where one plane lies in a frame's bytes; the stride may exceed the plane's width. */
export interface PlaneLayout {
  readonly offsetBytes: number
  readonly strideBytes: number
  readonly rowCount: number
}

/** One decoded picture. It owns its pixels: it stays good after the next one was asked for, and after close(). */
export interface SourceFrame {
  /** 0 for the first frame of the source. */
  readonly index: number
  /**
   * The picture lies in `target` as YU12: Y, then U, then V, 8 bit, chroma halved both ways, rounded up.
   *
   * Writes pixels only, no padding. Does not wait.
   *
   * @param planes - three planes, in the order Y, U, V, each inside `target` and at least as wide and high as its picture
   * @throws {RangeError} a plane does not fit; nothing was written
   */
  writeTo(target: Uint8Array, planes: readonly PlaneLayout[]): void
}

/** An opened clip. Frames are read and decoded one at a time, when they are asked for. */
export interface MediaSource {
  readonly kind: 'y4m' | 'mjpeg'
  readonly format: SourceFormat
  /**
   * All frames in order, once. Leaving the loop early closes the source.
   *
   * @throws {InputError} from the loop, after the frames before it: the input is cut off or broken
   * @throws {Error} frames() was called before, or the source is closed
   */
  frames(): AsyncIterableIterator<SourceFrame>
  /** The input is closed; a loop over frames() ends. May be called again. */
  close(): Promise<void>
}

/** What openSource() and the formats behind it can be told. */
export interface SourceOptions {
  /** Used instead of the rate that the input states; motion JPEG states none and has 25/1 without this. */
  readonly frameRate?: FrameRate | undefined
}
