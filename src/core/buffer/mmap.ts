import { DmaBufError } from '../errors.js'
import { warn } from '../warn.js'
import { bufferObject, type DmaBuf } from './buffer.js'
import type { BufferObject } from './buffer-object.js'
import type { MapArea } from './map-area.js'
import { PAGE_BYTES } from './page.js'

/**
 * Lets the exporter put a buffer's pages into an area that a program maps of the buffer's own file.
 *
 * The pages are not coherent with devices: accesses need their brackets.
 *
 * @kernel dma_buf_mmap_internal
 * @rule BUF-31, BUF-32, BUF-34, BUF-35, BUF-36
 * @param object - kept alive by the area, which holds a reference
 * @throws {DmaBufError} EINVAL where the exporter has no mmap, and beyond the whole pages of the buffer; what the
 *   exporter says
 */
export async function mapFile(object: BufferObject, area: MapArea): Promise<void> {
  checkOp(object)
  checkBounds(object, area.pageOffset, area.pageCount)
  await object.ops.mmap!(area, object.state)
}

/**
 * Lets an importer serve the mapping of its own device with the pages of a buffer: the area is pointed at the
 * buffer, and stays so if the exporter fails.
 *
 * @kernel dma_buf_mmap
 * @rule BUF-33, BUF-34
 * @param pageOffset - where the area begins in the buffer, pages
 * @throws {DmaBufError} EINVAL without a buffer or an area, and where the exporter has no mmap; EOVERFLOW and EINVAL
 *   for pages that the buffer has not; what the exporter says. As rejections
 */
export async function mmapBuffer(
  buffer: DmaBuf | null | undefined,
  area: MapArea | null | undefined,
  pageOffset: number,
): Promise<void> {
  if (!buffer || !area) refuse('A buffer and an area are needed')
  const object = bufferObject(buffer, 'mmap')
  checkOp(object)
  if (!Number.isInteger(pageOffset) || pageOffset < 0)
    throw new RangeError(`pageOffset must be an integer from 0: ${pageOffset}`)
  // Of exact numbers, where the kernel has 64 bits.
  if (!Number.isSafeInteger(pageOffset + area.pageCount))
    throw new DmaBufError('EOVERFLOW', 'mmap', `Pages wrap: ${pageOffset} + ${area.pageCount}`, {
      rule: 'BUF-33',
    })
  checkBounds(object, pageOffset, area.pageCount)
  area.setFile(object)
  area.pageOffset = pageOffset
  await object.ops.mmap!(area, object.state)
}

function checkOp({ ops, exporterName }: BufferObject): void {
  if (ops.mmap !== undefined) return
  throw new DmaBufError('EINVAL', 'mmap', `Buffers of ${exporterName} cannot be mapped`, {
    rule: 'BUF-31',
  })
}

function checkBounds({ lengthBytes }: BufferObject, pageOffset: number, pageCount: number): void {
  const most = Math.floor(lengthBytes / PAGE_BYTES)
  if (pageOffset + pageCount <= most) return
  const wanted = `${pageCount} from ${pageOffset}`
  throw new DmaBufError('EINVAL', 'mmap', `Buffer has ${most} whole pages: ${wanted} wanted`, {
    rule: 'BUF-32',
  })
}

function refuse(message: string): never {
  warn({ rule: 'BUF-33', message: `mmap refused: ${message}` })
  throw new DmaBufError('EINVAL', 'mmap', message, { rule: 'BUF-33' })
}
