import { DmaBufError } from '../errors.js'
import { Reservation } from '../reservation/reservation.js'
import { warn } from '../warn.js'
import { checkName } from './buffer-name.js'
import type { ExportInfo } from './buffer-object.js'

/**
 * Refuses what cannot become a buffer, in the order of the kernel's checks. Takes nothing.
 *
 * @kernel dma_buf_export
 * @rule BUF-2, BUF-3, BUF-4, BUF-7, BUF-11
 * @throws {DmaBufError} EINVAL; RangeError for a length that is none
 */
export function checkExport<P>(info: ExportInfo<P>): void {
  const { exporterName, lengthBytes, ops, state, name, reservation } = info
  // Falsy, as the kernel's null is: a state of 0 would be lost there.
  if (!state) refuse('BUF-2', 'Exporter needs a state')
  if (typeof ops !== 'object' || ops === null) refuse('BUF-2', 'Exporter needs ops')
  for (const op of ['map', 'unmap', 'release'] as const)
    if (typeof ops[op] !== 'function')
      refuse('BUF-2', `Exporter needs map, unmap and release: ${op}`)
  const pins = ops.pin !== undefined
  const unpins = ops.unpin !== undefined
  if (ops.cachesMappings === true && (pins || unpins))
    refuse('BUF-3', 'Memory that moves cannot have cached mappings: pin and cachesMappings')
  if (pins !== unpins) refuse('BUF-4', 'pin and unpin come together')
  if (typeof exporterName !== 'string')
    throw new DmaBufError('EINVAL', 'exportBuffer', 'Exporter needs a name', { rule: 'BUF-11' })
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 0)
    throw new RangeError(`lengthBytes must be a safe integer from 0: ${lengthBytes}`)
  if (reservation !== undefined && !(reservation instanceof Reservation))
    throw new TypeError('Reservation must be one of this package')
  if (name !== undefined) checkName(name, 'exportBuffer')
}

function refuse(rule: string, message: string): never {
  warn({ rule, message })
  throw new DmaBufError('EINVAL', 'exportBuffer', message, { rule })
}
