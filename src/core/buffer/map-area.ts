import { DmaBufError } from '../errors.js'
import { warn } from '../warn.js'
import { bufferObject, type DmaBuf } from './buffer.js'
import type { BufferObject } from './buffer-object.js'
import { PAGE_BYTES } from './page.js'

/** Something that a mapping keeps open. */
export interface MappedFile {
  /** Drops the reference that the mapping held. */
  close(): void
}

/**
 * A range of an address space that shows a file, as mmap ops get it. They may change what it shows.
 *
 * @kernel vm_area_struct
 * @rule BUF-33, BUF-34
 */
export interface MapArea {
  readonly pageCount: number
  /** First page of the file that is shown. */
  pageOffset: number
  /** What is shown; the area owns a reference on it. */
  file: MappedFile | undefined
}

/**
 * Maps a buffer where an importer's own file was to be mapped: the area shows the buffer from then on, even
 * where the exporter's op fails.
 *
 * @kernel dma_buf_mmap
 * @rule BUF-33, BUF-34, PROP-6
 * @param pageOffset - relative to the buffer
 * @throws {DmaBufError} EINVAL where the exporter has no mmap, or out of bounds; EOVERFLOW where the range wraps;
 *   what the exporter says
 */
export function mmapBuffer(buffer: DmaBuf, area: MapArea, pageOffset: number): void {
  if ((buffer as DmaBuf | undefined) === undefined || (area as MapArea | undefined) === undefined) {
    const message = 'mmapBuffer needs a buffer and an area'
    warn({ rule: 'BUF-33', message })
    throw new DmaBufError('EINVAL', 'mmap', message, { rule: 'BUF-33' })
  }
  const object = bufferObject(buffer, 'mmap')
  checkMappable(object, area.pageCount, pageOffset, 'BUF-33')
  const file = buffer.dup()
  area.file?.close()
  area.file = file
  area.pageOffset = pageOffset
  object.ops.mmap?.(area, object.state)
}

/** Pages are counted in unsigned longs: a range that passes their end has wrapped. */
const MAX_PAGES = 2 ** 64

/** Throws where a range of pages cannot be mapped. @internal @rule BUF-31, BUF-32, BUF-33, BUF-36 */
export function checkMappable(
  object: BufferObject,
  pageCount: number,
  pageOffset: number,
  rule: 'BUF-31' | 'BUF-33',
): void {
  if (object.ops.mmap === undefined)
    throw new DmaBufError('EINVAL', 'mmap', `${object.exporterName} cannot be mapped`, { rule })
  if (rule === 'BUF-33' && pageOffset + pageCount >= MAX_PAGES)
    throw new DmaBufError('EOVERFLOW', 'mmap', 'The range wraps', { rule })
  const pages = Math.floor(object.lengthBytes / PAGE_BYTES)
  if (pageOffset + pageCount <= pages) return
  const range = `pages ${pageOffset} to ${pageOffset + pageCount} of ${pages}`
  throw new DmaBufError('EINVAL', 'mmap', `Range is outside the buffer: ${range}`, { rule })
}
