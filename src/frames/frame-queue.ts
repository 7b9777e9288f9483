import { copiedBytes } from '../core/buffer/copied-bytes.js'
import { DmaBufError, errnoNumber } from '../core/errors.js'
import { getFence, putFence, type Fence } from '../core/fence/fence.js'
import type { FrameFormat, LaidOutFormat } from '../core/frame/format.js'
import { host, type WaitOptions } from '../core/host.js'
import { checkWait, waitFor } from '../core/wait.js'
import type { JoinMessage } from '../interprocess/queue-message.js'
import type { ConsumerView } from '../interprocess/consumer-view.js'
import { FENCE_PENDING, FENCE_READY } from '../interprocess/frame-descriptor.js'
import { MAX_CONSUMERS } from '../interprocess/queue-page.js'
import { QueueProducer } from '../interprocess/queue-producer.js'
import type { Words } from '../interprocess/words.js'
import { Consumer } from './consumer.js'
import { afterTurn, EventLoopTurns } from './event-loop-turns.js'
import type { FramePort } from './frame-port.js'
import { QueueMemory, type AllocateBuffer } from './queue-memory.js'
import { checkFrame, type SlowConsumerPolicy } from './queue-options.js'
import type { QueueTransport } from './queue-transport.js'
import type { SlotBuffer } from './slot-buffers.js'
import { SlowConsumers } from './slow-consumers.js'
import { WritableFrame, type FrameMetadata, type FrameShape } from './writable-frame.js'

/** A consumer came, or is gone. */
export interface ConsumerChange {
  readonly change: 'joined' | 'left'
  readonly consumer: Consumer
  /** Buffers it held when it left: they are free now. */
  readonly heldAtEnd: number
}

/** Counts since the queue was made. */
export interface QueueStats {
  readonly queued: number
  readonly cancelled: number
  /** tryDequeue() calls that found no buffer: frames the camera had to drop. */
  readonly dropped: number
  /** Bytes our own code copied in this process; 0 where `zeroCopy`. */
  readonly bytesCopied: number
}

/** What a queue is made of. @internal */
export interface FrameQueueParts {
  /** Makes a buffer of so many bytes; it moves to the queue. */
  readonly allocate: AllocateBuffer
  readonly format: LaidOutFormat | undefined
  /** Of one frame. */
  readonly lengthBytes: number
  readonly bufferCount: number
  /** With those that replace what consumers keep that were told to leave. */
  readonly slotCount: number
  readonly slowConsumer: SlowConsumerPolicy
  readonly maxConsumers: number
  /** The queue's own page, fresh: as many bytes as queuePageBytes() says for `slotCount`. */
  readonly page: Words
  /** Makes a place for a consumer in another thread. */
  readonly openPort: () => FramePort
  /** Stops admitting consumers; those who are about to join are refused with the error. */
  readonly stopServing: (refusal: DmaBufError) => Promise<void>
  /** Frees the page: the queue has stopped using it. */
  readonly closePage: () => void
}

/** A consumer that may join, before it is one. @internal */
export interface OpenedConsumer {
  readonly view: ConsumerView
  /** Moves to the queue. */
  readonly transport: QueueTransport
}

/**
 * The producer's end of a queue of shared buffers: dequeue one, fill it, queue it.
 *
 * Consumers come and go, and may be killed: their buffers come back.
 */
export class FrameQueue implements AsyncDisposable {
  readonly #parts: FrameQueueParts
  readonly #producer: QueueProducer
  readonly #memory: QueueMemory
  readonly #consumers: Consumer[] = []
  readonly #slow: SlowConsumers
  readonly #turns = new EventLoopTurns()
  readonly #waiters: ((frame: WritableFrame | undefined, error?: unknown) => void)[] = []
  readonly #watchers = new Set<(change: ConsumerChange) => void>()
  readonly #counts = { queued: 0, cancelled: 0, dropped: 0 }
  readonly #copiedBefore = copiedBytes()
  /** Stop waiting for the fences of published frames. */
  readonly #unfinished = new Set<() => void>()
  #shape: FrameShape
  #nextId = 1
  #closed = false

  /** @internal Use serveFrames(). @throws {DmaBufError} what `allocate` throws */
  constructor(parts: FrameQueueParts) {
    this.#parts = parts
    const { format: layout, lengthBytes, bufferCount: depth, allocate } = parts
    this.#shape = { serial: 1, layout, lengthBytes }
    this.#producer = new QueueProducer(parts.page, parts.slotCount, Math.floor(host().nowNs()))
    const changed = (): void => {
      for (const consumer of this.#consumers) consumer.offer(this.slots)
    }
    this.#memory = new QueueMemory(this.#producer, { allocate, depth, lengthBytes, changed })
    const queue = { producer: this.#producer, consumers: this.#consumers }
    this.#slow = new SlowConsumers(parts.slowConsumer, queue, {
      disconnect: (consumer, reason) => {
        this.disconnect(consumer, reason)
      },
      drop: (consumer, reason) => {
        consumer.sendGoodbye(reason)
        this.#remove(consumer)
      },
      isWaited: () => this.#waiters.length > 0,
      retry: () => {
        this.#serveWaiters()
      },
    })
  }

  /** What the frames are that are dequeued now; undefined where they are plain bytes. */
  get format(): LaidOutFormat | undefined {
    return this.#shape.layout
  }

  /** Bytes of a frame that is dequeued now. */
  get lengthBytes(): number {
    return this.#shape.lengthBytes
  }

  /** Buffers that take part; those that consumers keep who were told to leave are replaced. */
  get bufferCount(): number {
    return this.#parts.bufferCount
  }

  /** The slots and their buffers, for whoever joins; borrowed. @internal */
  get slots(): readonly SlotBuffer[] {
    return this.#memory.slots
  }

  /** How many slots there are. @internal */
  get slotCount(): number {
    return this.#parts.slotCount
  }

  /** Whoever is connected now. */
  get consumers(): readonly Consumer[] {
    return this.#consumers
  }

  /** The consumers that a waiting dequeue() waits for, the one with most buffers first; empty: none waits. */
  get stalledBy(): readonly Consumer[] {
    return this.#waiters.length === 0 ? [] : this.#slow.blockers
  }

  /**
   * A buffer to fill, as soon as one is free.
   *
   * @throws {DmaBufError} ETIMEDOUT, saying who holds what; EBADF after close()
   */
  async dequeue(options: WaitOptions = {}): Promise<WritableFrame> {
    checkWait(options)
    const frame = this.#waiters.length === 0 ? this.#take() : undefined
    if (frame !== undefined) return this.#turns.isDue() ? afterTurn(frame) : frame
    const describe = (): string => this.#slow.describe()
    return waitFor<WritableFrame>('dequeue', { ...options, describe }, (waiter) => {
      const settle = (taken: WritableFrame | undefined, error?: unknown): void => {
        if (taken === undefined) waiter.reject(error)
        else waiter.resolve(taken)
      }
      this.#waiters.push(settle)
      this.#slow.startPatience()
      this.#serveWaiters()
      return () => {
        const index = this.#waiters.indexOf(settle)
        if (index >= 0) this.#waiters.splice(index, 1)
      }
    })
  }

  /** A buffer to fill, or undefined: a camera that cannot wait drops the frame. No system call. */
  tryDequeue(): WritableFrame | undefined {
    const frame = this.#waiters.length === 0 ? this.#take() : undefined
    if (frame !== undefined) this.#slow.endPatience()
    else {
      this.#counts.dropped++
      this.#slow.startPatience()
    }
    return frame
  }

  /**
   * Changes what the frames are, without a restart: those dequeued from now on are of the new kind. Frames
   * published before stay as they are until they are read; buffers change their size as they become free.
   *
   * @param to - a format, or the bytes of a frame
   * @throws {DmaBufError} ENOMEM: the queue is as it was, but for buffers that were not free; EBADF after
   *   close(); {RangeError} for absurd sizes
   */
  async resize(to: FrameFormat | number): Promise<void> {
    if (this.#closed) throw new DmaBufError('EBADF', 'resize', 'Queue is closed')
    const { format: layout, lengthBytes } = checkFrame(
      typeof to === 'number' ? { lengthBytes: to } : { format: to },
    )
    this.#memory.resize(lengthBytes)
    this.#shape = { serial: this.#shape.serial + 1, layout, lengthBytes }
    this.#serveWaiters()
  }

  /**
   * A place for one consumer in another thread: post it to a worker, which calls openFramePort() with it.
   * One that nobody opens is taken back when the queue closes.
   *
   * @throws {DmaBufError} EBADF after close(), EMFILE
   */
  port(): FramePort {
    if (this.#closed) throw new DmaBufError('EBADF', 'port', 'Queue is closed')
    return this.#parts.openPort()
  }

  /** Calls back whenever a consumer joins or leaves, until the result is disposed. */
  watchConsumers(callback: (change: ConsumerChange) => void): Disposable {
    this.#watchers.add(callback)
    return {
      [Symbol.dispose]: () => {
        this.#watchers.delete(callback)
      },
    }
  }

  /** Counts since the start. */
  stats(): QueueStats {
    return { ...this.#counts, bytesCopied: copiedBytes() - this.#copiedBefore }
  }

  /** Closes cleanly: consumers read what is published, and their loops end. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    const refusal = new DmaBufError('EPIPE', 'join', 'The queue is closed')
    const stopped = this.#parts.stopServing(refusal)
    this.#slow.endPatience()
    for (const forget of this.#unfinished) forget()
    const error = new DmaBufError('EBADF', 'dequeue', 'Queue was closed')
    for (const settle of this.#waiters.splice(0)) settle(undefined, error)
    await Promise.all([...this.#consumers.splice(0).map((consumer) => consumer.close()), stopped])
    this.#memory[Symbol.dispose]()
    this.#parts.closePage()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /**
   * Admits a consumer, if there are buffers enough.
   *
   * @param open - makes its connection, once it is clear that there is room
   * @throws {DmaBufError} EPIPE after close(), EBUSY with the number of buffers to set; what `open` throws
   * @internal
   */
  join(
    join: JoinMessage,
    open: (queue: { index: number; firstTicket: number; rung: () => void }) => OpenedConsumer,
  ): Consumer {
    this.#checkRoom(join)
    const firstTicket = this.#producer.firstTicket(join.mode)
    const rung = (): void => {
      this.#serveWaiters()
    }
    const opened = open({ index: this.#freeIndex(), firstTicket, rung })
    const consumer = new Consumer(this.#nextId++, opened, this.#producer)
    this.#producer.admit(consumer.view)
    this.#consumers.push(consumer)
    opened.transport.onEnd(() => {
      this.#remove(consumer)
    })
    this.#tell({ change: 'joined', consumer, heldAtEnd: 0 })
    return consumer
  }

  #checkRoom(join: JoinMessage): void {
    if (this.#closed) throw new DmaBufError('EPIPE', 'join', 'The queue is closed')
    const needed = this.#producer.buffersNeeded + join.maxHeld
    if (needed > Math.min(this.bufferCount, this.#memory.depth))
      throw new DmaBufError(
        'EBUSY',
        'join',
        `The queue has ${this.bufferCount} buffers, this viewer and those before it need ${needed}: ` +
          `serveFrames with { buffers: ${needed} }, or dmabuf camera --buffers ${needed}`,
      )
    if (this.#consumers.length >= this.#parts.maxConsumers)
      throw new DmaBufError(
        'EBUSY',
        'join',
        `The queue admits ${this.#parts.maxConsumers} consumers`,
      )
  }

  // The longest unused: whoever had it before is long gone.
  #freeIndex(): number {
    let index = (this.#nextId - 1) % MAX_CONSUMERS
    while (this.#consumers.some(({ view }) => view.index === index))
      index = (index + 1) % MAX_CONSUMERS
    return index
  }

  #remove(consumer: Consumer): void {
    const index = this.#consumers.indexOf(consumer)
    if (index < 0) return
    this.#consumers.splice(index, 1)
    const heldAtEnd = consumer.held
    this.#producer.consumers.delete(consumer.view)
    consumer[Symbol.dispose]()
    this.#memory.balance()
    this.#serveWaiters()
    this.#tell({ change: 'left', consumer, heldAtEnd })
  }

  #tell(change: ConsumerChange): void {
    for (const watcher of this.#watchers) watcher(change)
  }

  #take(orAsk = false): WritableFrame | undefined {
    if (this.#closed) throw new DmaBufError('EBADF', 'dequeue', 'Queue is closed')
    const slot = this.#memory.take(orAsk)
    if (slot === undefined) return undefined
    const handle = this.#memory.bufferOf(slot)
    return new WritableFrame(this.#frameOwner, slot, { handle, shape: this.#shape })
  }

  readonly #frameOwner = {
    publish: (slot: number, metadata: FrameMetadata, shape: FrameShape): void => {
      if (this.#closed) throw new DmaBufError('EBADF', 'queue', 'Queue is closed')
      const nowNs = host().nowNs()
      const { timestampNs = nowNs, lengthBytes = shape.lengthBytes, damage = [], fence } = metadata
      const facts = { timestampNs, publishedNs: nowNs, lengthBytes, damage }
      const status = fence === undefined ? FENCE_READY : statusOf(fence)
      this.#producer.publish(slot, facts, shape, status)
      this.#counts.queued++
      this.#ring()
      if (status === FENCE_PENDING) this.#awaitFence(slot, fence!)
      // The frame before this may be free now, and whoever had all others waits for one.
      if (this.#waiters.length > 0) this.#serveWaiters()
    },
    giveBack: (slot: number): void => {
      this.#counts.cancelled++
      this.#producer.cancel(slot)
      this.#serveWaiters()
    },
  }

  #ring(): void {
    for (const consumer of this.#consumers) consumer.ring()
  }

  // The buffer is still being written: nobody takes it before the fence has signalled.
  #awaitFence(slot: number, fence: Fence): void {
    const forget = (): void => {
      this.#unfinished.delete(forget)
      fence.removeCallback(settled)
      putFence(fence)
    }
    const settled = (): void => {
      forget()
      this.#producer.settle(slot, statusOf(fence))
      this.#ring()
      this.#serveWaiters()
    }
    getFence(fence)
    this.#unfinished.add(forget)
    if (!fence.addCallback(settled)) settled()
  }

  // Asks to be rung before looking a last time, so that no release falls in between.
  #serveWaiters(): void {
    while (this.#waiters.length > 0 && !this.#closed) {
      const frame = this.#take(true)
      if (frame === undefined) return
      this.#waiters.shift()?.(frame)
    }
    if (this.#waiters.length === 0) this.#slow.endPatience()
  }

  /**
   * Tells a consumer to leave: its reads fail with the error. What it holds stays its own until it is
   * gone, and is replaced by other buffers; what it has not read is not kept for it any more.
   */
  disconnect(consumer: Consumer, reason?: DmaBufError): void {
    if (consumer.evicted || !this.#consumers.includes(consumer)) return
    consumer.sendGoodbye(
      reason ?? new DmaBufError('EPIPE', 'queue', 'Disconnected by the producer'),
    )
    this.#producer.evict(consumer.view)
    this.#memory.balance()
    this.#serveWaiters()
  }
}

function statusOf(fence: Fence): number {
  if (!fence.isSignaled()) return FENCE_PENDING
  return fence.error === undefined ? FENCE_READY : -errnoNumber(fence.error.code)
}
