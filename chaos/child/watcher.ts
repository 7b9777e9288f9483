import type { Fence } from '#src/index.js'
import { connectLink, receiveTimeline, type Link, type RemoteTimeline } from '#src/linux/index.js'
import { nowMs } from './pattern.js'

/** What a watcher has seen of all the owners there were. */
export interface WatcherReport {
  /** Fences that signalled, those of work that failed among them. */
  readonly signaled: number
  /** Deaths that it heard of, the last one when. */
  readonly deaths: number
  readonly diedMs: number
  readonly violations: readonly string[]
  /** Whether it has a timeline now. */
  readonly watches: boolean
}

const AHEAD = 20
const KEPT_TIMES = 4096

/** Watches an owner's timeline, with fences pending ahead of it, and goes on with the owner that comes next. */
export class Watcher {
  readonly #path: string
  readonly #violations: string[] = []
  #signaled = 0
  #deaths = 0
  #diedMs = 0
  readonly #times: number[] = []
  #stopped = false
  #link: Link | undefined
  #loop: Promise<void> | undefined
  /** Wake-ups of every fence that waits: each has to come once. */
  readonly #pending = new Map<Fence, { seqno: number; calls: number }>()
  #watches = false

  constructor(path: string) {
    this.#path = path
  }

  /** Follows owners until stop(). */
  run(): void {
    this.#loop = this.#followAll()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#link?.close()
    await this.#loop
  }

  /** When the first fence after that time signalled; undefined before one does. */
  firstAfter(ms: number): number | undefined {
    return this.#times.find((atMs) => atMs > ms)
  }

  report(): WatcherReport {
    const [signaled, deaths, diedMs] = [this.#signaled, this.#deaths, this.#diedMs]
    return { signaled, deaths, diedMs, violations: this.#violations, watches: this.#watches }
  }

  async #followAll(): Promise<void> {
    while (!this.#stopped) {
      try {
        this.#link = await connectLink(this.#path, { waitForServer: true, timeoutMs: 500 })
        using timeline = await receiveTimeline(this.#link, { timeoutMs: 5000 })
        await this.#follow(timeline)
      } catch (error) {
        this.#note(String((error as { code?: unknown }).code))
      }
      this.#watches = false
      await this.#link?.close()
      this.#link = undefined
    }
  }

  async #follow(timeline: RemoteTimeline): Promise<void> {
    let next = timeline.value + 1
    for (let seqno = next; seqno < next + AHEAD; seqno++) this.#watch(timeline, seqno)
    this.#watches = true
    let hasFailed = false
    try {
      for (;;) {
        hasFailed = await fails(timeline, next, !hasFailed)
        this.#signaled++
        this.#times.push(nowMs())
        if (this.#times.length > 2 * KEPT_TIMES) this.#times.splice(0, KEPT_TIMES)
        this.#watch(timeline, next + AHEAD)
        next++
      }
    } catch (error) {
      this.#diedMs = nowMs()
      this.#deaths++
      const { code } = error as { code?: unknown }
      if (code !== 'EOWNERDEAD' && !this.#stopped)
        this.#violations.push(`a fence failed with ${String(code)}`)
      this.#checkPending(next)
    }
  }

  #watch(timeline: RemoteTimeline, seqno: number): void {
    const fence = timeline.fence(seqno)
    const entry = { seqno, calls: 0 }
    const waits = fence.addCallback(() => {
      entry.calls++
      if (entry.calls > 1) this.#violations.push(`fence ${seqno} signalled ${entry.calls} times`)
      if (fence.error === undefined || isFailure(fence.error)) this.#pending.delete(fence)
    })
    if (waits) this.#pending.set(fence, entry)
  }

  /** After the owner's death each fence that was pending has failed, once. */
  #checkPending(from: number): void {
    for (const [fence, { seqno, calls }] of this.#pending) {
      if (calls !== 1) this.#violations.push(`fence ${seqno} was woken ${calls} times by a death`)
      if (seqno < from && fence.error !== undefined)
        this.#violations.push(`fence ${seqno} failed though the owner had reached ${from - 1}`)
    }
    this.#pending.clear()
  }

  // A server that is not there yet, or died while we joined it, is nothing wrong.
  #note(code: string): void {
    const fine = ['EOWNERDEAD', 'ETIMEDOUT', 'EPIPE', 'EBADF'].includes(code)
    if (!fine) this.#violations.push(`cannot join: ${code}`)
  }
}

/** Whether work fails; owners let no two in a row fail. Throws where the timeline ends. */
async function fails(timeline: RemoteTimeline, seqno: number, mayFail: boolean): Promise<boolean> {
  try {
    await timeline.wait(seqno)
    return false
  } catch (error) {
    if (mayFail && isFailure(error)) return true
    throw error
  }
}

/** Whether it is what owners let a piece of work fail with. */
function isFailure(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'EIO'
}
