import { createTimeline, type DmaBuf, type Fence } from '#src/index.js'
import { putFence } from '#src/core/fence/fence.js'
import { lockAll, type HeldAll } from '#src/core/reservation/lock-all.js'
import {
  joinDomain,
  openMemfdHeap,
  serveDomain,
  type Domain,
  type ServedDomain,
} from '#src/linux/index.js'
import { BUFFER_BYTES, STEP_BUFFERS } from './step-buffers.js'
import { nowMs } from './pattern.js'

/** How a wait for all locks ended. */
export interface Locked {
  readonly error: string | undefined
  readonly atMs: number
  /** How many fences were pending in the first buffer then. */
  readonly pending: number
}

const BOUND_MS = 20_000

/** A member of a domain that looks on while another one stands still in the middle of something, and dies. */
export class Bystander {
  readonly domain: Domain
  readonly #buffers: readonly DmaBuf[]
  readonly #work = createTimeline('bystander')
  readonly #watched: { readonly fence: Fence; calls: number }[] = []
  #locked: Promise<Locked> | undefined
  #held: HeldAll | undefined

  private constructor(domain: Domain, buffers: readonly DmaBuf[]) {
    this.domain = domain
    this.#buffers = buffers
  }

  /** The hub of a domain, with its buffers. */
  static async serve(path: string): Promise<Bystander> {
    const domain = await serveDomain(path)
    const heap = openMemfdHeap({ name: 'bystander' })
    const buffers = STEP_BUFFERS.map(() => heap.allocate(BUFFER_BYTES))
    for (const [index, name] of STEP_BUFFERS.entries()) await domain.share(buffers[index]!, name)
    return new Bystander(domain, buffers)
  }

  /** One who joins it. */
  static async join(path: string): Promise<Bystander> {
    const domain = await joinDomain(path, { timeoutMs: BOUND_MS })
    const buffers: DmaBuf[] = []
    try {
      const wait = { waitForBuffer: true, timeoutMs: BOUND_MS }
      for (const name of STEP_BUFFERS) buffers.push(await domain.open(name, wait))
    } catch (error) {
      for (const buffer of buffers) buffer.close()
      await domain.close()
      throw error
    }
    return new Bystander(domain, buffers)
  }

  /** Ends a member; only the hub can. */
  evict(index: number): boolean {
    return (this.domain as ServedDomain).evict(index, 'chaos')
  }

  /** Locks one of the buffers until release(). */
  async hold(index: number): Promise<void> {
    this.#held = await lockAll([this.#buffers[index]!.reservation], { timeoutMs: BOUND_MS })
  }

  release(): void {
    this.#held?.release()
    this.#held = undefined
  }

  /** How many fences are pending in each buffer, none of them ours. They are watched from now on. */
  look(): readonly number[] {
    return this.#buffers.map(({ reservation }) => {
      const fences = reservation.fences('bookkeep')
      for (const fence of fences) this.#watch(fence)
      return fences.filter((fence) => !fence.isSignaled()).length
    })
  }

  /**
   * Whether the first buffer has so many pending fences as one of these says, and the second as many, or none. An
   * evicted member sees nothing any more.
   */
  sees(counts: readonly number[]): boolean {
    try {
      const [first, second] = this.look()
      return counts.includes(first!) && (second === 0 || counts.includes(second!))
    } catch (error) {
      if (this.domain.closed) return true
      throw error
    }
  }

  /** Begins to wait for the locks of all buffers, in order or the other way round. */
  waitForLocks(isReversed: boolean, timeoutMs: number): void {
    const all = this.#buffers.map(({ reservation }) => reservation)
    if (isReversed) all.reverse()
    this.#locked = lockAll(all, { timeoutMs }).then(
      (held) => {
        const atMs = nowMs()
        const [pending] = this.look()
        held.release()
        return { error: undefined, atMs, pending: pending! }
      },
      (error: unknown) => ({ error: (error as Error).message, atMs: nowMs(), pending: 0 }),
    )
  }

  /** How that wait ended. */
  async locked(): Promise<Locked> {
    return (await this.#locked)!
  }

  /** Leaves a fence in each buffer, for others to wait for; signals it a moment later. */
  async work(): Promise<void> {
    const seqno = this.#work.value + 1
    using held = await lockAll(this.#buffers.map(({ reservation }) => reservation))
    for (const { reservation } of this.#buffers) {
      const proof = held.of(reservation)
      proof.reserve(1)
      proof.add(this.#work.fence(seqno), 'write')
    }
    setTimeout(() => this.#work.signal(seqno), 1)
  }

  /** Waits for all that is pending in the buffers. */
  async waitForWork(): Promise<void> {
    for (const { reservation } of this.#buffers)
      await reservation.wait('bookkeep', { timeoutMs: BOUND_MS })
  }

  /** How each fence that was watched ended: with nothing, twice, or with this code. */
  endings(): readonly string[] {
    return this.#watched.splice(0).map(({ fence, calls }) => {
      const ending = fence.error?.code ?? 'signalled'
      putFence(fence)
      return calls === 1 ? ending : `${calls} calls`
    })
  }

  async close(): Promise<void> {
    this.release()
    this.#work.close()
    for (const buffer of this.#buffers) buffer.close()
    await this.domain.close()
  }

  // With the reference that came with it.
  #watch(fence: Fence): void {
    const entry = { fence, calls: 0 }
    const isKnown = this.#watched.some((one) => one.fence === fence)
    const count = (): void => {
      entry.calls++
    }
    if (!isKnown && fence.addCallback(count)) this.#watched.push(entry)
    else putFence(fence)
  }
}
