import { DmaBufError, errnoName } from '../core/errors.js'
import type { WaitOptions } from '../core/host.js'
import { waitFor } from '../core/wait.js'
import { MAX_MESSAGE_BYTES } from '../interprocess/link-message.js'
import { check, native, PollMode, type PollHandle } from './native.js'
import { OwnedFd } from './owned-fd.js'
import type { Peer } from './peer.js'

const READABLE = 1
const WRITABLE = 2
const DISCONNECTED = 4

/** Messages that one call of pump() reads: more than a socket's queue holds, so all that had arrived before. */
const MAX_PUMPED = 512

// One pair per thread: what is received is handed on before the next message is read.
const bytes = new Uint8Array(MAX_MESSAGE_BYTES)
const ancillary = new Int32Array(4 + 253)

/** What a socket tells its link. */
export interface LinkSocketEvents {
  /** A message; `fds` are the receiver's, `sender` is there where the kernel was asked to say. */
  message(bytes: Uint8Array<ArrayBuffer>, fds: OwnedFd[], sender: Peer | undefined): void
  /** The stream has ended, was reset, or cannot be read on. Called once. */
  ended(how: 'end' | 'reset' | DmaBufError): void
}

interface Sending {
  readonly bytes: Uint8Array
  readonly fds: Int32Array | undefined
  done(error?: DmaBufError): void
}

/** A SEQPACKET socket on the event loop: whole messages in order, without ever blocking. */
export class LinkSocket {
  readonly #fd: OwnedFd
  readonly #events: LinkSocketEvents
  readonly #sending: Sending[] = []
  readonly #writers: (() => void)[] = []
  #poll: PollHandle | undefined
  #paused = false
  /** Messages that pump() has read since it was paused. */
  #beyond = 0
  #stopped = false

  /** @param fd - moved */
  constructor(fd: OwnedFd, events: LinkSocketEvents) {
    this.#fd = fd
    this.#events = events
    const poll = native().pollOpen(
      fd.number,
      (ready, received) => {
        this.#ready(ready, received)
      },
      PollMode.messages,
      bytes,
      ancillary,
    )
    if (typeof poll === 'number') {
      fd.close()
      check(poll, 'link', () => 'Cannot watch a socket')
      return
    }
    this.#poll = poll
    this.#watch()
  }

  /** Sends one message now, or as soon as the peer's queue has room. The descriptors stay the caller's. */
  async send(
    message: Uint8Array,
    fds: readonly OwnedFd[],
    options: WaitOptions = {},
  ): Promise<void> {
    const numbers = fds.length === 0 ? undefined : Int32Array.from(fds, (fd) => fd.number)
    if (this.#sending.length === 0 && this.#trySend(message, numbers)) return
    await waitFor<undefined>('send', options, (waiter) => {
      const sending: Sending = {
        bytes: message,
        fds: numbers,
        done: (error) => {
          if (error === undefined) waiter.resolve(undefined)
          else waiter.reject(error)
        },
      }
      this.#sending.push(sending)
      this.#watch()
      return () => {
        const index = this.#sending.indexOf(sending)
        if (index >= 0) this.#sending.splice(index, 1)
      }
    })
  }

  /** Sends one message now, if the peer's queue has room: whether it had. @throws {DmaBufError} EPIPE */
  trySend(message: Uint8Array, fds: readonly OwnedFd[]): boolean {
    if (this.#sending.length > 0 || this.#poll === undefined) return false
    return this.#trySend(
      message,
      Int32Array.from(fds, (fd) => fd.number),
    )
  }

  /** Calls back once when the peer's queue has room again; never after the end. */
  onceWritable(callback: () => void): void {
    this.#writers.push(callback)
    this.#watch()
  }

  /** Stops or goes on reading; a paused socket lets the peer's queue fill. */
  pause(on: boolean): void {
    if (this.#paused === on) return
    this.#paused = on
    this.#beyond = 0
    this.#watch()
  }

  /** Reads what has arrived, also while paused, but not for ever where the peer never stops sending. */
  pump(): void {
    for (let i = 0; i < MAX_PUMPED && !this.#stopped && this.#poll !== undefined; i++) {
      if (this.#paused && this.#beyond++ >= MAX_PUMPED) return
      const received = native().receive(this.#fd.number, bytes, ancillary)
      if (errnoName(-received) === 'EAGAIN') return
      this.#take(received)
    }
  }

  /** Whether it keeps the process alive. */
  keepAlive(on: boolean): void {
    if (this.#poll !== undefined) native().pollRef(this.#poll, on ? 1 : 0)
  }

  /** Reads no more; the descriptor stays open until close(). */
  stop(): void {
    this.#stopped = true
    this.#watch()
  }

  close(): void {
    if (this.#poll === undefined) return
    native().pollClose(this.#poll)
    this.#poll = undefined
    this.#writers.length = 0
    this.#fd.close()
    const error = new DmaBufError('EPIPE', 'send', 'The link was closed')
    for (const sending of this.#sending.splice(0)) sending.done(error)
  }

  #ready(ready: number, received: number): void {
    if ((ready & READABLE) !== 0 || received < 0) this.#take(received)
    // A paused link must still learn of a death.
    else if ((ready & DISCONNECTED) !== 0) this.#pumpRest()
    if ((ready & WRITABLE) !== 0) this.#flush()
  }

  #take(received: number): void {
    if (received > 0) {
      const count = ancillary[0]!
      const fds: OwnedFd[] = []
      for (let i = 0; i < count; i++) fds.push(OwnedFd.adopt(ancillary[4 + i]!))
      const [, pid = 0, uid = 0, gid = 0] = ancillary
      const sender = pid === 0 ? undefined : { pid, uid, gid }
      this.#events.message(bytes.slice(0, received), fds, sender)
      return
    }
    if (received === 0) {
      this.#finish('end')
      return
    }
    const code = errnoName(-received)
    if (code === 'EAGAIN') return
    // A peer that closed with our messages unread resets the connection, though its goodbye may still
    // lie in our queue: read on to the end of the stream before saying that it died.
    if (code === 'ECONNRESET' && !this.#stopped) this.#pumpRest()
    else this.#finish(unreadable(code) ?? 'reset')
  }

  // What is left in the queue is bounded: its sender is gone. The event loop calls again where it is more.
  #pumpRest(): void {
    this.#beyond = 0
    this.pump()
  }

  #finish(how: 'end' | 'reset' | DmaBufError): void {
    if (this.#stopped) return
    this.stop()
    const error = gone()
    for (const sending of this.#sending.splice(0)) sending.done(error)
    this.#events.ended(how)
  }

  #trySend(message: Uint8Array, fds: Int32Array | undefined): boolean {
    const sent = native().send(this.#fd.number, message, message.length, fds)
    if (sent >= 0) return true
    const code = errnoName(-sent)
    if (code === 'EAGAIN') return false
    if (code === 'EPIPE' || code === 'ECONNRESET') throw gone()
    check(sent, 'send', () => 'Cannot send to the peer')
    return false
  }

  #flush(): void {
    for (let first = this.#sending[0]; first !== undefined; first = this.#sending[0]) {
      try {
        if (!this.#trySend(first.bytes, first.fds)) return
        this.#sending.shift()
        first.done()
      } catch (error) {
        this.#sending.shift()
        first.done(error as DmaBufError)
      }
    }
    for (const writer of this.#writers.splice(0)) writer()
    this.#watch()
  }

  #watch(): void {
    if (this.#poll === undefined) return
    const read = this.#stopped ? 0 : this.#paused ? DISCONNECTED : READABLE
    const wants = this.#sending.length > 0 || this.#writers.length > 0
    const write = wants && !this.#stopped ? WRITABLE : 0
    native().pollStart(this.#poll, read | write)
  }
}

function gone(): DmaBufError {
  return new DmaBufError('EPIPE', 'send', 'The peer has gone')
}

/** Why a message that arrived could not be taken; undefined where the connection itself broke. */
function unreadable(code: string): DmaBufError | undefined {
  if (code === 'EMSGSIZE')
    return new DmaBufError(
      'EPROTO',
      'link',
      `The peer sent a message of more than ${MAX_MESSAGE_BYTES} bytes`,
    )
  if (code === 'EMFILE')
    return new DmaBufError(
      'EMFILE',
      'receive',
      'A message was lost, there was no room for its descriptors: this process has too many open ' +
        'files; close some, or raise `ulimit -n`',
    )
  return undefined
}
