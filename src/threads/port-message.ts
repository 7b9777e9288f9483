import { DmaBufError } from '../core/errors.js'
import { MAX_BUFFERS, MAX_CONSUMERS } from '../interprocess/queue-page.js'
import type { MemoryEntry, PortMessage, Side } from './memory-port.js'

type Fields = Readonly<Record<string, unknown>>

/** Who a message of each type is for, and whether its fields are what they should be. */
const CHECKS: Readonly<Record<string, { to?: Side; isRight: (fields: Fields) => boolean }>> = {
  gone: { isRight: ({ to }) => to === undefined },
  goodbye: { isRight: ({ errno, reason }) => isInteger(errno, 0) && typeof reason === 'string' },
  join: {
    to: 'producer',
    isRight: ({ mode, maxHeld }) =>
      (mode === 'fifo' || mode === 'latest') && isInteger(maxHeld, 1, MAX_BUFFERS - 2),
  },
  welcome: {
    to: 'consumer',
    isRight: ({ consumerIndex, slotCount, firstTicket, entries }) =>
      isInteger(consumerIndex, 0, MAX_CONSUMERS - 1) &&
      isInteger(slotCount, 2, MAX_BUFFERS) &&
      isInteger(firstTicket, 1) &&
      isEntries(entries),
  },
  buffers: { to: 'consumer', isRight: ({ entries }) => isEntries(entries) },
}

/**
 * What came over a port's channel, where whoever has the port may post anything.
 *
 * @returns undefined where it is for the other side
 * @throws {DmaBufError} EPROTO where it is no message
 */
export function decodePortMessage(data: unknown, side: Side): PortMessage | undefined {
  const fields = (typeof data === 'object' ? (data ?? {}) : {}) as Fields
  const { to, type } = fields
  if (to === (side === 'producer' ? 'consumer' : 'producer')) return undefined
  const check = Object.hasOwn(CHECKS, String(type)) ? CHECKS[String(type)] : undefined
  const isForUs = type === 'gone' || (to === side && (check?.to ?? side) === side)
  if (check === undefined || !isForUs || !check.isRight(fields))
    throw new DmaBufError('EPROTO', 'port', 'Somebody posted what is no message of a port')
  return fields as PortMessage
}

function isInteger(value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most
}

function isEntries(entries: unknown): boolean {
  return Array.isArray(entries) && entries.length <= MAX_BUFFERS && entries.every(isEntry)
}

function isEntry(entry: unknown): boolean {
  if (typeof entry !== 'object' || entry === null) return false
  const { slot, serial, lengthBytes, memory } = entry as Partial<MemoryEntry>
  if (!isInteger(slot, 0, MAX_BUFFERS - 1) || !isInteger(serial, 0)) return false
  return memory === -1 ? lengthBytes === 0 : isInteger(memory, 0) && isInteger(lengthBytes, 1)
}
