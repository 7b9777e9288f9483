import type { DmaBufError } from '../core/errors.js'
import type { QueueTransport, TransportEnd } from '../frames/queue-transport.js'
import type { Doorbell } from './doorbell.js'
import type { Link } from './link.js'
import type { Resources } from './resources.js'

/** A queue's connection between processes: a link, a doorbell, and what belongs to them. */
export class LinkTransport implements QueueTransport {
  readonly #link: Link
  readonly #bell: Doorbell
  readonly #resources: Resources

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

  pump(): void {
    this.#link.pump()
  }

  onEnd(callback: (end: TransportEnd) => void): void {
    this.#link.onEnd(callback)
  }

  keepAlive(on: boolean): void {
    this.#link.keepAlive(on)
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
