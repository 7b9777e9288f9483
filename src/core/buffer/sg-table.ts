import { DmaBufError } from '../errors.js'
import { PAGE_BYTES } from './page.js'

/** Bit 0 of a page link: this entry only points at the next chunk. @kernel SG_CHAIN @rule SG-4 */
export const LINK_CHAIN = 1
/** Bit 1 of a page link: the last entry. @kernel SG_END @rule SG-4 */
export const LINK_END = 2

/** Entries that fit a page of 4096 bytes, 32 bytes each. @kernel SG_MAX_SINGLE_ALLOC @rule SG-4 */
export const ENTRIES_PER_CHUNK = 128

/** A page frame's link is its number times this, as though each frame had a descriptor of so many bytes. */
const DESCRIPTOR_BYTES = 64
/** Low bits of a link that mangling leaves alone. */
const KEPT = 256
/** All bits of a link above those; links have 53 bits here, not 64. */
const FLIPPED = 2 ** 53 - KEPT

/** A run of bytes as a device sees it. */
export interface Segment {
  /** DMA address, bytes. */
  readonly address: number
  readonly lengthBytes: number
}

/**
 * One slot of a table: a CPU side and a DMA side, which describe different splits of the same memory once
 * the table is mapped.
 *
 * @kernel scatterlist
 * @rule SG-2
 */
export class SgEntry {
  /** Which page frame, with LINK_CHAIN and LINK_END in its low bits; scrambled while mangled. @rule PORT-10 */
  pageLink: number
  /** Bytes into that page. */
  offset: number
  lengthBytes: number
  /** Meaningful for the first `nents` entries of a mapped table only. */
  dmaAddress = 0
  dmaLengthBytes = 0

  constructor(pageLink: number, offset: number, lengthBytes: number) {
    this.pageLink = pageLink
    this.offset = offset
    this.lengthBytes = lengthBytes
  }

  /** Number of the page frame; nonsense while the table is mangled. @kernel sg_page */
  get pageFrame(): number {
    return Math.floor(this.pageLink / DESCRIPTOR_BYTES)
  }

  get isChain(): boolean {
    return this.pageLink % 2 === 1
  }

  get isLast(): boolean {
    return this.pageLink % 4 >= 2
  }
}

/** How a table is built from pages. */
export interface PagesOptions {
  /** Where the buffer begins in the first page; 0 where absent. */
  readonly offsetBytes?: number
  /** All the pages where absent. */
  readonly lengthBytes?: number
  /** False: an entry for each page. @rule SG-5 */
  readonly merge?: boolean
  /** Entries are not merged beyond this; whole pages. */
  readonly maxSegmentBytes?: number
}

/**
 * What an exporter hands out for a mapping: where a buffer's memory is, piece by piece, in order.
 *
 * Importers read `segments` and nothing else: the CPU side is the exporter's.
 *
 * @kernel sg_table
 * @rule SG-1, SG-3, SG-6, SG-7
 */
export class SgTable {
  /** Entries of the CPU side; fixed when the table is built. @rule SG-1 */
  readonly origNents: number
  /** Entries of the DMA side; the same until the table is mapped for a device. @rule SG-1 */
  nents: number
  /** The exporter's own. */
  private: unknown = undefined
  /** @internal The attachment whose importer has it. */
  holder: object | undefined = undefined
  /** @internal Whether the exporter's memory is pinned for it. @rule ATT-14 */
  pinned = false
  /** @internal Whether its links are scrambled. @rule ATT-19 */
  mangled = false
  readonly #chunks: readonly (readonly SgEntry[])[]
  #segments: readonly Segment[] | undefined

  private constructor(entries: readonly SgEntry[]) {
    const last = entries.at(-1)
    if (last === undefined)
      throw new DmaBufError('EINVAL', 'SgTable', 'A table needs at least one entry', {
        rule: 'SG-4',
      })
    last.pageLink += LINK_END
    this.origNents = entries.length
    this.nents = entries.length
    this.#chunks = chunksOf(entries)
  }

  /**
   * A table of page frames, in the order of the buffer.
   *
   * @kernel sg_alloc_table_from_pages
   * @rule SG-4, SG-5
   * @throws {DmaBufError} EINVAL for no pages, or pages that do not hold offset and length
   */
  static fromPages(pageFrames: readonly number[], options: PagesOptions = {}): SgTable {
    const { offsetBytes = 0, merge = true, maxSegmentBytes = Infinity } = options
    const { lengthBytes = pageFrames.length * PAGE_BYTES - offsetBytes } = options
    checkPages(pageFrames.length, offsetBytes, lengthBytes)
    const entries: SgEntry[] = []
    let left = lengthBytes
    let start = 0
    while (left > 0) {
      let end = start + 1
      while (
        merge &&
        pageFrames[end] === pageFrames[end - 1]! + 1 &&
        (end + 1 - start) * PAGE_BYTES <= maxSegmentBytes
      )
        end++
      const offset = start === 0 ? offsetBytes : 0
      const size = Math.min(left, (end - start) * PAGE_BYTES - offset)
      entries.push(new SgEntry(pageFrames[start]! * DESCRIPTOR_BYTES, offset, size))
      left -= size
      start = end
    }
    return new SgTable(entries)
  }

  /**
   * A table with one entry for each run of memory.
   *
   * @rule SG-4
   * @param runs - addresses and lengths in bytes; addresses may lie inside a page
   * @throws {DmaBufError} EINVAL for none
   */
  static fromRuns(runs: readonly Segment[]): SgTable {
    const entries = new Array<SgEntry>(runs.length)
    for (let index = 0; index < runs.length; index++) {
      const { address, lengthBytes } = runs[index]!
      const offset = address % PAGE_BYTES
      const link = ((address - offset) / PAGE_BYTES) * DESCRIPTOR_BYTES
      entries[index] = new SgEntry(link, offset, lengthBytes)
    }
    return new SgTable(entries)
  }

  /** Pages' worth of slots: in each but the last, the last slot points at the next chunk. @rule SG-4 */
  get chunks(): readonly (readonly SgEntry[])[] {
    return this.#chunks
  }

  /** The entries of the CPU side, following the chain to the entry marked last. @rule SG-3 */
  *[Symbol.iterator](): Generator<SgEntry, void> {
    for (const chunk of this.#chunks)
      for (const entry of chunk) {
        if (entry.isChain) break
        yield entry
        if (entry.isLast) return
      }
  }

  /** The entry at an index of either side, from 0 below origNents. */
  entry(index: number): SgEntry {
    if (!Number.isInteger(index) || index < 0 || index >= this.origNents)
      throw new RangeError(`No such entry: index=${index} origNents=${this.origNents}`)
    const chunk = Math.min(Math.floor(index / (ENTRIES_PER_CHUNK - 1)), this.#chunks.length - 1)
    return this.#chunks[chunk]![index - chunk * (ENTRIES_PER_CHUNK - 1)]!
  }

  /** The DMA side: what a device reads and writes, in the order of the buffer. @rule SG-3, SG-6 */
  get segments(): readonly Segment[] {
    if (this.#segments !== undefined) return this.#segments
    const segments: Segment[] = []
    for (let index = 0; index < this.nents; index++) {
      const { dmaAddress, dmaLengthBytes } = this.entry(index)
      segments.push({ address: dmaAddress, lengthBytes: dmaLengthBytes })
    }
    return (this.#segments = segments)
  }

  /** Fills the DMA side; at most as many segments as there are entries. @rule SG-1 */
  setSegments(segments: readonly Segment[]): void {
    for (let index = 0; index < segments.length; index++) {
      const { address, lengthBytes } = segments[index]!
      const entry = this.entry(index)
      entry.dmaAddress = address
      entry.dmaLengthBytes = lengthBytes
    }
    this.nents = segments.length
    this.#segments = segments
  }

  /** Forgets the DMA side of all entries. @rule SG-3 */
  clearSegments(): void {
    for (let index = 0; index < this.origNents; index++) {
      const entry = this.entry(index)
      entry.dmaAddress = 0
      entry.dmaLengthBytes = 0
    }
    this.nents = this.origNents
    this.#segments = undefined
  }
}

/**
 * Scrambles the CPU side of a table, or puts it in order again: every link XORed with ones above its low 8
 * bits. Chain and end marks, and the DMA side, stay as they are.
 *
 * @kernel mangle_sg_table
 * @rule ATT-19, PORT-10
 */
export function mangleLinks(table: SgTable): void {
  for (const entry of table) {
    const low = entry.pageLink % KEPT
    entry.pageLink = FLIPPED - (entry.pageLink - low) + low
  }
}

function chunksOf(entries: readonly SgEntry[]): readonly (readonly SgEntry[])[] {
  const chunks: SgEntry[][] = []
  let start = 0
  while (entries.length - start > ENTRIES_PER_CHUNK) {
    const chunk = entries.slice(start, start + ENTRIES_PER_CHUNK - 1)
    start += chunk.length
    chunk.push(new SgEntry((chunks.length + 1) * DESCRIPTOR_BYTES + LINK_CHAIN, 0, 0))
    chunks.push(chunk)
  }
  chunks.push(entries.slice(start))
  return chunks
}

function checkPages(pageCount: number, offsetBytes: number, lengthBytes: number): void {
  const fits = offsetBytes >= 0 && offsetBytes + lengthBytes <= pageCount * PAGE_BYTES
  if (lengthBytes > 0 && offsetBytes < PAGE_BYTES && fits) return
  throw new DmaBufError(
    'EINVAL',
    'SgTable.fromPages',
    `Pages must hold the bytes: pages=${pageCount} offset=${offsetBytes} length=${lengthBytes}`,
    { rule: 'SG-4' },
  )
}
