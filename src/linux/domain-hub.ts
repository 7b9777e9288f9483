import { DmaBufError, errnoNumber } from '../core/errors.js'
import type { WaitOptions } from '../core/host.js'
import { waitFor, type Waiter } from '../core/wait.js'
import {
  decodeDomain,
  DomainOp,
  encodeDomain,
  type DomainMessage,
} from '../interprocess/domain-message.js'
import { MessageType } from '../interprocess/link-message.js'
import { DomainBuffers, type KnownBuffer } from './domain-buffers.js'
import type { DomainGroup } from './domain-group.js'
import { evicted, type DomainPeer } from './domain-peer.js'
import type { DomainPort, SharedBuffer } from './domain-port.js'
import { Lifeline } from './lifeline.js'
import type { LinkServer } from './link-server.js'
import type { Link, Received } from './link.js'
import type { OwnedFd } from './owned-fd.js'

const JOIN_MS = 5000

/** Messages that one member has not taken: then it counts as stuck, and is evicted. */
const MAX_UNSENT = 256

/** Buffers that one member may wait for at a time. */
const MAX_OPENINGS = 256

const TEXT = new TextDecoder()
const BYTES = new TextEncoder()

/** A member, or one that is about to join, as the hub sees it. */
interface Seat {
  readonly index: number
  readonly generation: number
  readonly link: Link
  pid: number
  /** What others get of it; undefined until it has joined. */
  fds: { readonly page: OwnedFd; readonly lifeline: OwnedFd } | undefined
  unsent: number
  stopTimer: () => void
}

interface Opening {
  readonly name: string
  readonly user: number
  /** Undefined for the hub itself. */
  readonly found: (buffer: KnownBuffer) => void
}

/** The hub of a domain: introduces members to each other, relays their bells, and keeps the list of buffers. */
export class DomainHub implements DomainPort {
  readonly #group: DomainGroup
  readonly #lifeline = new Lifeline()
  readonly #seats = new Map<number, Seat>()
  readonly #generations: number[] = []
  readonly #buffers: DomainBuffers
  readonly #openings = new Set<Opening>()
  #server: LinkServer | undefined
  #closed = false

  /** @param group - ours, with index 0 */
  constructor(group: DomainGroup) {
    this.#group = group
    this.#buffers = new DomainBuffers(group.layout.shape.buffers)
    group.connect({ pump: () => {}, sendBell: (peer) => this.#sendBell(peer), lose: () => {} })
    // Ours die with their links; what they had open is free as soon as one of both is gone.
    group.onMember(({ kind, member, error }) => {
      if (kind === 'joined') return
      this.#unseat(member.index, member.generation, kind === 'evicted' ? error : undefined)
    })
  }

  /** Whoever listens for members; it moves here. */
  serve(server: LinkServer): void {
    this.#server = server
  }

  /** Lets whoever is at the other end of a link join. */
  accept(link: Link): void {
    const { shape } = this.#group.layout
    let index = 1
    while (this.#seats.has(index)) index++
    if (this.#closed || index >= shape.members) {
      const why = `The domain has ${shape.members} members, its most`
      void link.closeWith(new DmaBufError('EBUSY', 'join', why))
      return
    }
    const generation = (this.#generations[index] = (this.#generations[index] ?? 0) + 1)
    const timer = setTimeout(() => {
      this.#evict(seat, new DmaBufError('ETIMEDOUT', 'join', `No join after ${JOIN_MS} ms`))
    }, JOIN_MS)
    timer.unref()
    const stopTimer = (): void => clearTimeout(timer)
    const seat: Seat = { index, generation, link, pid: 0, fds: undefined, unsent: 0, stopTimer }
    this.#seats.set(index, seat)
    link.listen(MessageType.domain, (message) => this.#received(seat, message))
    link.onEnd(() => this.#unseat(index, generation))
    const { slots, buffers: length, members: flags } = shape
    this.#post(
      seat,
      encodeDomain(DomainOp.offer, { index, generation, count: slots, length, flags }),
    )
  }

  /** Ends a member for all others: it is stuck, or does not keep to the protocol. */
  evict(index: number, reason: string): boolean {
    const seat = this.#seats.get(index)
    if (seat === undefined) return false
    this.#evict(seat, new DmaBufError('ECONNRESET', 'domain', `Evicted: ${reason}`))
    return true
  }

  async share(name: string, memory: OwnedFd, lengthBytes: number): Promise<SharedBuffer> {
    return this.#buffers.add(name, memory.dup(), { lengthBytes, user: 0 })
  }

  async open(
    name: string,
    wait: boolean,
    options: WaitOptions,
  ): Promise<SharedBuffer & { readonly memory: OwnedFd }> {
    const buffer =
      this.#buffers.use(name, 0) ?? (wait ? await this.#sharedLater(name, options) : undefined)
    if (buffer === undefined) throw unknownBuffer(name)
    const { index, lengthBytes, memory } = buffer
    return { index, lengthBytes, memory: memory.dup() }
  }

  #sharedLater(name: string, options: WaitOptions): Promise<KnownBuffer> {
    return waitFor<KnownBuffer>('open', options, ({ resolve }: Waiter<KnownBuffer>) => {
      const opening: Opening = { name, user: 0, found: resolve }
      this.#openings.add(opening)
      return () => void this.#openings.delete(opening)
    })
  }

  announce(index: number): Promise<void> {
    this.#announce(index, 0)
    return Promise.resolve()
  }

  release(index: number): void {
    this.#buffers.release(index, 0)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#server?.close()
    const links = Array.from(this.#seats.values(), ({ link }) => link)
    for (const seat of this.#seats.values()) closeSeat(seat)
    this.#seats.clear()
    this.#buffers[Symbol.dispose]()
    this.#lifeline.close()
    await Promise.all(links.map((link) => link.close()))
  }

  #received(seat: Seat, { payload, fds }: Received): void {
    try {
      if (this.#seats.get(seat.index) !== seat) return
      const message = decodeDomain(payload)
      if (message.op === DomainOp.join) this.#join(seat, message, fds)
      else if (seat.fds === undefined) throw unexpected(message.op)
      else this.#handle(seat, message, fds)
    } catch (error) {
      this.#evict(
        seat,
        DmaBufError.is(error) ? error : new DmaBufError('EPROTO', 'domain', String(error)),
      )
    } finally {
      for (const fd of fds) fd.close()
    }
  }

  #handle(seat: Seat, message: DomainMessage, fds: readonly OwnedFd[]): void {
    switch (message.op) {
      case DomainOp.bell:
        this.#relay(seat, message, fds)
        break
      case DomainOp.share:
        this.#share(seat, message, fds)
        break
      case DomainOp.ready:
        this.#announce(message.index, seat.index)
        this.#post(
          seat,
          encodeDomain(DomainOp.buffer, { count: message.count, index: message.index }),
        )
        break
      case DomainOp.open:
        this.#open(seat, message)
        break
      case DomainOp.close:
        this.#buffers.release(message.index, seat.index)
        break
      default:
        throw unexpected(message.op)
    }
  }

  // First all others are told, then the epoch says so, and only then the new one may begin.
  #join(seat: Seat, { count: pid }: DomainMessage, fds: readonly OwnedFd[]): void {
    const [page, lifeline] = fds
    if (seat.fds !== undefined || page === undefined || lifeline === undefined)
      throw unexpected(DomainOp.join)
    const { index, generation } = seat
    seat.pid = pid
    const group = this.#group
    const peer = group.add({ index, generation, pid }, 0, { page, lifeline: lifeline.dup() })
    seat.stopTimer()
    const others = [...this.#seats.values()].filter((other) => other.fds !== undefined)
    seat.fds = { page: page.dup(), lifeline: lifeline.dup() }
    const epoch = group.epoch + 1
    for (const other of others) this.#introduce(seat, other, epoch)
    group.raiseEpoch()
    const self = encodeDomain(DomainOp.member, { generation: 1, epoch, count: process.pid })
    this.#post(seat, self, [group.page.fd, this.#lifeline.end])
    for (const other of others) this.#introduce(other, seat, epoch)
    this.#post(seat, encodeDomain(DomainOp.welcome, { epoch }))
    this.#sendBell(peer)
  }

  #introduce({ index, generation, pid, fds }: Seat, to: Seat, epoch: number): void {
    const message = encodeDomain(DomainOp.member, { index, generation, epoch, count: pid })
    this.#post(to, message, [fds!.page, fds!.lifeline])
  }

  #sendBell(peer: DomainPeer): void {
    const seat = this.#seats.get(peer.index)
    // One that is just joining gets it after it was told who we are.
    if (seat?.fds === undefined || seat.generation !== peer.generation) return
    this.#post(seat, encodeDomain(DomainOp.bell, { generation: 1 }), [peer.bell.set])
    peer.bell.set.close()
  }

  #relay(from: Seat, { index, generation }: DomainMessage, fds: readonly OwnedFd[]): void {
    const [set] = fds
    if (set === undefined) throw unexpected(DomainOp.bell)
    if (index === 0) {
      this.#group.hear(from, set.dup())
      return
    }
    const to = this.#seats.get(index)
    if (to?.fds === undefined || to.generation !== generation) return
    const ringer = { index: from.index, generation: from.generation }
    this.#post(to, encodeDomain(DomainOp.bell, ringer), [set])
  }

  #share(seat: Seat, message: DomainMessage, fds: readonly OwnedFd[]): void {
    const [memory] = fds
    if (memory === undefined) throw unexpected(DomainOp.share)
    const { count, length, text } = message
    try {
      const place = { lengthBytes: length, user: seat.index }
      const { index } = this.#buffers.add(TEXT.decode(text), memory.dup(), place)
      this.#post(seat, encodeDomain(DomainOp.buffer, { count, index, length }))
    } catch (error) {
      this.#refuse(seat, count, error as DmaBufError)
    }
  }

  #announce(index: number, user: number): void {
    const buffer = this.#buffers.announce(index, user)
    for (const opening of buffer === undefined ? [] : [...this.#openings]) {
      if (opening.name !== buffer!.name) continue
      this.#openings.delete(opening)
      buffer!.users.add(opening.user)
      opening.found(buffer!)
    }
  }

  // `flags`: whether to wait for somebody who shares it.
  #open(seat: Seat, { count, flags, text }: DomainMessage): void {
    const name = TEXT.decode(text)
    const found = ({ index, lengthBytes: length, memory }: KnownBuffer): void =>
      this.#post(seat, encodeDomain(DomainOp.buffer, { count, index, length }), [memory])
    const buffer = this.#buffers.use(name, seat.index)
    if (buffer !== undefined) found(buffer)
    else if (flags === 0) this.#refuse(seat, count, unknownBuffer(name))
    else if (this.#openingsOf(seat) >= MAX_OPENINGS) throw unexpected(DomainOp.open)
    else this.#openings.add({ name, user: seat.index, found })
  }

  #openingsOf({ index }: Seat): number {
    let count = 0
    for (const { user } of this.#openings) if (user === index) count++
    return count
  }

  #refuse(seat: Seat, count: number, error: DmaBufError): void {
    const text = BYTES.encode(error.message.replace(/^E[A-Z]+: /, ''))
    const flags = errnoNumber(error.code)
    this.#post(seat, encodeDomain(DomainOp.buffer, { count, flags, text }))
  }

  #evict(seat: Seat, error: DmaBufError): void {
    this.#unseat(seat.index, seat.generation, error)
  }

  /** A member is gone: the others hear it, though most will have seen it themselves. */
  #unseat(index: number, generation: number, error?: DmaBufError): void {
    const seat = this.#seats.get(index)
    if (seat?.generation !== generation) return
    this.#seats.delete(index)
    const hasJoined = seat.fds !== undefined
    closeSeat(seat)
    void seat.link.closeWith(error)
    for (const opening of [...this.#openings])
      if (opening.user === index) this.#openings.delete(opening)
    this.#buffers.releaseAll(index)
    if (!hasJoined) return
    const errno = error === undefined ? 0 : errnoNumber(error.code)
    const peer = this.#group.find(index, generation)
    if (peer !== undefined) this.#group.remove(peer, errno === 0 ? undefined : evicted(errno))
    // Who is evicted may be alive: before its next lock it sees that the epoch has changed, and reads that it has to go.
    const epoch = this.#group.epoch + (errno === 0 ? 0 : 1)
    const message = encodeDomain(DomainOp.evicted, { index, generation, epoch, flags: errno })
    for (const other of this.#seats.values())
      if (other.fds !== undefined) this.#post(other, message)
    if (errno !== 0) this.#group.raiseEpoch()
  }

  // The descriptors may be closed, and their numbers used again, before the socket has room.
  #post(seat: Seat, payload: Uint8Array<ArrayBuffer>, fds: readonly OwnedFd[] = []): void {
    if (++seat.unsent > MAX_UNSENT) {
      this.#evict(seat, new DmaBufError('ETIMEDOUT', 'domain', 'It takes no messages: it is stuck'))
      return
    }
    const copies = fds.map((fd) => fd.dup())
    const done = (): void => {
      seat.unsent--
      for (const fd of copies) fd.close()
    }
    seat.link.post(MessageType.domain, payload, { fds: copies }).then(done, done)
  }
}

function closeSeat({ fds, stopTimer }: Seat): void {
  stopTimer()
  fds?.page.close()
  fds?.lifeline.close()
}

function unexpected(op: number): DmaBufError {
  return new DmaBufError(
    'EPROTO',
    'domain',
    `A message of kind ${op} came that is not expected here`,
  )
}

function unknownBuffer(name: string): DmaBufError {
  return new DmaBufError('ENOENT', 'open', `Nobody shares a buffer of this name: ${name}`)
}
