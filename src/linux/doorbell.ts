import { DmaBufError } from '../core/errors.js'
import { check, native, PollMode, type PollHandle } from './native.js'
import { OwnedFd } from './owned-fd.js'

/**
 * The ringer's half: an eventfd that nobody else holds, and the epoll set that watches it, to be sent to
 * whoever is to be woken. Neither side can block the other through them.
 */
export class Doorbell implements Disposable {
  /** For the receiver; close it once sent. */
  readonly set: OwnedFd
  readonly #bell: OwnedFd

  constructor() {
    const pair = new Int32Array(2)
    check(native().doorbell(pair), 'doorbell', () => 'Cannot make a doorbell')
    this.#bell = OwnedFd.adopt(pair[0]!)
    this.set = OwnedFd.adopt(pair[1]!)
  }

  /** The eventfd's number, borrowed: for drivers that ring. */
  get bellNumber(): number {
    return this.#bell.number
  }

  /** Wakes the receiver. One system call. */
  ring(): void {
    native().ring(this.#bell.number)
  }

  close(): void {
    this.#bell.close()
    this.set.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** The receiver's half: calls back on the event loop for each ring, or several rings at once. */
export class DoorbellListener implements Disposable {
  readonly #set: OwnedFd
  #poll: PollHandle | undefined

  /**
   * @param set - moved here
   * @param rung - called on the event loop; listening does not keep the process alive
   * @param broken - called once where the set proves to be no doorbell; it is closed then
   */
  constructor(set: OwnedFd, rung: () => void, broken: (error: DmaBufError) => void = () => {}) {
    this.#set = set
    const ready = (_events: number, received: number): void => {
      if (received >= 0) rung()
      else {
        // No epoll set, though pollable, or one that is always ready: it would call for ever.
        this.close()
        broken(
          new DmaBufError('EPROTO', 'doorbell', 'The peer sent a doorbell that rings for ever'),
        )
      }
    }
    const poll = native().pollOpen(set.number, ready, PollMode.doorbell)
    if (typeof poll === 'number') {
      set.close()
      check(poll, 'doorbell', () => 'The peer sent no doorbell')
      return
    }
    this.#poll = poll
    check(native().pollStart(poll, 1), 'doorbell', () => 'Cannot listen to a doorbell')
    native().pollRef(poll, 0)
  }

  close(): void {
    if (this.#poll === undefined) return
    native().pollClose(this.#poll)
    this.#poll = undefined
    this.#set.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
