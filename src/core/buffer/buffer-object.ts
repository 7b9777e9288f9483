import type { ExporterOps } from './exporter.js'

/** What an exporter says of a new buffer. */
export interface ExportInfo {
  /** Who exports: a heap's name, a driver's name. @rule BUF-1 */
  readonly exporterName: string
  /** Fixed for life; 0 and odd sizes are allowed. @rule BUF-7 */
  readonly lengthBytes: number
  readonly ops: ExporterOps
  /** The inode of the memory behind it, where it has one; otherwise a number never used before. @rule BUF-12 */
  readonly inode?: bigint
  readonly name?: string
}

let inodes = 0n

/**
 * The buffer itself: what all handles, brackets and loans refer to and keep alive. Counted as the
 * kernel counts files; the last reference releases the memory.
 *
 * @kernel dma_buf
 * @rule BUF-10, BUF-20, BUF-23
 */
export class BufferObject {
  readonly exporterName: string
  readonly lengthBytes: number
  readonly inode: bigint
  readonly ops: ExporterOps
  name: string | undefined
  #references = 0

  constructor(info: ExportInfo) {
    this.exporterName = info.exporterName
    this.lengthBytes = info.lengthBytes
    this.ops = info.ops
    this.inode = info.inode ?? ++inodes
    this.name = info.name
  }

  get(): void {
    this.#references++
  }

  put(): void {
    if (--this.#references === 0) this.ops.release()
  }
}
