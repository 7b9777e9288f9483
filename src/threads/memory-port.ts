import type { FramePort } from '../frames/frame-port.js'
import type { JoinMessage, BufferEntry } from '../interprocess/queue-message.js'
import { CONSUMER_PAGE_BYTES, queuePageBytes } from '../interprocess/queue-page.js'

/** A port as it is posted: shared memory, and the name of the channel for the few words to be said. */
export interface MemoryPort extends FramePort {
  readonly kind: 'memory'
  readonly name: string
  /** A PortClaim. */
  readonly claim: SharedArrayBuffer
  /** The two bells, at BELL_WORDS. */
  readonly bells: SharedArrayBuffer
  /** The queue's page, and the page that is its opener's. */
  readonly queue: SharedArrayBuffer
  readonly own: SharedArrayBuffer
  /** All memory that frames may ever be in. */
  readonly memories: readonly SharedArrayBuffer[]
}

/** Which end of a port somebody is. */
export type Side = 'producer' | 'consumer'

/** The word of each side's bell, which the other side rings; far enough from each other for two cache lines. */
export const BELL_WORDS: Readonly<Record<Side, number>> = { producer: 0, consumer: 32 }

/** Bytes of both. */
export const BELL_BYTES = 256

/** What memory a slot has now: which of the port's. */
export interface MemoryEntry extends BufferEntry {
  /** Index into `memories`; -1 where the slot has none. */
  readonly memory: number
}

/** What is said over a port's channel, by its type; `to`: who is meant, both where absent. */
export type PortMessage =
  | ({ readonly to: 'producer'; readonly type: 'join' } & JoinMessage)
  | {
      readonly to: 'consumer'
      readonly type: 'welcome'
      readonly consumerIndex: number
      readonly slotCount: number
      readonly firstTicket: number
      readonly entries: readonly MemoryEntry[]
    }
  | { readonly to: 'consumer'; readonly type: 'buffers'; readonly entries: readonly MemoryEntry[] }
  | {
      readonly to: Side
      readonly type: 'goodbye'
      /** 0: a clean end. */
      readonly errno: number
      readonly reason: string
    }
  | { readonly to: undefined; readonly type: 'gone' }

/** Throws unless a port has all that one of its kind has, of the right size. @throws {TypeError} */
export function checkMemoryPort({ name, claim, bells, queue, own, memories }: MemoryPort): void {
  const isPort =
    typeof name === 'string' &&
    isShared(claim, 4) &&
    isShared(bells, BELL_BYTES) &&
    isShared(queue, queuePageBytes(2)) &&
    isShared(own, CONSUMER_PAGE_BYTES) &&
    Array.isArray(memories) &&
    memories.every((memory) => isShared(memory, 1))
  if (!isPort) throw new TypeError('Open what queue.port() returned, as it arrived in a message')
}

// Pages are words.
function isShared(memory: unknown, least: number): boolean {
  if (!(memory instanceof SharedArrayBuffer)) return false
  return memory.byteLength >= least && (least < 4 || memory.byteLength % 4 === 0)
}

/** Whether a value is such a port. */
export function isMemoryPort(port: FramePort): port is MemoryPort {
  return (port as Partial<MemoryPort>).kind === 'memory'
}
