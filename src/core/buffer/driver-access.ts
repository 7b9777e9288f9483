import type { CpuAccessOptions } from './access.js'
import { bufferObject, type DmaBuf } from './buffer.js'
import { beginSync, endSync } from './cpu-sync.js'
import type { Direction } from './device.js'

/**
 * Begins CPU access without a bracket: for drivers, which pair it with endCpuAccess() themselves.
 *
 * @kernel dma_buf_begin_cpu_access
 * @rule CPU-1, CPU-2, CPU-3, API-1
 * @throws {DmaBufError} EINVAL without a buffer, EBADF for a closed handle, what the exporter says; ETIMEDOUT; the
 *   reason of an aborted signal. As rejections
 */
export async function beginCpuAccess(
  buffer: DmaBuf | null | undefined,
  direction: Direction,
  options?: CpuAccessOptions,
): Promise<void> {
  if (!buffer) return beginSync(undefined, direction)
  const object = bufferObject(buffer, 'beginCpuAccess')
  object.get()
  try {
    await beginSync(object, direction, options)
  } finally {
    object.put()
  }
}

/**
 * Ends what beginCpuAccess() began. Never waits.
 *
 * @kernel dma_buf_end_cpu_access
 * @rule CPU-6, CPU-7, API-1
 * @throws {DmaBufError} EINVAL without a buffer, EBADF for a closed handle, what the exporter says
 */
export function endCpuAccess(buffer: DmaBuf | null | undefined, direction: Direction): void {
  endSync(buffer ? bufferObject(buffer, 'endCpuAccess') : undefined, direction)
}
