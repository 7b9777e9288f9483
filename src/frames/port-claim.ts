import { DmaBufError } from '../core/errors.js'

const FRESH = 0
const OPENED = 1
const WITHDRAWN = 2

/**
 * A word that says whether a port may still be opened. Any thread may change it, but only from fresh, so that
 * one of them wins; it is the one word of a queue that has several writers.
 */
export class PortClaim {
  /** To be posted with the port. */
  readonly memory: SharedArrayBuffer
  readonly #word: Int32Array

  /** @param memory - of a port that arrived; a fresh one where absent */
  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    if (!(memory instanceof SharedArrayBuffer) || memory.byteLength !== 4)
      throw new TypeError('A port is for a thread of the process that made it')
    this.memory = memory
    this.#word = new Int32Array(memory)
  }

  /** Opens the port, for this thread alone. @throws {DmaBufError} EBUSY the second time, EPIPE once withdrawn */
  take(): void {
    const before = Atomics.compareExchange(this.#word, 0, FRESH, OPENED)
    if (before === FRESH) return
    if (before === OPENED)
      throw new DmaBufError(
        'EBUSY',
        'openFramePort',
        'Port is opened already: make one per consumer',
      )
    throw closedQueue()
  }

  /** Takes the port back, unless somebody has opened it: says which. */
  withdraw(): boolean {
    return Atomics.compareExchange(this.#word, 0, FRESH, WITHDRAWN) === FRESH
  }
}

/** The error for a port whose queue is gone. */
export function closedQueue(): DmaBufError {
  return new DmaBufError('EPIPE', 'openFramePort', 'The queue of this port is closed')
}
