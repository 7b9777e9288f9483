import { InputError } from './input-error.js'
import type { MediaSource, SourceFormat, SourceFrame } from './media-source.js'

/** What a format gives FrameSource. */
export interface FrameReader {
  /** Frame `index`, asked for in order; undefined at the end of the input, and only there. */
  readFrame(index: number): Promise<SourceFrame | undefined>
  /** Ends the input; a readFrame() that waits may end in any way. */
  close(): Promise<void>
}

/** The part of a MediaSource that all formats share: frames come once, in order, until the end or close(). */
export class FrameSource implements MediaSource {
  readonly kind: MediaSource['kind']
  readonly format: SourceFormat
  readonly #reader: FrameReader
  #areFramesTaken = false
  #isClosed = false

  constructor(kind: MediaSource['kind'], format: SourceFormat, reader: FrameReader) {
    this.kind = kind
    this.format = format
    this.#reader = reader
  }

  frames(): AsyncIterableIterator<SourceFrame> {
    if (this.#isClosed) throw new Error('Source is closed')
    if (this.#areFramesTaken) throw new Error('Frames are taken already: open the source again')
    this.#areFramesTaken = true
    return this.#readFrames()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#reader.close()
  }

  async *#readFrames(): AsyncGenerator<SourceFrame, undefined> {
    try {
      for (let index = 0; !this.#isClosed; index += 1) {
        const frame = await this.#readUnlessClosed(index)
        if (frame === undefined) return
        yield frame
      }
    } finally {
      await this.close()
    }
  }

  async #readUnlessClosed(index: number): Promise<SourceFrame | undefined> {
    try {
      const frame = await this.#reader.readFrame(index)
      if (this.#isClosed) return undefined
      if (frame === undefined && index === 0) throw new InputError('no frames: only a header')
      return frame
    } catch (error) {
      if (this.#isClosed) return undefined
      throw error
    }
  }
}
