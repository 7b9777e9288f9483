import { DmaBufError, errnoName, errnoNumber } from '../core/errors.js'
import type { WaitOptions } from '../core/host.js'
import { waitFor, type Waiter } from '../core/wait.js'
import {
  agree,
  decodeHello,
  encodeHello,
  isTaken,
  OUR_HELLO,
  type Agreement,
  type Hello,
} from '../interprocess/hello.js'
import {
  decodeMessage,
  encodeMessage,
  MessageType,
  type LinkMessage,
} from '../interprocess/link-message.js'
import { LinkSocket } from './link-socket.js'
import { Message } from './message.js'
import { OwnedFd } from './owned-fd.js'
import { peerText } from './peer-text.js'
import type { Peer } from './peer.js'

/** A message and its descriptors, owned by whoever takes it. */
export interface Received extends LinkMessage {
  readonly fds: OwnedFd[]
}

/** What goes with a message. @internal */
export interface PostOptions extends WaitOptions {
  /** Stay the caller's. */
  readonly fds?: readonly OwnedFd[]
  readonly argument?: number
}

/** How a link ended: after a goodbye with errno 0 cleanly, otherwise with an error. */
export interface LinkEnd {
  readonly clean: boolean
  readonly error: DmaBufError
}

const BYTES = new TextEncoder()

/** Messages that wait for a reader before the link stops reading; the sender's socket fills then. */
const MAX_UNREAD = 64

/** SCM_MAX_FD of the kernel. */
const MAX_FDS = 253

/**
 * A connection between two processes that carries small messages with descriptors.
 *
 * A close() says goodbye, so the other side knows it from a death: an end without goodbye is EOWNERDEAD.
 */
export class Link implements AsyncDisposable, AsyncIterable<Message> {
  #peer: Peer
  readonly #socket: LinkSocket
  readonly #unread: Received[] = []
  readonly #readers: { type: number; waiter: Waiter<Received | undefined> }[] = []
  readonly #endListeners = new Set<(end: LinkEnd) => void>()
  readonly #hello: Hello
  #agreement: Agreement | undefined
  #end: LinkEnd | undefined
  #failure: DmaBufError | undefined
  #closed = false
  /** Calls of pump() under way. */
  #pumps = 0
  readonly #listeners = new Map<number, (message: Received) => void>()

  /** @internal @param fd - moved @param hello - what this side says of itself */
  constructor(fd: OwnedFd, peer: Peer, hello: Hello = OUR_HELLO) {
    this.#peer = peer
    this.#hello = hello
    this.#socket = new LinkSocket(fd, {
      message: (bytes, fds, sender) => {
        this.#received(bytes, fds, sender)
      },
      ended: (how) => {
        if (how === 'end' || how === 'reset')
          this.#ended({ clean: false, error: deathOf(this.#peer, how === 'reset') })
        else this.#fail(how)
      },
    })
    void this.#socket
      .send(encodeMessage(MessageType.hello, 0, encodeHello(hello)), [])
      .catch(() => {})
  }

  /** Who is at the other end. For a pair: who said hello, so read it after the first message. */
  get peer(): Peer {
    return this.#peer
  }

  /** What both sides can do; undefined until the peer's hello is here: read it after the first message. @internal */
  get agreement(): Agreement | undefined {
    return this.#agreement
  }

  /** How it ended; undefined while it lives. */
  get end(): LinkEnd | undefined {
    return this.#end
  }

  /** Whether this side has closed it. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Sends bytes, with descriptors, which move: your handles are empty from now on, also if this fails.
   *
   * Waits while the peer's queue is full.
   * @param bytes - at most 65528
   * @param fds - at most 253
   * @throws {DmaBufError} EPIPE after the end, EBADF for a closed descriptor, ETIMEDOUT
   */
  async send(
    bytes: Uint8Array,
    fds: readonly OwnedFd[] = [],
    options: WaitOptions = {},
  ): Promise<void> {
    const moved: OwnedFd[] = []
    try {
      for (const fd of fds) moved.push(OwnedFd.adopt(fd.release()))
      await this.post(MessageType.user, bytes, { fds: moved, ...options })
    } finally {
      for (const fd of [...moved, ...fds]) fd.close()
    }
  }

  /** Sends a message of any type; the descriptors stay the caller's, until this settles. @internal */
  async post(type: number, payload: Uint8Array, options: PostOptions = {}): Promise<void> {
    const { fds = [], argument = 0 } = options
    if (!(payload instanceof Uint8Array)) throw new TypeError('A message must be a Uint8Array')
    if (fds.length > MAX_FDS)
      throw new RangeError(`A message carries at most ${MAX_FDS} descriptors: ${fds.length}`)
    if (this.#closed || this.#end !== undefined)
      throw new DmaBufError(
        'EPIPE',
        'send',
        `The link is ${this.#closed ? 'closed' : 'at its end'}`,
      )
    await this.#socket.send(encodeMessage(type, argument, payload), fds, options)
  }

  /** Sends a message now if the peer's queue has room: whether it had, or the link has ended. Never waits. @internal */
  tryPost(type: number, payload: Uint8Array, fds: readonly OwnedFd[]): boolean {
    if (this.#closed || this.#end !== undefined) return true
    return this.#socket.trySend(encodeMessage(type, 0, payload), fds)
  }

  /** Calls back once when the peer's queue has room again; never after the end. @internal */
  onceWritable(callback: () => void): void {
    this.#socket.onceWritable(callback)
  }

  /**
   * As post(), for what the peer has to answer: where it has left, the error says why, or that it is dead.
   * @internal
   */
  async request(type: number, payload: Uint8Array, options: PostOptions = {}): Promise<void> {
    try {
      await this.post(type, payload, options)
    } catch (error) {
      if (!this.#closed) this.pump()
      throw this.#end === undefined || this.#end.clean ? error : this.#end.error
    }
  }

  /**
   * The next message of the peer; undefined after its goodbye.
   * @throws {DmaBufError} EOWNERDEAD when the peer died, EPROTO when it sent garbage, ETIMEDOUT
   */
  async receive(options: WaitOptions = {}): Promise<Message | undefined> {
    const received = await this.next(MessageType.user, options)
    return received === undefined ? undefined : new Message(received.payload, received.fds)
  }

  /** The next message of a type. @internal */
  next(type: number, options: WaitOptions = {}): Promise<Received | undefined> {
    return waitFor<Received | undefined>('receive', options, (waiter) => {
      const index = this.#unread.findIndex((message) => message.type === type)
      const message = index < 0 ? undefined : this.#unread.splice(index, 1)[0]
      if (message !== undefined) waiter.resolve(message)
      else if (this.#closed)
        waiter.reject(new DmaBufError('EBADF', 'receive', 'The link is closed'))
      else if (this.#end !== undefined) settleEnd(waiter, this.#end)
      else this.#readers.push({ type, waiter })
      this.#resume()
      return () => {
        const at = this.#readers.findIndex((reader) => reader.waiter === waiter)
        if (at >= 0) this.#readers.splice(at, 1)
      }
    })
  }

  /** Hands every message of a type to a callback instead of next(), those that are here already first. @internal */
  listen(type: number, callback: (message: Received) => void): void {
    this.#listeners.set(type, callback)
    const earlier = this.#unread.filter((message) => message.type === type)
    for (const message of earlier) {
      this.#unread.splice(this.#unread.indexOf(message), 1)
      callback(message)
    }
    this.#resume()
  }

  /** Calls back once when the link has ended, soon even if it has already: by the peer, or closed here (clean). */
  onEnd(callback: (end: LinkEnd) => void): Disposable {
    this.#endListeners.add(callback)
    const end = this.#end
    if (end !== undefined)
      queueMicrotask(() => {
        if (this.#endListeners.delete(callback)) callback(end)
      })
    return { [Symbol.dispose]: () => void this.#endListeners.delete(callback) }
  }

  /** Whether the link keeps the process alive, as it does at first. */
  keepAlive(on: boolean): void {
    this.#socket.keepAlive(on)
  }

  /**
   * Reads what has arrived now, without waiting for the event loop. An end is known at once, but told soon: whoever
   * calls is in the middle of something, and listeners unmap pages.
   *
   * @param tells - the caller is ready for that: an end is told now
   * @internal
   */
  pump(tells = false): void {
    this.#pumps++
    this.#socket.pump()
    this.#pumps--
    if (tells && this.#end !== undefined) this.#tellEnd(this.#end)
  }

  /** Ends the link as if the peer had sent garbage: what it did shows that it is no peer. @internal */
  breakOff(error: DmaBufError): void {
    this.#fail(error)
  }

  /** Says goodbye and closes; received messages that nobody took are dropped. Idempotent. */
  async close(): Promise<void> {
    await this.closeWith(undefined)
  }

  /** As close(), telling the peer why: its reads then fail with this error. @internal */
  async closeWith(error: DmaBufError | undefined): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const rejection = new DmaBufError('EBADF', 'receive', 'The link was closed')
    this.#tellEnd(this.#end ?? { clean: true, error: rejection })
    for (const { waiter } of this.#readers.splice(0)) waiter.reject(rejection)
    this.#dropUnread()
    // A peer whose message we could not take hears why; one that has ended the link hears nothing.
    const reason = error ?? this.#failure
    if (this.#end === undefined || this.#failure !== undefined) await this.#sendGoodbye(reason)
    this.#socket.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Message> {
    for (;;) {
      const message = await this.receive()
      if (message === undefined) return
      yield message
    }
  }

  /** Tells the peer to leave, and goes on listening until it has. @internal */
  async sendGoodbye(error: DmaBufError): Promise<void> {
    await this.#sendGoodbye(error)
  }

  // A peer whose queue is full gets a second; after that it finds out by the end of the stream.
  async #sendGoodbye(error: DmaBufError | undefined): Promise<void> {
    const number = error === undefined ? 0 : errnoNumber(error.code)
    const reason = BYTES.encode(error?.message.replace(/^E[A-Z]+: /, '') ?? '')
    const message = encodeMessage(MessageType.goodbye, number, reason)
    await this.#socket.send(message, [], { timeoutMs: 1000 }).catch(() => {})
  }

  #received(bytes: Uint8Array<ArrayBuffer>, fds: OwnedFd[], sender: Peer | undefined): void {
    const message = this.#decode(bytes, fds, sender)
    if (message !== undefined && message.type !== MessageType.hello) {
      if (message.type !== MessageType.goodbye) {
        this.#deliver(message)
        return
      }
      this.#goodbye(message)
    }
    for (const fd of fds) fd.close()
  }

  /** Undefined for garbage, with which the link fails, and for what comes after the end. */
  #decode(
    bytes: Uint8Array<ArrayBuffer>,
    fds: OwnedFd[],
    sender: Peer | undefined,
  ): Received | undefined {
    if (this.#end !== undefined) return undefined
    try {
      const message = { ...decodeMessage(bytes), fds }
      this.#checkGreeting(message, sender)
      return isTaken(message.type, this.#agreement) ? message : undefined
    } catch (error) {
      this.#fail(error)
      return undefined
    }
  }

  #checkGreeting(message: Received, sender: Peer | undefined): void {
    const { type } = message
    if (this.#agreement === undefined) {
      if (type !== MessageType.hello && type !== MessageType.goodbye)
        throw new DmaBufError('EPROTO', 'link', 'The peer did not say hello first')
      if (sender !== undefined) this.#peer = sender
      if (type === MessageType.hello)
        this.#agreement = agree(this.#hello, decodeHello(message.payload))
    }
  }

  #deliver(message: Received): void {
    const listener = this.#listeners.get(message.type)
    if (this.#closed) {
      for (const fd of message.fds) fd.close()
    } else if (listener !== undefined) {
      listener(message)
    } else {
      const index = this.#readers.findIndex((reader) => reader.type === message.type)
      const reader = index < 0 ? undefined : this.#readers.splice(index, 1)[0]
      if (reader !== undefined) reader.waiter.resolve(message)
      else this.#unread.push(message)
      if (this.#unread.length >= MAX_UNREAD) this.#socket.pause(true)
    }
  }

  #goodbye(message: Received): void {
    const clean = message.argument === 0
    const code = clean ? 'EPIPE' : errnoName(message.argument)
    const text = peerText(message.payload) ?? 'The peer has closed the link'
    const error = new DmaBufError(code, 'link', text)
    this.#ended({ clean, error })
  }

  #fail(error: unknown): void {
    const failure = DmaBufError.is(error) ? error : new DmaBufError('EPROTO', 'link', String(error))
    if (this.#end === undefined) this.#failure = failure
    this.#ended({ clean: false, error: failure })
    this.#socket.stop()
  }

  #ended(end: LinkEnd): void {
    if (this.#end !== undefined) return
    this.#end = end
    this.#socket.keepAlive(false)
    for (const { waiter } of this.#readers.splice(0)) settleEnd(waiter, end)
    if (this.#pumps === 0) this.#tellEnd(end)
    else queueMicrotask(() => this.#tellEnd(end))
  }

  #tellEnd(end: LinkEnd): void {
    const listeners = [...this.#endListeners]
    this.#endListeners.clear()
    for (const listener of listeners) listener(end)
  }

  #resume(): void {
    if (this.#unread.length < MAX_UNREAD) this.#socket.pause(false)
  }

  #dropUnread(): void {
    for (const { fds } of this.#unread.splice(0)) for (const fd of fds) fd.close()
  }
}

function settleEnd(waiter: Waiter<undefined>, end: LinkEnd): void {
  if (end.clean) waiter.resolve(undefined)
  else waiter.reject(end.error)
}

function deathOf(peer: Peer, reset: boolean): DmaBufError {
  const how = reset ? 'reset the connection' : 'died'
  return new DmaBufError(
    'EOWNERDEAD',
    'link',
    `The peer (pid ${peer.pid}) ${how} without a goodbye`,
    {
      details: { pid: peer.pid },
    },
  )
}
