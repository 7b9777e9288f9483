import { copiedBytes } from '../core/buffer/copied-bytes.js'
import { DmaBufError } from '../core/errors.js'
import type { AbortSignalLike, WaitOptions } from '../core/host.js'
import { checkWait, waitFor } from '../core/wait.js'
import type { QueueMode } from '../interprocess/queue-consumer.js'
import { afterTurn, EventLoopTurns, nextTurn } from './event-loop-turns.js'
import type { Frame } from './frame.js'
import type { QueueConnection } from './queue-connection.js'

interface Runtime {
  AbortController: new () => { readonly signal: AbortSignalLike; abort(): void }
}

const { AbortController } = globalThis as unknown as Runtime

interface FrameWaiter {
  readonly resolve: (frame: Frame | undefined) => void
  readonly reject: (error: unknown) => void
}

/** Counts since the stream was opened. */
export interface StreamStats {
  readonly received: number
  /** Frames published and never received: those a 'latest' stream skipped. */
  readonly missed: number
  /** Bytes our own code copied in this process; 0 where `zeroCopy`. */
  readonly bytesCopied: number
}

/** How a stream gets its connections. @internal */
export interface FrameStreamParts {
  readonly mode: QueueMode
  /** Connects anew after a producer's death; undefined where its death ends the stream. */
  readonly reconnect:
    ((rung: () => void, signal: AbortSignalLike) => Promise<QueueConnection>) | undefined
}

/**
 * The consumer's end of a queue: frames as an async iterable, one by one, or by callback.
 *
 * It ends when the producer closes cleanly, and throws EOWNERDEAD when the producer dies, unless it was
 * opened with `waitForServer`: then it goes on with the producer that comes next.
 */
export class FrameStream implements AsyncIterable<Frame>, AsyncDisposable {
  readonly mode: QueueMode
  readonly #parts: FrameStreamParts
  readonly #waiters: FrameWaiter[] = []
  readonly #counts = { received: 0, missed: 0 }
  readonly #copiedBefore = copiedBytes()
  readonly #abort = new AbortController()
  readonly #turns = new EventLoopTurns()
  #connection: QueueConnection | undefined
  #leaving: Promise<void> | undefined
  /** The last one whose producer died; it may have frames that are held. */
  #retired: QueueConnection | undefined
  #subscriber: { frame: (frame: Frame) => void; end: (error?: unknown) => void } | undefined
  #failure: DmaBufError | undefined
  #finished = false
  #delivering = false
  #closed = false

  /** @internal Use connectFrames(). */
  constructor(parts: FrameStreamParts) {
    this.#parts = parts
    this.mode = parts.mode
  }

  /** Starts reading a connection. @internal */
  attach(connection: QueueConnection): void {
    this.#connection = connection
    connection.released = () => {
      this.#deliver()
      this.#leaveIfOver()
    }
    connection.onEnd((end) => {
      if (this.#connection !== connection || this.#closed) return
      if (end.clean) this.#finished = true
      else if (this.#parts.reconnect === undefined || !isDeath(end.error)) this.#fail(end.error)
      else void this.#reconnect(connection, this.#parts.reconnect)
      this.#deliver()
      this.#leaveIfOver()
    })
    this.#deliver()
  }

  /** Called when the producer published something. @internal */
  readonly rung = (): void => {
    this.#deliver()
    this.#connection?.lookAtFences()
  }

  /** Frames held now, those on loan included. */
  get held(): number {
    return this.#connection?.consumer.held ?? 0
  }

  /**
   * The next frame, or the newest; undefined once the producer has closed cleanly.
   *
   * While you hold `maxHeld` frames it waits for a release.
   * @returns owned: release() it, or hold it with `using`
   * @throws {DmaBufError} EOWNERDEAD when the producer died, ETIMEDOUT, EBADF after close()
   */
  async receive(options: WaitOptions = {}): Promise<Frame | undefined> {
    checkWait(options)
    const frame = this.tryReceive() ?? this.#receiveAfterOthers()
    if (frame !== undefined) return this.#turns.isDue() ? afterTurn(frame) : frame
    if (this.#ended) return undefined
    const describe = (): string => (this.held > 0 ? `: ${this.held} frames are held` : '')
    return waitFor<Frame | undefined>('receive', { ...options, describe }, (waiter) => {
      this.#waiters.push(waiter)
      this.#deliver()
      return () => {
        const index = this.#waiters.indexOf(waiter)
        if (index >= 0) this.#waiters.splice(index, 1)
      }
    })
  }

  /** The next frame or the newest, if there is one now. No system call. */
  tryReceive(): Frame | undefined {
    if (this.#closed) throw new DmaBufError('EBADF', 'receive', 'Stream is closed')
    if (this.#failure !== undefined) throw this.#failure
    return this.#waiters.length > 0 || this.#subscriber !== undefined
      ? undefined
      : this.#acquire('now')
  }

  /**
   * Calls back with every frame as it comes, without promises in between; release each one. The stream
   * must not be read otherwise meanwhile.
   *
   * @param end - called once, with an error unless the producer closed cleanly
   * @returns dispose to stop
   */
  subscribe(frame: (frame: Frame) => void, end: (error?: unknown) => void = () => {}): Disposable {
    if (this.#closed) throw new DmaBufError('EBADF', 'subscribe', 'Stream is closed')
    if (this.#failure !== undefined) throw this.#failure
    if (this.#subscriber !== undefined || this.#waiters.length > 0)
      throw new DmaBufError('EBUSY', 'subscribe', 'The stream has a reader already')
    const subscriber = { frame, end }
    this.#subscriber = subscriber
    this.#deliver()
    return {
      [Symbol.dispose]: () => {
        if (this.#subscriber === subscriber) this.#subscriber = undefined
      },
    }
  }

  /** Counts since the start. */
  stats(): StreamStats {
    return { ...this.#counts, bytesCopied: copiedBytes() - this.#copiedBefore }
  }

  /** Leaves the queue; frames still held are given back. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#abort.abort()
    this.#subscriber = undefined
    for (const { reject } of this.#waiters.splice(0))
      reject(new DmaBufError('EBADF', 'receive', 'Stream was closed'))
    await this.#retired?.close()
    await (this.#connection?.close() ?? this.#leaving)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Reads until the producer closes. Leaving the loop keeps the stream open: close() it. */
  [Symbol.asyncIterator](): AsyncIterator<Frame, undefined> {
    return { next: () => this.#next() }
  }

  #next(): Promise<IteratorResult<Frame, undefined>> {
    try {
      const frame = this.tryReceive() ?? this.#receiveAfterOthers()
      if (frame !== undefined) {
        const result = { done: false as const, value: frame }
        return this.#turns.isDue() ? afterTurn(result) : Promise.resolve(result)
      }
      if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    } catch (error) {
      return Promise.reject(error)
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({
        resolve: (frame) => {
          resolve(
            frame === undefined ? { done: true, value: frame } : { done: false, value: frame },
          )
        },
        reject,
      })
      this.#deliver()
    })
  }

  /** Nothing more will come. What was published before a clean close still is to be read. */
  get #ended(): boolean {
    return this.#finished && this.#connection?.consumer.hasFrame !== true
  }

  #receiveAfterOthers(): Frame | undefined {
    return this.#waiters.length > 0 || this.#subscriber !== undefined || this.#ended
      ? undefined
      : this.#acquire('afterOthers')
  }

  #acquire(how: 'now' | 'afterOthers' | 'orAsk'): Frame | undefined {
    const connection = this.#connection
    try {
      const frame =
        how === 'afterOthers'
          ? connection?.acquireAfterOthers()
          : connection?.acquire(how === 'orAsk')
      if (frame === undefined) return undefined
      this.#counts.received++
      this.#counts.missed += frame.missed
      return frame
    } catch (error) {
      this.#fail(error)
      throw error
    }
  }

  // Hands out what there is; asks to be rung before looking a last time, so that no frame falls in between.
  #deliver(): void {
    // A frame that its own callback gives back: the loop below looks for the next one.
    if (this.#delivering) return
    this.#delivering = true
    try {
      while (this.#wanted) {
        const frame = this.#acquireForReader()
        if (frame === undefined) break
        if (this.#subscriber === undefined) this.#waiters.shift()?.resolve(frame)
        else if (this.#call(this.#subscriber, frame)) break
      }
    } catch (error) {
      if (this.#failure === undefined) throw error
    } finally {
      this.#delivering = false
    }
    if (this.#ended && !this.#closed) this.#finish()
  }

  // Who waits by a promise has let others run before.
  #acquireForReader(): Frame | undefined {
    if (this.#subscriber === undefined) return this.#acquire('orAsk')
    return this.#acquire('now') ?? this.#acquire('afterOthers') ?? this.#acquire('orAsk')
  }

  // Whether the next frame has to wait for the event loop, as after a callback that throws.
  #call(subscriber: { frame: (frame: Frame) => void }, frame: Frame): boolean {
    let isDue = true
    try {
      subscriber.frame(frame)
      isDue = this.#turns.isDue()
    } finally {
      if (isDue)
        nextTurn(() => {
          this.#deliver()
        })
    }
    return isDue
  }

  get #wanted(): boolean {
    if (this.#closed || this.#failure !== undefined) return false
    return this.#subscriber !== undefined || this.#waiters.length > 0
  }

  #finish(): void {
    for (const { resolve } of this.#waiters.splice(0)) resolve(undefined)
    const subscriber = this.#subscriber
    this.#subscriber = undefined
    subscriber?.end()
  }

  // Nothing more will come and nothing is held: whoever forgets close() costs the producer no buffer.
  #leaveIfOver(): void {
    const connection = this.#connection
    if (connection === undefined || this.held > 0) return
    if (this.#failure === undefined && !this.#ended) return
    this.#connection = undefined
    this.#leaving = connection.close()
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return
    this.#failure = DmaBufError.is(error)
      ? error
      : new DmaBufError('EPROTO', 'receive', String(error), { cause: error })
    this.#connection?.keepAlive(false)
    for (const { reject } of this.#waiters.splice(0)) reject(this.#failure)
    const subscriber = this.#subscriber
    this.#subscriber = undefined
    subscriber?.end(this.#failure)
  }

  async #reconnect(
    dead: QueueConnection,
    reconnect: NonNullable<FrameStreamParts['reconnect']>,
  ): Promise<void> {
    this.#connection = undefined
    this.#retired = dead
    await dead.retire()
    try {
      const connection = await reconnect(this.rung, this.#abort.signal)
      if (this.#closed) await connection.close()
      else this.attach(connection)
    } catch (error) {
      if (!this.#closed) this.#fail(error)
    }
  }
}

function isDeath(error: unknown): boolean {
  return DmaBufError.is(error, 'EOWNERDEAD')
}
