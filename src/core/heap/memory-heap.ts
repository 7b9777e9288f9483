import { bufferObject, exportBuffer, type DmaBuf } from '../buffer/buffer.js'
import type { ExporterOps } from '../buffer/exporter.js'
import { PAGE_BYTES, roundUp } from '../buffer/page.js'
import { DmaBufError } from '../errors.js'
import type { Held } from '../reservation/held.js'
import { HeapBytes } from './heap-bytes.js'
import type { Heap } from './heap.js'
import type { PageFrames } from './page-frames.js'
import { systemFrames } from './page-frames.js'
import { PlacedMemory } from './placed-memory.js'

/** What a memory heap can be told. */
export interface MemoryHeapOptions {
  /** Exporter name of its buffers; `memory` where absent. @rule HEAP-11 */
  readonly name?: string
  /** SharedArrayBuffers, which workers can have: see sharedMemoryOf(). */
  readonly shared?: boolean
  /** Whether buffers move while importers with moveNotify have them mapped: a dynamic exporter. @rule C-3, ATT-32 */
  readonly movable?: boolean
  /** The longest buffer, bytes; no limit but the page frames where absent. */
  readonly maxLengthBytes?: number
  /** Where devices see the memory; `systemFrames` where absent. */
  readonly frames?: PageFrames
}

/**
 * A heap of plain JavaScript memory, for any runtime: no other process sees it, and devices of this process
 * reach it through simulated page frames.
 */
export function openMemoryHeap(options: MemoryHeapOptions = {}): Heap {
  const { name = 'memory', shared = false, movable = false, frames = systemFrames } = options
  const { maxLengthBytes = Number.MAX_SAFE_INTEGER - PAGE_BYTES } = options
  const ops = movable ? MOVABLE_OPS : FIXED_OPS
  return {
    kind: 'memory',
    name,
    losses: lossesOf(shared),
    allocate(lengthBytes, { name: bufferName, flags } = {}): DmaBuf {
      if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 1)
        throw new RangeError(`lengthBytes must be a safe integer from 1: ${lengthBytes}`)
      if (lengthBytes > maxLengthBytes)
        throw new DmaBufError('ENOMEM', 'allocate', `More than ${maxLengthBytes} bytes`)
      const rounded = roundUp(lengthBytes, PAGE_BYTES)
      const state = new HeapMemory(rounded, shared, frames)
      if (movable) state.placed.allowMoves()
      try {
        const exported = { exporterName: name, lengthBytes: rounded, ops, state }
        return exportBuffer({ ...exported, name: bufferName, flags })
      } catch (error) {
        state.placed.release()
        throw error
      }
    },
    close() {},
    [Symbol.dispose]() {},
  }
}

/**
 * The memory of a buffer of a shared memory heap, to post to a worker. Borrowed: keep a handle meanwhile.
 *
 * @throws {DmaBufError} EBADF after close(), EINVAL for any other buffer
 */
export function sharedMemoryOf(buffer: DmaBuf): SharedArrayBuffer {
  const { state } = bufferObject(buffer, 'sharedMemoryOf')
  const memory = state instanceof HeapMemory ? state.bytes.memory : undefined
  if (memory instanceof ArrayBuffer || memory === undefined)
    throw new DmaBufError(
      'EINVAL',
      'sharedMemoryOf',
      `Memory of ${buffer.exporterName} is not shared`,
    )
  return memory
}

/**
 * Moves a buffer of a movable memory heap to other page frames, after telling its importers.
 *
 * @rule ATT-29, ATT-32
 * @requires the buffer's lock
 * @throws {DmaBufError} EBADF after close(), EINVAL for any other buffer, EBUSY while it is pinned, ENOMEM
 */
export function moveMemory(buffer: DmaBuf, held: Held): void {
  const object = bufferObject(buffer, 'moveMemory')
  if (!(object.state instanceof HeapMemory))
    throw new DmaBufError('EINVAL', 'moveMemory', `Memory of ${buffer.exporterName} does not move`)
  object.state.placed.move(object, held)
}

/** One buffer's memory: as the CPU sees it, and as devices do. */
class HeapMemory {
  readonly bytes: HeapBytes
  readonly placed: PlacedMemory

  constructor(lengthBytes: number, shared: boolean, frames: PageFrames) {
    this.bytes = new HeapBytes(lengthBytes, shared)
    this.placed = new PlacedMemory(frames, lengthBytes, this.bytes)
  }
}

const FIXED_OPS: ExporterOps<HeapMemory> = {
  attach: (attachment, { placed }) => placed.attach(attachment),
  map(attachment, direction, { placed, bytes }) {
    const table = placed.map(attachment, direction)
    // What a device may write now stays in its ArrayBuffer.
    bytes.hold()
    return table
  },
  unmap(attachment, table, direction, { placed, bytes }) {
    placed.unmap(attachment, table, direction)
    bytes.drop()
  },
  openView: (access, lifetime, lengthBytes, { bytes }) =>
    bytes.openView(access, lifetime, lengthBytes),
  vmap: ({ bytes }) => bytes.vmap(),
  vunmap: (_map, { bytes }) => bytes.drop(),
  mmap(area, { bytes }) {
    if (!area.isShared && area.pageCount > 1) throw privatePages(area.pageCount)
    // Nobody says when it ends: the memory stays in its ArrayBuffer, as for a loan.
    const view = bytes.openView('readwrite', 'loan', bytes.lengthBytes)
    const offset = area.pageOffset * PAGE_BYTES
    const pages = view.bytes.subarray(offset, offset + area.pageCount * PAGE_BYTES)
    // What is written through a private mapping, nobody else sees.
    area.bytes = area.isShared ? pages : pages.slice()
  },
  release: ({ placed }) => placed.release(),
}

const MOVABLE_OPS: ExporterOps<HeapMemory> = {
  ...FIXED_OPS,
  pin: (attachment, { placed }) => placed.pin(attachment),
  unpin: (_attachment, { placed }) => placed.unpin(),
}

/** @rule HEAP-16 */
function privatePages(pageCount: number): DmaBufError {
  const message = `A private mapping has one page at most: ${pageCount}. Map it shared`
  return new DmaBufError('EINVAL', 'mmap', message, { rule: 'HEAP-16' })
}

function lossesOf(shared: boolean): readonly string[] {
  const losses = [
    'No other process can map it, and no device of this machine: devices of this process only.',
  ]
  if (shared) losses.push('Some web APIs refuse shared memory, and ended views stay readable.')
  return losses
}
