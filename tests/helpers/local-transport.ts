// A queue's connection inside one thread: what it was told is written down, its end is the test's.
import type { DmaBufError } from '#src/index.js'
import type { QueueTransport, TransportEnd } from '#src/frames/queue-transport.js'
import type { SlotBuffer } from '#src/frames/slot-buffers.js'

/** Rings the other side at once. */
export class LocalTransport implements QueueTransport {
  readonly pid = 7
  readonly peerName = 'local 7'
  /** What was called: 'ring', 'goodbye EPIPE', 'close', 'drop'. */
  readonly calls: string[] = []
  end: TransportEnd | undefined
  /** Runs whoever else wants to; absent: nobody can. */
  letOthersRun?: () => number
  /** What pump() finds. */
  arriving: TransportEnd | undefined
  readonly #listeners: ((end: TransportEnd) => void)[] = []
  readonly #ringing: () => void

  constructor(ringing: () => void = () => {}) {
    this.#ringing = ringing
  }

  ring(): void {
    this.calls.push('ring')
    this.#ringing()
  }

  pump(): void {
    if (this.arriving !== undefined) this.finish(this.arriving)
  }

  /** Ends the connection. */
  finish(end: TransportEnd): void {
    this.end = end
    for (const listener of this.#listeners.splice(0)) listener(end)
  }

  onEnd(callback: (end: TransportEnd) => void): void {
    this.#listeners.push(callback)
  }

  keepAlive(on: boolean): void {
    this.calls.push(`keepAlive ${on}`)
  }

  offer(slots: readonly SlotBuffer[]): void {
    this.calls.push(`offer ${slots.map(({ slot, serial }) => `${slot}.${serial}`).join(' ')}`)
  }

  sendGoodbye(error: DmaBufError): void {
    this.calls.push(`goodbye ${error.code}`)
  }

  async close(): Promise<void> {
    this.calls.push('close')
  }

  [Symbol.dispose](): void {
    this.calls.push('drop')
  }
}
