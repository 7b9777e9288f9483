import { setTimeout as delay } from 'node:timers/promises'
import { createTimeline, type DmaBuf } from '#src/index.js'
import { lockAll, type HeldAll } from '#src/core/reservation/lock-all.js'
import { joinDomain, openMemfdHeap, serveDomain, type Domain } from '#src/linux/index.js'
import { nowMs } from './pattern.js'

/** What a member has done and seen so far. */
export interface MemberReport {
  readonly locked: number
  readonly violations: readonly string[]
  /** How its loop ended; undefined while it runs, or after it was stopped. */
  readonly end: string | undefined
}

/** A lock that it got. */
export interface Locking {
  readonly buffer: number
  readonly askedMs: number
  readonly atMs: number
}

const BUFFERS = 2
const BUFFER_BYTES = 4096
const KEPT_TIMES = 1024

/** A member of a domain that locks buffers, alone and together, and leaves fences in them, without end. */
export class Member {
  readonly domain: Domain
  readonly #buffers: readonly DmaBuf[]
  /** A word for each buffer: who has it locked. Ordered by nothing but the locks. */
  readonly #arena: DmaBuf
  readonly #work = createTimeline('member')
  readonly #mark = 1 + Math.floor(Math.random() * 0x7ffffffe)
  readonly #violations: string[] = []
  readonly #times: Locking[] = []
  #locked = 0
  #seqno = 0
  #running = true
  #loop: Promise<void> | undefined
  #end: string | undefined
  #held: HeldAll | undefined

  private constructor(domain: Domain, arena: DmaBuf, buffers: readonly DmaBuf[]) {
    this.domain = domain
    this.#arena = arena
    this.#buffers = buffers
  }

  /** The hub of a domain, with its buffers. */
  static async serve(path: string): Promise<Member> {
    const domain = await serveDomain(path)
    const heap = openMemfdHeap({ name: 'member' })
    const all: DmaBuf[] = []
    for (let i = 0; i <= BUFFERS; i++) {
      const buffer = heap.allocate(BUFFER_BYTES)
      await domain.share(buffer, `buffer ${i}`)
      all.push(buffer)
    }
    return new Member(domain, all[BUFFERS]!, all.slice(0, BUFFERS))
  }

  /** One who joins it. */
  static async join(path: string): Promise<Member> {
    const domain = await joinDomain(path, { waitForServer: true, timeoutMs: 10_000 })
    const all: DmaBuf[] = []
    for (let i = 0; i <= BUFFERS; i++)
      all.push(await domain.open(`buffer ${i}`, { waitForBuffer: true, timeoutMs: 10_000 }))
    return new Member(domain, all[BUFFERS]!, all.slice(0, BUFFERS))
  }

  /** Locks and unlocks until stop(). */
  run(): void {
    this.#running = true
    this.#loop = this.#lockAll()
  }

  async stop(): Promise<void> {
    this.#running = false
    await this.#loop
  }

  async close(): Promise<void> {
    await this.stop()
    // What was left in a buffer has to signal before it goes.
    this.#work.close()
    for (const buffer of [...this.#buffers, this.#arena]) buffer.close()
    await this.domain.close()
  }

  /** Locks one buffer and keeps it, with a fence that never signals in it. */
  async hold(index: number): Promise<void> {
    this.#held = await this.#lock([index])
    const held = this.#held.of(this.#buffers[index]!.reservation)
    held.reserve(1)
    held.add(this.#work.fence(1_000_000), 'write')
  }

  /** Leaves a fence that never signals in a buffer, and unlocks it. */
  async leaveFence(index: number): Promise<void> {
    await this.hold(index)
    this.#held?.release()
  }

  /** Waits for every fence that is pending in a buffer now; how the waits ended, and when. */
  async waitFences(index: number): Promise<{ codes: readonly string[]; atMs: number }> {
    const fences = this.#buffers[index]!.reservation.fences('bookkeep')
    const waits = fences.map((fence) =>
      fence.wait().then(
        () => 'signalled',
        (error: unknown) => String((error as { code?: unknown }).code),
      ),
    )
    return { codes: await Promise.all(waits), atMs: nowMs() }
  }

  /** How many fences are pending in a buffer. */
  pendingIn(index: number): number {
    return this.#buffers[index]!.reservation.fences('bookkeep').filter((one) => !one.isSignaled())
      .length
  }

  /** The first time that it got a buffer's lock after that time. */
  firstAfter(buffer: number, ms: number): Locking | undefined {
    return this.#times.find((one) => one.buffer === buffer && one.atMs > ms)
  }

  report(): MemberReport {
    return { locked: this.#locked, violations: this.#violations, end: this.#end }
  }

  async #lockAll(): Promise<void> {
    try {
      while (this.#running) {
        const chosen = [0, 1].filter(() => Math.random() < 0.7)
        if (Math.random() < 0.5) chosen.reverse()
        if (chosen.length > 0) await this.#round(chosen)
        await delay(1)
      }
    } catch (error) {
      this.#end = String((error as { code?: unknown }).code ?? error)
    }
  }

  async #lock(chosen: readonly number[]): Promise<HeldAll> {
    return lockAll(chosen.map((index) => this.#buffers[index]!.reservation))
  }

  async #round(chosen: readonly number[]): Promise<void> {
    const askedMs = nowMs()
    using held = await this.#lock(chosen)
    const atMs = nowMs()
    for (const buffer of chosen) this.#times.push({ buffer, askedMs, atMs })
    if (this.#times.length > 2 * KEPT_TIMES) this.#times.splice(0, KEPT_TIMES)
    await this.#write(chosen)
    await delay(0)
    await this.#check(chosen)
    for (const index of chosen) {
      const seqno = ++this.#seqno
      const proof = held.of(this.#buffers[index]!.reservation)
      proof.reserve(1)
      proof.add(this.#work.fence(seqno), Math.random() < 0.5 ? 'read' : 'write')
      setTimeout(() => {
        if (this.#work.end === undefined) this.#work.advance(seqno)
      }, 1)
    }
    this.#locked++
  }

  async #write(chosen: readonly number[]): Promise<void> {
    using access = await this.#arena.beginCpuAccess('readwrite')
    const words = new DataView(access.bytes.buffer, access.bytes.byteOffset)
    for (const index of chosen) words.setInt32(4 * index, this.#mark)
  }

  async #check(chosen: readonly number[]): Promise<void> {
    using access = await this.#arena.beginCpuAccess('readwrite')
    const words = new DataView(access.bytes.buffer, access.bytes.byteOffset)
    for (const index of chosen)
      if (words.getInt32(4 * index) !== this.#mark)
        this.#violations.push(`buffer ${index} was locked by two members`)
  }
}
