import { bug, DmaBufError } from '../errors.js'
import { segmentProblem } from './constraints.js'
import type { Device, DeviceConstraints, Direction } from './device.js'
import { PAGE_BYTES } from './page.js'
import type { Segment, SgTable } from './sg-table.js'

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
  const { constraints } = device
  const segments = joinRuns(runsOf(table), constraints)
  const problem = segmentProblem(segments, constraints)
  if (problem !== undefined) {
    const code = problem.constraint === 'addressMask' ? 'EIO' : 'EINVAL'
    const message = `${device.name} cannot take ${problem.text}`
    throw new DmaBufError(code, 'mapForDma', message, { rule: 'ATT-24' })
  }
  table.setSegments(segments)
}

/**
 * Runs of memory with neighbours joined, where a device allows it.
 *
 * @rule SG-1
 */
export function joinRuns(
  runs: readonly Segment[],
  constraints: DeviceConstraints = NO_CONSTRAINTS,
): readonly Segment[] {
  const [first] = runs
  if (first === undefined) return runs
  const { maxSegmentBytes = Infinity, boundaryBytes = Infinity } = constraints
  const segments: Segment[] = []
  let { address, lengthBytes } = first
  for (let index = 1; index < runs.length; index++) {
    const { address: start, lengthBytes: size } = runs[index]!
    const joins =
      address + lengthBytes === start &&
      lengthBytes + size <= maxSegmentBytes &&
      Math.floor(address / boundaryBytes) === Math.floor((start + size - 1) / boundaryBytes)
    if (joins) lengthBytes += size
    else {
      segments.push({ address, lengthBytes })
      address = start
      lengthBytes = size
    }
  }
  segments.push({ address, lengthBytes })
  return segments
}

/**
 * Forgets the DMA side of the whole table, joined or not: every entry of the CPU side is walked.
 *
 * @kernel dma_unmap_sgtable
 * @rule SG-3
 */
export function unmapForDma(table: SgTable, _device: Device, direction: Direction): void {
  checkDirection(direction, 'unmapForDma')
  table.clearSegments()
}

const NO_CONSTRAINTS: DeviceConstraints = {}

function runsOf(table: SgTable): readonly Segment[] {
  const runs = new Array<Segment>(table.origNents)
  for (let index = 0; index < runs.length; index++) {
    const { pageFrame, offset, lengthBytes } = table.entry(index)
    runs[index] = { address: pageFrame * PAGE_BYTES + offset, lengthBytes }
  }
  return runs
}

function checkDirection(direction: Direction, operation: string): void {
  if (direction === 'bidirectional' || direction === 'to-device' || direction === 'from-device')
    return
  bug('ATT-24', operation, `No direction to map for: ${String(direction)}`)
}
