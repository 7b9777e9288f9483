import type { DmaBufError } from '../core/errors.js'
import type { SlotBuffer } from './slot-buffers.js'

/** How a connection ended: cleanly after a goodbye, otherwise with an error. */
export interface TransportEnd {
  readonly clean: boolean
  readonly error: DmaBufError
}

/**
 * What the two ends of a queue need of the connection between them, besides shared words: a bell, a
 * goodbye, and news of the other side's end. Disposing it closes at once, close() waits for the goodbye.
 */
export interface QueueTransport extends Disposable {
  /** The other side's process; this one's for a thread. */
  readonly pid: number
  /** The other side in words: `pid 42`. */
  readonly peerName: string
  /** How it ended; undefined while it lives. */
  readonly end: TransportEnd | undefined
  /** Wakes the other side. Never waits, never throws. */
  ring(): void
  /**
   * Offers the processor to others once, where the runtime can do that.
   *
   * @returns nanoseconds until this thread went on
   */
  letOthersRun?(): number
  /** Takes what the other side has said by now, without waiting for the event loop. */
  pump(): void
  /** Calls back once when it has ended, soon even if it has already. */
  onEnd(callback: (end: TransportEnd) => void): void
  /** Whether it keeps the program running, as it does at first. */
  keepAlive(on: boolean): void
  /**
   * Lets the consumer know what buffers the slots have now, those it does not know yet: as soon as it takes
   * messages, without waiting and without keeping more than the latest. Nothing at the consumer's own end.
   */
  offer(slots: readonly SlotBuffer[]): void
  /** Tells the other side to leave, and goes on listening until it has. */
  sendGoodbye(error: DmaBufError): void
  /** Says goodbye and lets go of everything that belongs to the connection. Idempotent. */
  close(): Promise<void>
}
