import { bug, DmaBufError } from '../errors.js'
import { segmentProblem } from './constraints.js'
import type { Device, Direction } from './device.js'
import { PAGE_BYTES } from './page.js'
import type { SgTable } from './sg-table.js'

/**
 * Fills the DMA side of a table for a device that sees physical addresses as they are, with neighbours
 * joined where the device allows it.
 *
 * For exporters, in their map op.
 *
 * @kernel dma_map_sgtable
 * @rule SG-1, SG-2, SG-6, ATT-24
 * @throws {DmaBufError} EIO for memory that the device does not reach, EINVAL for segments it cannot take;
 * ERR_DMABUF_BUG for a direction that is none
 */
export function mapForDma(table: SgTable, device: Device, direction: Direction): void {
  checkDirection(direction, 'mapForDma')
  const { maxSegmentBytes = Infinity, boundaryBytes = Infinity } = device.constraints ?? {}
  let count = 0
  let address = 0
  let lengthBytes = 0
  for (const { pageFrame, offset, lengthBytes: size } of table) {
    const start = pageFrame * PAGE_BYTES + offset
    const joins =
      lengthBytes > 0 &&
      address + lengthBytes === start &&
      lengthBytes + size <= maxSegmentBytes &&
      Math.floor(address / boundaryBytes) === Math.floor((start + size - 1) / boundaryBytes)
    if (joins) lengthBytes += size
    else {
      if (lengthBytes > 0) setDma(table, count++, address, lengthBytes)
      address = start
      lengthBytes = size
    }
  }
  setDma(table, count++, address, lengthBytes)
  table.setDmaEntries(count)
  const problem = segmentProblem(table.segments, device.constraints)
  if (problem === undefined) return
  unmapForDma(table, device, direction)
  const code = problem.constraint === 'addressMask' ? 'EIO' : 'EINVAL'
  throw new DmaBufError(code, 'mapForDma', `${device.name} cannot take ${problem.text}`, {
    rule: 'ATT-24',
  })
}

/**
 * Forgets the DMA side of the whole table, joined or not: every entry of the CPU side is walked.
 *
 * @kernel dma_unmap_sgtable
 * @rule SG-3
 */
export function unmapForDma(table: SgTable, _device: Device, direction: Direction): void {
  checkDirection(direction, 'unmapForDma')
  for (const entry of table) {
    entry.dmaAddress = 0
    entry.dmaLengthBytes = 0
  }
  table.setDmaEntries(table.origNents)
}

function setDma(table: SgTable, index: number, address: number, lengthBytes: number): void {
  const entry = table.entry(index)
  entry.dmaAddress = address
  entry.dmaLengthBytes = lengthBytes
}

function checkDirection(direction: Direction, operation: string): void {
  if (direction === 'bidirectional' || direction === 'to-device' || direction === 'from-device')
    return
  bug('ATT-24', operation, `No direction to map for: ${String(direction)}`)
}
