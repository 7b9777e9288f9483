import { DmaBufError, errnoName } from '../core/errors.js'
import type { WaitOptions } from '../core/host.js'
import { waitFor, type Waiter } from '../core/wait.js'
import {
  decodeDomain,
  DomainOp,
  encodeDomain,
  type DomainMessage,
} from '../interprocess/domain-message.js'
import { MessageType } from '../interprocess/link-message.js'
import type { DomainGroup } from './domain-group.js'
import { evicted, type DomainPeer } from './domain-peer.js'
import type { DomainPort, SharedBuffer } from './domain-port.js'
import { Lifeline } from './lifeline.js'
import type { Link, LinkEnd, Received } from './link.js'
import { peerText } from './peer-text.js'
import type { OwnedFd } from './owned-fd.js'

const BYTES = new TextEncoder()

/** How much later than its link the lifeline of a hub that dies may end. */
const DEATH_MS = 1000

interface Answer {
  readonly message: DomainMessage
  readonly fds: OwnedFd[]
}

/** A member's link to the hub of its domain. */
export class DomainMemberPort implements DomainPort {
  readonly #group: DomainGroup
  readonly #link: Link
  readonly #lifeline = new Lifeline()
  readonly #requests = new Map<number, Waiter<Answer>>()
  #lastRequest = 0
  #welcome: Waiter<undefined> | undefined

  /** @param link - moved here, once this has returned */
  constructor(group: DomainGroup, link: Link) {
    this.#group = group
    this.#link = link
    group.connect({
      pump: () => link.pump(true),
      sendBell: (peer) => this.#sendBell(peer),
      lose: (error) => this.#lose(error),
    })
    link.listen(MessageType.domain, (received) => this.#received(received))
    link.onEnd((end) => this.#ended(end))
  }

  /** Becomes a member; resolves when all others are known. */
  async join(options: WaitOptions): Promise<void> {
    const welcomed = waitFor<undefined>('join', options, (waiter) => {
      this.#welcome = waiter
      return () => {}
    })
    welcomed.catch(() => {})
    const fds = [this.#group.page.fd, this.#lifeline.end]
    const message = encodeDomain(DomainOp.join, { count: process.pid })
    await this.#link.post(MessageType.domain, message, { fds, ...options })
    this.#group.page.fd.close()
    this.#lifeline.end.close()
    await welcomed
  }

  async share(name: string, memory: OwnedFd, length: number): Promise<SharedBuffer> {
    const fields = { length, text: BYTES.encode(name) }
    const { message, fds } = await this.#ask(DomainOp.share, fields, { fds: [memory] })
    for (const fd of fds) fd.close()
    return { index: this.#indexOf(message), lengthBytes: length }
  }

  async announce(index: number): Promise<void> {
    const { fds } = await this.#ask(DomainOp.ready, { index }, {})
    for (const fd of fds) fd.close()
  }

  async open(
    name: string,
    wait: boolean,
    options: WaitOptions,
  ): Promise<SharedBuffer & { readonly memory: OwnedFd }> {
    const fields = { flags: wait ? 1 : 0, text: BYTES.encode(name) }
    const { message, fds } = await this.#ask(DomainOp.open, fields, options)
    const [memory, ...surplus] = fds
    for (const fd of surplus) fd.close()
    if (memory === undefined)
      throw new DmaBufError('EPROTO', 'open', 'The hub sent a buffer without memory')
    try {
      return { index: this.#indexOf(message), lengthBytes: message.length, memory }
    } catch (error) {
      memory.close()
      throw error
    }
  }

  release(index: number): void {
    this.#post(encodeDomain(DomainOp.close, { index }))
  }

  async close(): Promise<void> {
    this.#lifeline.close()
    this.#fail(new DmaBufError('EPIPE', 'domain', 'The domain was left'))
    await this.#link.close()
  }

  async #ask(
    op: number,
    fields: Parameters<typeof encodeDomain>[1],
    { fds = [], ...options }: WaitOptions & { fds?: readonly OwnedFd[] },
  ): Promise<Answer> {
    this.#lastRequest = (this.#lastRequest + 1) & 0x7fffffff
    const count = this.#lastRequest
    const operation = op === DomainOp.open ? 'open' : 'share'
    const answered = waitFor<Answer>(operation, options, (waiter) => {
      this.#requests.set(count, waiter)
      return () => void this.#requests.delete(count)
    })
    answered.catch(() => {})
    const message = encodeDomain(op, { ...fields, count })
    try {
      await this.#link.post(MessageType.domain, message, { fds, ...options })
    } catch (error) {
      this.#requests.delete(count)
      // A hub that lies may have answered already.
      answered.then(closeAll, () => {})
      throw error
    }
    const answer = await answered
    const { flags, text } = answer.message
    if (flags === 0) return answer
    closeAll(answer)
    throw new DmaBufError(errnoName(flags), operation, peerText(text) ?? 'The hub refuses')
  }

  #indexOf({ index }: DomainMessage): number {
    if (index < this.#group.layout.shape.buffers) return index
    throw new DmaBufError('EPROTO', 'domain', `The hub named a buffer that cannot be: ${index}`)
  }

  #received({ payload, fds }: Received): void {
    try {
      this.#handle(decodeDomain(payload), fds)
    } catch (error) {
      const failure = DmaBufError.is(error)
        ? error
        : new DmaBufError('EPROTO', 'domain', String(error))
      this.#link.breakOff(failure)
    } finally {
      for (const fd of fds) fd.close()
    }
  }

  /** Takes what it needs of the descriptors out of `fds`; the rest is closed. */
  #handle(message: DomainMessage, fds: OwnedFd[]): void {
    const { op, index, generation, epoch, flags } = message
    switch (op) {
      case DomainOp.member:
        this.#meet(message, fds)
        return
      case DomainOp.welcome:
        this.#group.caughtUp(epoch)
        this.#welcome?.resolve(undefined)
        return
      case DomainOp.evicted: {
        const peer = this.#group.find(index, generation)
        if (peer !== undefined) this.#group.remove(peer, flags === 0 ? undefined : evicted(flags))
        this.#group.caughtUp(epoch)
        return
      }
      case DomainOp.bell: {
        const [set] = fds
        if (set !== undefined) this.#group.hear({ index, generation }, set.dup())
        return
      }
      case DomainOp.buffer: {
        const request = this.#requests.get(message.count)
        this.#requests.delete(message.count)
        request?.resolve({ message, fds: fds.map((fd) => fd.dup()) })
        return
      }
      default:
        throw new DmaBufError('EPROTO', 'domain', `The hub sent a message of kind ${op}`)
    }
  }

  #meet({ index, generation, epoch, count: pid }: DomainMessage, fds: OwnedFd[]): void {
    const [page, lifeline] = fds
    const { shape } = this.#group.layout
    if (page === undefined || lifeline === undefined || index >= shape.members)
      throw new DmaBufError('EPROTO', 'domain', 'The hub named a member that cannot be')
    if (index === this.#group.index)
      throw new DmaBufError('EPROTO', 'domain', 'The hub gave our place away')
    try {
      this.#group.add({ index, generation, pid }, epoch, { page, lifeline: lifeline.dup() })
    } catch (error) {
      // It may have spoilt its page since the hub looked: it is ignored then, and the hub is not to blame.
      if (index === 0 || !DmaBufError.is(error) || error.code !== 'EPROTO') throw error
      this.#group.caughtUp(epoch)
    }
  }

  #sendBell(peer: DomainPeer): void {
    const { index, generation, bell } = peer
    const copy = bell.set.dup()
    bell.set.close()
    this.#post(encodeDomain(DomainOp.bell, { index, generation }), [copy])
  }

  /** @param fds - moved */
  #post(payload: Uint8Array<ArrayBuffer>, fds: readonly OwnedFd[] = []): void {
    const done = (): void => {
      for (const fd of fds) fd.close()
    }
    // Without a hub nobody is there to hear it.
    this.#link.post(MessageType.domain, payload, { fds }).then(done, done)
  }

  // The hub's death, or its leaving, ends nothing between the others. Being told to go does.
  #ended({ clean, error }: LinkEnd): void {
    const isHubGone = clean || error.code === 'EOWNERDEAD'
    if (!isHubGone) this.#lose(error)
    else if (!this.#link.closed) this.#withoutHub(clean)
    this.#fail(
      isHubGone ? new DmaBufError('EPIPE', 'domain', 'The hub of the domain is gone') : error,
    )
  }

  /** Its lifeline tells of its death. A hub that lives on without a word has evicted us, and we did not listen. */
  #withoutHub(hasLeft: boolean): void {
    const hub = this.#group.others[0]
    if (hub?.index !== 0) return
    if (hasLeft) this.#group.remove(hub)
    else
      setTimeout(() => {
        const error = new DmaBufError(
          'ECONNRESET',
          'domain',
          'The hub has ended the link, and lives',
        )
        if (this.#group.others[0] === hub) this.#lose(error)
      }, DEATH_MS).unref()
  }

  #lose(error: DmaBufError): void {
    this.#group.lose(error)
    this.#lifeline.close()
  }

  #fail(error: DmaBufError): void {
    this.#welcome?.reject(error)
    for (const request of [...this.#requests.values()]) request.reject(error)
    this.#requests.clear()
  }
}

function closeAll({ fds }: Answer): void {
  for (const fd of fds) fd.close()
}
