import { copiedBytes } from '../core/buffer/copied-bytes.js'
import type { DmaBuf } from '../core/buffer/buffer.js'
import { DmaBufError } from '../core/errors.js'
import type { LaidOutFormat } from '../core/frame/format.js'
import { host, type WaitOptions } from '../core/host.js'
import { checkWait, waitFor } from '../core/wait.js'
import { warn } from '../core/warn.js'
import type { JoinMessage } from '../interprocess/queue-message.js'
import { QueueProducer, type ConsumerView } from '../interprocess/queue-producer.js'
import type { Words } from '../interprocess/words.js'
import { Consumer } from './consumer.js'
import { afterTurn, EventLoopTurns } from './event-loop-turns.js'
import type { SlowConsumerPolicy } from './queue-options.js'
import type { QueueTransport } from './queue-transport.js'
import { WritableFrame, type FrameMetadata } from './writable-frame.js'

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
  readonly buffers: readonly DmaBuf[]
  readonly format: LaidOutFormat | undefined
  /** Of one frame. */
  readonly lengthBytes: number
  readonly slowConsumer: SlowConsumerPolicy
  readonly maxConsumers: number
  /** The queue's own page, fresh: as many bytes as queuePageBytes() says. */
  readonly page: Words
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
  readonly format: LaidOutFormat | undefined
  /** Bytes of one frame. */
  readonly lengthBytes: number
  readonly #parts: FrameQueueParts
  readonly #producer: QueueProducer
  readonly #consumers: Consumer[] = []
  readonly #turns = new EventLoopTurns()
  readonly #waiters: ((frame: WritableFrame | undefined, error?: unknown) => void)[] = []
  readonly #watchers = new Set<(change: ConsumerChange) => void>()
  readonly #counts = { queued: 0, cancelled: 0, dropped: 0 }
  readonly #publishedFormat: { serial: number; layout: LaidOutFormat | undefined }
  readonly #copiedBefore = copiedBytes()
  #nextId = 1
  #closed = false
  #stopPatience: (() => void) | undefined
  #progress = new Map<Consumer, number>()

  /** @internal Use serveFrames(). @param parts - the buffers move: closed with the queue */
  constructor(parts: FrameQueueParts) {
    this.#parts = parts
    this.format = parts.format
    this.lengthBytes = parts.lengthBytes
    this.#publishedFormat = { serial: 1, layout: parts.format }
    this.#producer = new QueueProducer(parts.page, parts.buffers.length)
  }

  get bufferCount(): number {
    return this.#parts.buffers.length
  }

  /** Whoever is connected now. */
  get consumers(): readonly Consumer[] {
    return this.#consumers
  }

  /** The consumers that a waiting dequeue() waits for, the one with most buffers first; empty: none waits. */
  get stalledBy(): readonly Consumer[] {
    return this.#waiters.length === 0 ? [] : this.#blockers()
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
    const describe = (): string => this.#describeBlockers()
    return waitFor<WritableFrame>('dequeue', { ...options, describe }, (waiter) => {
      const settle = (taken: WritableFrame | undefined, error?: unknown): void => {
        if (taken === undefined) waiter.reject(error)
        else waiter.resolve(taken)
      }
      this.#waiters.push(settle)
      this.#startPatience()
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
    if (frame !== undefined) this.#endPatience()
    else {
      this.#counts.dropped++
      this.#startPatience()
    }
    return frame
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
    this.#stopPatience?.()
    const error = new DmaBufError('EBADF', 'dequeue', 'Queue was closed')
    for (const settle of this.#waiters.splice(0)) settle(undefined, error)
    await Promise.all([...this.#consumers.splice(0).map((consumer) => consumer.close()), stopped])
    for (const buffer of this.#parts.buffers) buffer.close()
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
    open: (queue: { firstTicket: number; rung: () => void }) => OpenedConsumer,
  ): Consumer {
    this.#checkRoom(join)
    const firstTicket = this.#producer.firstTicket(join.mode)
    const rung = (): void => {
      this.#serveWaiters()
    }
    const opened = open({ firstTicket, rung })
    const consumer = new Consumer(this.#nextId++, opened, this.#producer)
    this.#producer.consumers.add(consumer.view)
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
    if (needed > this.bufferCount)
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

  #remove(consumer: Consumer): void {
    const index = this.#consumers.indexOf(consumer)
    if (index < 0) return
    this.#consumers.splice(index, 1)
    const heldAtEnd = consumer.held
    this.#producer.consumers.delete(consumer.view)
    this.#progress.delete(consumer)
    consumer[Symbol.dispose]()
    this.#serveWaiters()
    this.#tell({ change: 'left', consumer, heldAtEnd })
  }

  #tell(change: ConsumerChange): void {
    for (const watcher of this.#watchers) watcher(change)
  }

  #take(orAsk = false): WritableFrame | undefined {
    if (this.#closed) throw new DmaBufError('EBADF', 'dequeue', 'Queue is closed')
    const index = orAsk ? this.#producer.takeOrAsk() : this.#producer.take()
    if (index === undefined) return undefined
    const handle = this.#parts.buffers[index]!
    return new WritableFrame(this.#frameOwner, index, {
      handle,
      format: this.format,
      lengthBytes: this.lengthBytes,
    })
  }

  readonly #frameOwner = {
    publish: (bufferIndex: number, metadata: FrameMetadata): void => {
      if (this.#closed) throw new DmaBufError('EBADF', 'queue', 'Queue is closed')
      const { timestampNs = host().nowNs(), lengthBytes = this.lengthBytes, damage = [] } = metadata
      this.#producer.publish(
        bufferIndex,
        { timestampNs, lengthBytes, damage },
        this.#publishedFormat,
      )
      this.#counts.queued++
      for (const consumer of this.#consumers) consumer.ring()
    },
    giveBack: (bufferIndex: number): void => {
      this.#counts.cancelled++
      this.#producer.cancel(bufferIndex)
      this.#serveWaiters()
    },
  }

  // Asks to be rung before looking a last time, so that no release falls in between.
  #serveWaiters(): void {
    while (this.#waiters.length > 0 && !this.#closed) {
      const frame = this.#take(true)
      if (frame === undefined) return
      this.#waiters.shift()?.(frame)
    }
    if (this.#waiters.length === 0) this.#endPatience()
  }

  #blockers(): Consumer[] {
    const views = this.#producer.blockers().map((blocker) => blocker.consumer)
    return views.flatMap((view) => this.#consumers.filter((consumer) => consumer.view === view))
  }

  #describeBlockers(): string {
    const parts = this.#blockers().map(
      ({ id, peerName, held, lagFrames, mode }) =>
        `consumer ${id} (${peerName}, ${mode}) holds ${held}, has ${lagFrames} to read`,
    )
    return parts.length === 0 ? '' : `: ${parts.join('; ')}`
  }

  #startPatience(): void {
    if (this.#stopPatience !== undefined) return
    this.#progress = new Map(this.#consumers.map((consumer) => [consumer, progressOf(consumer)]))
    this.#stopPatience = host().setTimer(this.#parts.slowConsumer.afterMs, () => {
      this.#stopPatience = undefined
      this.#loseOffenders()
      this.#losePatience()
    })
  }

  #endPatience(): void {
    this.#stopPatience?.()
    this.#stopPatience = undefined
  }

  #losePatience(): void {
    const { afterMs, then } = this.#parts.slowConsumer
    for (const consumer of this.#blockers()) {
      // What it holds within its cap never stalls the camera; what it has not read does.
      const stalls = consumer.view.keptFrom() <= this.#producer.published
      if (!stalls || this.#progress.get(consumer) !== progressOf(consumer)) continue
      const what = `Consumer ${consumer.id} (${consumer.peerName}) has not moved for ${afterMs} ms`
      if (then === 'wait')
        warn({ rule: 'DMABUF_SLOW_CONSUMER', message: `${what}: the queue waits for it` })
      else this.disconnect(consumer, new DmaBufError('ETIMEDOUT', 'queue', `${what}: disconnected`))
    }
    if (this.#waiters.length > 0) this.#startPatience()
    this.#serveWaiters()
  }

  #loseOffenders(): void {
    const offender = this.#producer.offender()
    const consumer = this.#consumers.find(({ view }) => view === offender?.consumer)
    if (offender === undefined || consumer === undefined) return
    consumer.sendGoodbye(new DmaBufError('EPROTO', 'queue', `Disconnected: it ${offender.reason}`))
    this.#remove(consumer)
  }

  /**
   * Tells a consumer to leave: its reads fail with the error. What it holds stays its own until it is
   * gone, what it has not read is not kept for it any more.
   */
  disconnect(consumer: Consumer, reason?: DmaBufError): void {
    if (consumer.evicted || !this.#consumers.includes(consumer)) return
    consumer.sendGoodbye(
      reason ?? new DmaBufError('EPIPE', 'queue', 'Disconnected by the producer'),
    )
    this.#producer.evict(consumer.view)
    this.#serveWaiters()
  }
}

/** The next frame it will take. Claims do not count: one that turns them on and off takes nothing. */
function progressOf(consumer: Consumer): number {
  return consumer.view.cursor()
}
