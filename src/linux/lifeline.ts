import { check, native, PollMode, type PollHandle } from './native.js'
import { OwnedFd } from './owned-fd.js'

const DISCONNECTED = 4

/** A pipe of which only we hold the writing end: the reading end tells whoever holds it of our death. */
export class Lifeline implements Disposable {
  /** To be sent. */
  readonly end: OwnedFd
  readonly #kept: OwnedFd

  /** @throws {DmaBufError} EMFILE */
  constructor() {
    const pair = new Int32Array(2)
    check(native().pipe(pair), 'lifeline', () => 'Cannot make a pipe')
    this.end = OwnedFd.adopt(pair[0]!)
    this.#kept = OwnedFd.adopt(pair[1]!)
  }

  /** Ends it: as if we had died. Idempotent. */
  close(): void {
    this.#kept.close()
    this.end.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** Calls back once when the owner of a lifeline has died or ended it. Keeps the process alive until then. */
export class LifelineWatch implements Disposable {
  readonly #end: OwnedFd
  #poll: PollHandle | undefined

  /** @param end - moved here @throws {DmaBufError} EPERM and others where it is no pipe */
  constructor(end: OwnedFd, ended: () => void) {
    this.#end = end
    const poll = native().pollOpen(
      end.number,
      () => {
        if (this.#poll === undefined) return
        this.close()
        ended()
      },
      PollMode.events,
    )
    if (typeof poll === 'number') {
      end.close()
      check(poll, 'lifeline', () => 'The peer sent no lifeline')
      return
    }
    this.#poll = poll
    // Not for what may be written to it: that says nothing, and could be said for ever.
    check(native().pollStart(poll, DISCONNECTED), 'lifeline', () => 'Cannot watch a lifeline')
  }

  /** Watches no more. Idempotent. */
  close(): void {
    if (this.#poll === undefined) return
    native().pollClose(this.#poll)
    this.#poll = undefined
    this.#end.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
