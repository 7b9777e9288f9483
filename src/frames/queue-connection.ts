import { DmaBufError, errnoNumber } from '../core/errors.js'
import type { Fence } from '../core/fence/fence.js'
import { FENCE_PENDING } from '../interprocess/frame-descriptor.js'
import {
  QueueConsumer,
  type ClaimedFrame,
  type FenceMode,
  type QueueMode,
} from '../interprocess/queue-consumer.js'
import type { Words } from '../interprocess/words.js'
import { AcquireFences } from './acquire-fences.js'
import { Frame, type FrameOwner } from './frame.js'
import { ProcessorOffers } from './processor-offers.js'
import type { QueueTransport, TransportEnd } from './queue-transport.js'
import type { BufferHold, SlotBuffers } from './slot-buffers.js'

/** What a connection is made of, once the producer has said welcome. @internal */
export interface ConnectionParts {
  readonly transport: QueueTransport
  /** The producer's page, read only. */
  readonly queue: Words
  /** This consumer's own page. */
  readonly own: Words
  /** Borrowed: the transport closes them, and puts others in their place. */
  readonly buffers: SlotBuffers
  readonly welcome: {
    readonly consumerIndex: number
    readonly slotCount: number
    readonly firstTicket: number
  }
  readonly mode: QueueMode
  readonly maxHeld: number
  readonly fences?: FenceMode
}

/** One connection to one producer: from its welcome to its end. A restarted producer is another one. */
export class QueueConnection implements FrameOwner {
  readonly consumer: QueueConsumer
  /** Called when a frame was given back. */
  released: (() => void) | undefined
  readonly #buffers: SlotBuffers
  readonly #transport: QueueTransport
  readonly #fences: AcquireFences
  readonly #offers = new ProcessorOffers()
  #closed = false
  #retired = false

  /** @throws {DmaBufError} EPROTO where the producer's page is none */
  constructor(parts: ConnectionParts) {
    const { transport, buffers, welcome, ...rest } = parts
    this.#transport = transport
    this.#buffers = buffers
    const consumer = new QueueConsumer({
      ...rest,
      ...welcome,
      bufferLength: (slot, serial) => this.#lengthOf(slot, serial),
      toldToLeave: () => this.#whyToLeave(),
      claimDropped: () => {
        this.#ringProducer()
      },
    })
    this.consumer = consumer
    this.#fences = new AcquireFences({
      producerName: transport.peerName,
      statusOf: (bufferIndex) => consumer.fenceStatus(bufferIndex),
      wanted: () => {
        consumer.bell.ask()
      },
    })
    transport.onEnd(({ clean, error }) => {
      // As with timelines: gone in an orderly way, or dead.
      consumer.producerGone(clean ? errnoNumber('ENOENT') : errnoNumber(error.code))
      this.#fences.look()
    })
  }

  /** Calls back once when the producer has closed or died, soon even if it has already. */
  onEnd(callback: (end: TransportEnd) => void): void {
    this.#transport.onEnd(callback)
  }

  /** Whether it keeps the program running, as it does at first. */
  keepAlive(on: boolean): void {
    this.#transport.keepAlive(on)
  }

  /** The next frame, or the newest; undefined where there is none, and `orAsk` rings at the next. */
  acquire(orAsk = false): Frame | undefined {
    const claimed = orAsk ? this.consumer.acquireOrAsk() : this.consumer.acquire()
    if (claimed === undefined) return undefined
    const { bufferIndex, facts, fenceStatus } = claimed
    const fence =
      fenceStatus === FENCE_PENDING ? this.#fences.add(bufferIndex, facts.ticket) : undefined
    const { epoch } = this.consumer
    return new Frame(this, claimed, { hold: this.#buffers.hold(bufferIndex), epoch, fence })
  }

  /** As acquire(), after others could run, where that is worth it. */
  acquireAfterOthers(): Frame | undefined {
    const transport = this.#transport
    if (transport.letOthersRun === undefined || this.consumer.isFull) return undefined
    if (!this.#offers.isDue()) return undefined
    const ns = transport.letOthersRun()
    const frame = this.acquire()
    this.#offers.made(frame !== undefined, ns)
    return frame
  }

  /** Looks what has become of fences that somebody waits for; asks for a ring while some are pending. */
  lookAtFences(): void {
    if (this.#fences.isEmpty) return
    // Ask, look: a signal between the two rings.
    this.consumer.bell.ask()
    this.#fences.look()
  }

  release({ bufferIndex }: ClaimedFrame, hold: BufferHold, fence?: Fence): void {
    if (this.#closed) return
    if (fence === undefined && this.#fences.isEmpty) {
      this.consumer.release(bufferIndex)
      this.#buffers.letGo(hold)
      this.#afterRelease()
      return
    }
    const uses = this.#usesOf(bufferIndex, fence, () => {
      this.#released(bufferIndex, hold)
    })
    if (uses) {
      this.consumer.releaseLater(bufferIndex)
      // Nobody may wait for the frame's own fence but this.
      this.lookAtFences()
    } else {
      this.consumer.release(bufferIndex)
      this.#buffers.letGo(hold)
    }
    this.#afterRelease()
  }

  /** Closes it as soon as no frame of it is held: what somebody looks at outlives its producer. */
  async retire(): Promise<void> {
    this.#retired = true
    if (this.consumer.held === 0) await this.close()
  }

  /** Says goodbye and gives everything back, also what fences still use. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.consumer.producerGone(errnoNumber('ENOENT'))
    this.#fences.look()
    await this.#transport.close()
  }

  // Whether something still uses the buffer: calls back when nothing does any more.
  #usesOf(bufferIndex: number, fence: Fence | undefined, done: () => void): boolean {
    let uses = 0
    const end = (): void => {
      uses--
      if (uses === 0) done()
    }
    // Counted before, since either may come to its end while it is asked.
    uses += 2
    const isUnfinished = this.#fences.whenSettled(bufferIndex, end)
    const isUsed = fence?.addCallback(end) === true
    uses -= (isUnfinished ? 0 : 1) + (isUsed ? 0 : 1)
    return uses > 0
  }

  #released(bufferIndex: number, hold: BufferHold): void {
    if (this.#closed) return
    this.consumer.releaseDone(bufferIndex)
    this.#buffers.letGo(hold)
    this.#ringProducer()
  }

  #afterRelease(): void {
    this.#ringProducer()
    this.released?.()
    if (this.#retired && this.consumer.held === 0) void this.close()
  }

  #lengthOf(slot: number, serial: number): number | undefined {
    const lengthBytes = this.#buffers.lengthOf(slot, serial)
    if (lengthBytes !== undefined) return lengthBytes
    // The producer has sent it before it used it, unless our socket was full.
    this.#transport.pump()
    return this.#buffers.lengthOf(slot, serial)
  }

  #whyToLeave(): unknown {
    this.#transport.pump()
    const { end } = this.#transport
    if (end !== undefined && !end.clean) return end.error
    return new DmaBufError('EPIPE', 'receive', 'Disconnected by the producer')
  }

  #ringProducer(): void {
    if (this.consumer.producerBell.take()) this.#transport.ring()
  }
}
