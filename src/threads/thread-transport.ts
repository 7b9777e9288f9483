import { DmaBufError, errnoName, errnoNumber } from '../core/errors.js'
import type { QueueTransport, TransportEnd } from '../frames/queue-transport.js'
import type { SlotBuffer } from '../frames/slot-buffers.js'
import { BELL_WORDS, type MemoryPort, type PortMessage, type Side } from './memory-port.js'
import { decodePortMessage } from './port-message.js'
import { SharedBell, SharedBellListener } from './shared-bell.js'
import { watchLifeLock } from './life-lock.js'

interface Channel {
  onmessage: ((event: { readonly data: unknown }) => void) | null
  postMessage(message: unknown): void
  close(): void
  ref?(): void
  unref?(): void
}

interface Runtime {
  BroadcastChannel: new (name: string) => Channel
  process?: { readonly pid?: number }
}

const runtime = globalThis as unknown as Runtime

/** A reason is one line that people can read. */
const MOST_REASON = 1000
const UNREADABLE = /\p{C}/u

/** What a transport's owner hears. */
export interface TransportEvents {
  /** What the other side said, but for goodbyes. */
  message(message: PortMessage): void
  /** The other side rang. */
  rung(): void
  /** This end is closed: what belongs to it may go. */
  closed?(): void
  /** What the slots have now, for the consumer; the producer's end sends it. */
  entriesOf?(slots: readonly SlotBuffer[]): Extract<PortMessage, { type: 'buffers' }>['entries']
}

/** A queue's connection between threads: bells in shared memory, and a channel that carries no frames. */
export class ThreadTransport implements QueueTransport {
  readonly pid = runtime.process?.pid ?? 0
  readonly peerName: string
  readonly #other: Side
  readonly #events: TransportEvents
  readonly #channel: Channel
  readonly #bell: SharedBell
  readonly #listener: SharedBellListener
  readonly #endListeners: ((end: TransportEnd) => void)[] = []
  #letGo: (() => void) | undefined
  #stopWatching: (() => void) | undefined
  #end: TransportEnd | undefined
  #closed = false

  constructor(port: MemoryPort, side: Side, events: TransportEvents) {
    this.#other = side === 'producer' ? 'consumer' : 'producer'
    this.#events = events
    this.peerName = side === 'producer' ? `port ${port.name.slice(-8)}` : 'the queue of the port'
    const words = new Int32Array(port.bells)
    this.#bell = new SharedBell(words, BELL_WORDS[this.#other])
    this.#listener = new SharedBellListener(words, BELL_WORDS[side], () => events.rung())
    this.#channel = new runtime.BroadcastChannel(port.name)
    this.#channel.onmessage = ({ data }) => {
      try {
        const message = decodePortMessage(data, side)
        if (message !== undefined) this.#received(message)
      } catch (error) {
        if (!DmaBufError.is(error)) throw error
        this.#breakOff(error)
      }
    }
  }

  get end(): TransportEnd | undefined {
    return this.#end
  }

  ring(): void {
    this.#bell.ring()
  }

  // A channel gives nothing before the event loop turns. What has to be known sooner is in shared words.
  pump(): void {}

  onEnd(callback: (end: TransportEnd) => void): void {
    const end = this.#end
    if (end === undefined) this.#endListeners.push(callback)
    else void Promise.resolve().then(() => callback(end))
  }

  keepAlive(on: boolean): void {
    if (on) this.#channel.ref?.()
    else this.#channel.unref?.()
  }

  /** Says something. */
  post(message: PortMessage): void {
    if (!this.#closed) this.#channel.postMessage(message)
  }

  offer(slots: readonly SlotBuffer[]): void {
    const entries = this.#events.entriesOf?.(slots)
    if (entries !== undefined) this.post({ to: 'consumer', type: 'buffers', entries })
  }

  sendGoodbye(error: DmaBufError | undefined): void {
    const errno = error === undefined ? 0 : errnoNumber(error.code)
    const reason = error?.message.replace(/^E[A-Z]+: /, '') ?? ''
    this.post({ to: this.#other, type: 'goodbye', errno, reason })
  }

  /** From now on the other side's death is noticed, if the runtime tells; `letGo` lets it notice ours. */
  watch(lockName: string, letGo: () => void): void {
    this.#letGo = letGo
    if (this.#closed) letGo()
    else
      this.#stopWatching = watchLifeLock(lockName, () => {
        this.#died()
      })
  }

  async close(): Promise<void> {
    this[Symbol.dispose]()
  }

  /** As close(), telling the other side why. */
  closeWith(error: DmaBufError | undefined): void {
    if (this.#closed) return
    // Also after an end: whoever told us to leave waits until we have.
    this.sendGoodbye(error)
    this.#closed = true
    this.#stopWatching?.()
    this.#listener[Symbol.dispose]()
    this.#channel.close()
    this.#letGo?.()
    this.#events.closed?.()
    this.#ended({ clean: true, error: new DmaBufError('EBADF', 'port', 'The port was closed') })
  }

  [Symbol.dispose](): void {
    this.closeWith(undefined)
  }

  #received(message: PortMessage): void {
    if (this.#end !== undefined) return
    if (message.type === 'gone') this.#died()
    else if (message.type === 'goodbye') {
      const { errno, reason } = message
      const clean = errno === 0
      const isText = reason !== '' && reason.length <= MOST_REASON && !UNREADABLE.test(reason)
      const text = isText ? reason : 'The other thread has closed the port'
      const code = clean ? 'EPIPE' : errnoName(errno)
      this.#ended({ clean, error: new DmaBufError(code, 'port', text) })
    } else this.#events.message(message)
  }

  /** What came shows that the other side is no peer: it hears why. */
  #breakOff(error: DmaBufError): void {
    if (this.#end !== undefined) return
    this.sendGoodbye(error)
    this.#ended({ clean: false, error })
  }

  #died(): void {
    const message = `The peer (${this.peerName}) ended without a goodbye`
    this.#ended({ clean: false, error: new DmaBufError('EOWNERDEAD', 'port', message) })
  }

  #ended(end: TransportEnd): void {
    if (this.#end !== undefined) return
    this.#end = end
    this.keepAlive(false)
    for (const listener of this.#endListeners.splice(0)) listener(end)
  }
}
