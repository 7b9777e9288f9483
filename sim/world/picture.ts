import type { DmaBuf } from '#src/core/buffer/buffer.js'
import type { Page } from '../engine/memory.js'

/** Words of a simulated picture. */
export const PICTURE_WORDS = 4

/** What each word of a picture is. */
export function pixelOf(ticket: number, word: number): number {
  return (Math.imul(ticket % 0x7fffffff, 0x9e3779b1) + word) | 0
}

/** A buffer as one process has it mapped. The queue's own code takes it for a DmaBuf. */
export class PictureBuffer {
  readonly page: Page
  readonly lengthBytes: number
  isOpen = true

  constructor(page: Page, lengthBytes: number) {
    this.page = page
    this.lengthBytes = lengthBytes
  }

  /** As another process maps it. */
  mapped(): PictureBuffer {
    return new PictureBuffer(this.page, this.lengthBytes)
  }

  close(): void {
    this.isOpen = false
  }
}

/** All that the queue asks of a buffer is its length, and to close it. */
export function asDmaBuf(buffer: PictureBuffer): DmaBuf {
  return buffer as unknown as DmaBuf
}

/** The simulated buffer behind one that the queue has handed back. */
export function pictureOf(buffer: DmaBuf): PictureBuffer {
  return buffer as unknown as PictureBuffer
}
