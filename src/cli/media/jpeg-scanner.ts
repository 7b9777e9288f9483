import { InputError } from './input-error.js'

type State =
  | 'start'
  | 'start of image'
  | 'marker prefix'
  | 'marker'
  | 'length'
  | 'low byte of length'
  | 'segment'
  | 'entropy-coded data'
  | 'marker in entropy-coded data'
  | 'end'

const PREFIX = 0xff
const START_OF_IMAGE = 0xd8
const END_OF_IMAGE = 0xd9
const START_OF_SCAN = 0xda

/**
 * Finds where a JPEG picture ends, fed with its bytes in pieces of any size.
 *
 * Walks from marker to marker by the lengths they state, so that a thumbnail inside a segment, which is a whole JPEG
 * itself, does not end the picture. Looks at no byte twice and keeps none.
 */
export class JpegScanner {
  #state: State = 'start'
  #segmentBytes = 0
  #isScan = false

  /**
   * Continues with `bytes` from `startIndex`.
   *
   * @returns the index behind the picture's last byte; undefined if `bytes` end before it
   * @throws {InputError} this is no JPEG, or it is damaged between two markers
   */
  scan(bytes: Uint8Array, startIndex: number): number | undefined {
    const length = bytes.length
    for (let index = startIndex; index < length;) {
      if (this.#state === 'segment') {
        index += this.#skip(length - index)
      } else if (this.#state === 'entropy-coded data') {
        const found = bytes.indexOf(PREFIX, index)
        if (found < 0) return undefined
        this.#state = 'marker in entropy-coded data'
        index = found + 1
      } else {
        this.#step(bytes[index] ?? 0)
        index += 1
        if (this.#state === 'end') return index
      }
    }
    return undefined
  }

  #skip(availableBytes: number): number {
    const skippedBytes = Math.min(availableBytes, this.#segmentBytes)
    this.#segmentBytes -= skippedBytes
    if (this.#segmentBytes === 0)
      this.#state = this.#isScan ? 'entropy-coded data' : 'marker prefix'
    return skippedBytes
  }

  #step(byte: number): void {
    switch (this.#state) {
      case 'start':
        this.#state = this.#expect(byte, PREFIX, 'start of image')
        break
      case 'start of image':
        this.#state = this.#expect(byte, START_OF_IMAGE, 'marker prefix')
        break
      case 'marker prefix':
        this.#state = this.#expect(byte, PREFIX, 'marker')
        break
      case 'marker':
        this.#enterMarker(byte)
        break
      case 'length':
        this.#segmentBytes = byte << 8
        this.#state = 'low byte of length'
        break
      case 'low byte of length':
        this.#enterSegment(byte)
        break
      case 'marker in entropy-coded data':
        if (byte === 0 || isRestart(byte)) this.#state = 'entropy-coded data'
        else this.#enterMarker(byte)
        break
      case 'segment':
      case 'entropy-coded data':
      case 'end':
        throw new Error(`No single byte is looked at in a ${this.#state}`)
    }
  }

  #expect(byte: number, expected: number, next: State): State {
    if (byte === expected) return next
    throw new InputError(`broken JPEG: ${hex(byte)} instead of ${hex(expected)} (${this.#state})`)
  }

  #enterMarker(code: number): void {
    if (code === PREFIX) return // markers may be preceded by any number of these
    if (code === 0 || code === START_OF_IMAGE) {
      throw new InputError(`broken JPEG: marker ${hex(code)} in the middle of the picture`)
    }
    this.#isScan = code === START_OF_SCAN
    if (code === END_OF_IMAGE) this.#state = 'end'
    else this.#state = isRestart(code) || code === 1 ? 'marker prefix' : 'length'
  }

  #enterSegment(lowByte: number): void {
    const lengthBytes = this.#segmentBytes | lowByte // counts its own two bytes
    if (lengthBytes < 2) throw new InputError(`broken JPEG: segment of ${lengthBytes} bytes`)
    this.#segmentBytes = lengthBytes - 2
    this.#state = 'segment'
  }
}

function isRestart(code: number): boolean {
  return code >= 0xd0 && code <= 0xd7
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0')
}
