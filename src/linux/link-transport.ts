import { DmaBufError } from '../core/errors.js'
import { waitFor } from '../core/wait.js'
import type { QueueTransport, TransportEnd } from '../frames/queue-transport.js'
import type { SlotBuffer } from '../frames/slot-buffers.js'
import { MessageType } from '../interprocess/link-message.js'
import { encodeBuffers, type BufferEntry } from '../interprocess/queue-message.js'
import type { Doorbell } from './doorbell.js'
import type { Link } from './link.js'
import { fdOf } from './memory-of-fd.js'
import { native } from './native.js'
import type { OwnedFd } from './owned-fd.js'
import type { Resources } from './resources.js'

const WELCOME_TIMEOUT_MS = 5000

/** A queue's connection between processes: a link, a doorbell, and what belongs to them. */
export class LinkTransport implements QueueTransport {
  readonly #link: Link
  readonly #bell: Doorbell
  readonly #resources: Resources
  /** What the consumer knows, by slot; undefined before its welcome, and at its own end. */
  #known: Map<number, SlotBuffer> | undefined
  #offered: readonly SlotBuffer[] = []
  #isWaiting = false

  /** All of it moves here: the link and the resources are closed with the transport. */
  constructor(link: Link, bell: Doorbell, resources: Resources) {
    this.#link = link
    this.#bell = bell
    this.#resources = resources
  }

  get pid(): number {
    return this.#link.peer.pid
  }

  get peerName(): string {
    return `pid ${this.pid}`
  }

  get end(): TransportEnd | undefined {
    return this.#link.end
  }

  ring(): void {
    this.#bell.ring()
  }

  letOthersRun(): number {
    return native().letOthersRun()
  }

  pump(): void {
    this.#link.pump()
  }

  onEnd(callback: (end: TransportEnd) => void): void {
    this.#link.onEnd(callback)
  }

  keepAlive(on: boolean): void {
    this.#link.keepAlive(on)
  }

  /**
   * Sends what a message makes of the buffers that there are when it goes; from then on offer() works.
   *
   * @param slots - asked again where the consumer's socket is full at first
   * @throws {DmaBufError} ETIMEDOUT where it takes no message
   */
  async welcome(
    slots: () => readonly SlotBuffer[],
    message: (buffers: readonly BufferEntry[]) => {
      payload: Uint8Array
      fds: readonly OwnedFd[]
    },
  ): Promise<void> {
    const send = (): boolean => {
      const present = slots().filter(({ buffer }) => buffer !== undefined)
      const { payload, fds } = message(present.map(entryOf))
      const sent = this.#link.tryPost(MessageType.queueWelcome, payload, [
        ...fds,
        ...fdsOf(present),
      ])
      if (sent) this.#known = new Map(present.map((each) => [each.slot, each]))
      return sent
    }
    if (send()) return
    await waitFor<undefined>('welcome', { timeoutMs: WELCOME_TIMEOUT_MS }, (waiter) => {
      const again = (): void => {
        try {
          if (send()) waiter.resolve(undefined)
          else this.#link.onceWritable(again)
        } catch (error) {
          waiter.reject(error)
        }
      }
      this.#link.onceWritable(again)
      const watching = this.#link.onEnd(({ error }) => {
        waiter.reject(error)
      })
      return () => {
        watching[Symbol.dispose]()
      }
    })
  }

  offer(slots: readonly SlotBuffer[]): void {
    this.#offered = slots
    if (this.#known === undefined || this.#isWaiting) return
    const news = slots.filter(
      (slot) =>
        this.#known?.get(slot.slot)?.serial !== slot.serial ||
        this.#known.get(slot.slot)?.buffer !== slot.buffer,
    )
    if (news.length === 0) return
    try {
      const fds = fdsOf(news.filter(({ buffer }) => buffer !== undefined))
      if (this.#link.tryPost(MessageType.queueBuffers, encodeBuffers(news.map(entryOf)), fds)) {
        for (const each of news) this.#known.set(each.slot, each)
        return
      }
    } catch (error) {
      // It has gone; its end is on the way to us.
      if (!DmaBufError.is(error, 'EPIPE')) throw error
      return
    }
    // Its socket is full: it gets what there is then, whatever comes in between.
    this.#isWaiting = true
    this.#link.onceWritable(() => {
      this.#isWaiting = false
      this.offer(this.#offered)
    })
  }

  sendGoodbye(error: DmaBufError): void {
    void this.#link.sendGoodbye(error)
  }

  async close(): Promise<void> {
    await this.#link.close()
    this.#resources[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    void this.#link.close()
    this.#resources[Symbol.dispose]()
  }
}

function entryOf({ slot, serial, buffer }: SlotBuffer): BufferEntry {
  return { slot, serial, lengthBytes: buffer?.lengthBytes ?? 0 }
}

function fdsOf(slots: readonly SlotBuffer[]): OwnedFd[] {
  return slots.map(({ buffer }) => fdOf(buffer!, 'serveFrames'))
}
