import type { DmaBuf } from '../../core/buffer/buffer.js'
import { DmaBufError } from '../../core/errors.js'
import type { Heap } from '../../core/heap/heap.js'
import { importFd } from '../../linux/buffer-fd.js'
import { isKernelBuffer } from '../../linux/kernel-buffer.js'
import { fdOf } from '../../linux/memory-of-fd.js'
import type { BufferQueue, PieceOfMemory } from './buffer-queue.js'

/** The memory of one buffer of a driver's queue: a dma-buf for each piece. */
export type BufferPieces = readonly DmaBuf[]

/**
 * The driver's own buffers as dma-bufs.
 *
 * @returns one for each buffer that the driver made; close all
 * @throws {DmaBufError} what request() and export() of the queue throw
 */
export function exportedBuffers(
  queue: BufferQueue,
  wanted: { readonly count: number; readonly pieceLengths: readonly number[] },
): BufferPieces[] {
  const granted = queue.request('export', wanted.count)
  return make(granted, wanted.pieceLengths, (index, piece) =>
    importFd(queue.export(index, piece), { access: 'readwrite' }),
  )
}

/**
 * Buffers of a heap for the driver to fill.
 *
 * @returns one for each that the driver will take; close all
 * @throws {DmaBufError} EINVAL where the heap's memory is no dma-buf, or the driver takes none; ENOMEM
 */
export function importedBuffers(
  queue: BufferQueue,
  wanted: { readonly count: number; readonly pieceLengths: readonly number[]; readonly heap: Heap },
): BufferPieces[] {
  const { heap, count } = wanted
  const granted = queue.request('import', count)
  return make(granted, wanted.pieceLengths, (_index, _piece, lengthBytes) => {
    const buffer = heap.allocate(lengthBytes, { name: 'capture' })
    try {
      importedPiece(buffer)
      return buffer
    } catch (error) {
      buffer.close()
      throw error
    }
  })
}

/** Buffers of a heap to copy pictures to: so many, close all. @throws {DmaBufError} ENOMEM */
export function heapBuffers(
  heap: Heap,
  wanted: { readonly count: number; readonly pieceLengths: readonly number[] },
): BufferPieces[] {
  return make(wanted.count, wanted.pieceLengths, (_index, _piece, lengthBytes) =>
    heap.allocate(lengthBytes, { name: 'capture' }),
  )
}

/** What the driver has to know of a buffer. @throws {DmaBufError} EINVAL where it is no dma-buf of the kernel */
export function importedPiece(buffer: DmaBuf): PieceOfMemory {
  const fd = fdOf(buffer, 'capture')
  if (isKernelBuffer(fd)) return { fd: fd.number, lengthBytes: buffer.lengthBytes }
  throw new DmaBufError(
    'EINVAL',
    'capture',
    `No device can fill a buffer of ${buffer.exporterName}: take one of openHeap({ need: 'device' })`,
  )
}

/** What the driver has to know of a buffer that is its own. */
export function driverPiece({ lengthBytes }: DmaBuf): PieceOfMemory {
  return { fd: -1, lengthBytes }
}

function make(
  count: number,
  pieceLengths: readonly number[],
  one: (index: number, piece: number, lengthBytes: number) => DmaBuf,
): BufferPieces[] {
  const all: DmaBuf[][] = []
  try {
    for (let index = 0; index < count; index++) {
      const pieces: DmaBuf[] = []
      all.push(pieces)
      for (const [piece, lengthBytes] of pieceLengths.entries())
        pieces.push(one(index, piece, lengthBytes))
    }
    return all
  } catch (error) {
    for (const buffer of all.flat()) buffer.close()
    throw error
  }
}
