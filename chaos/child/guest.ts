import { createTimeline, DmaBufError, type DmaBuf } from '#src/index.js'
import { lockAll, type HeldAll } from '#src/core/reservation/lock-all.js'
import { joinDomain, type Domain } from '#src/linux/index.js'
import { STEP_BUFFERS } from './step-buffers.js'

/** A member of a domain that is about to die. What it adds stays pending until signal() or fail(). */
export class Guest {
  readonly domain: Domain
  readonly #buffers: readonly DmaBuf[]
  readonly #work = createTimeline('guest')
  #locked: readonly DmaBuf[] = []
  #held: HeldAll | undefined

  private constructor(domain: Domain, buffers: readonly DmaBuf[]) {
    this.domain = domain
    this.#buffers = buffers
  }

  static async join(path: string): Promise<Guest> {
    const domain = await joinDomain(path, { timeoutMs: 20_000 })
    const buffers: DmaBuf[] = []
    for (const name of STEP_BUFFERS) buffers.push(await domain.open(name))
    return new Guest(domain, buffers)
  }

  /** Locks the first so many buffers under one acquire context. */
  async lock(count = 1): Promise<void> {
    this.#locked = this.#buffers.slice(0, count)
    this.#held = await lockAll(this.#locked.map(({ reservation }) => reservation))
  }

  /** Locks the first buffer alone, without a context. */
  async lockAlone(): Promise<void> {
    await this.#buffers[0]!.reservation.lock()
  }

  /** Adds a fence to each locked buffer; one of the same line takes the place of the one before. */
  add(seqno: number): void {
    for (const buffer of this.#locked) {
      const held = this.#held!.of(buffer.reservation)
      held.reserve(1)
      held.add(this.#work.fence(seqno), 'write')
    }
  }

  /** Adds so many fences to each locked buffer, each of a line of its own. */
  addOthers(count: number): void {
    for (const buffer of this.#locked) {
      const held = this.#held!.of(buffer.reservation)
      held.reserve(count)
      for (let i = 0; i < count; i++) held.add(createTimeline(`guest ${i}`).fence(), 'read')
    }
  }

  unlock(): void {
    this.#held!.release()
  }

  /** Leaves a pending fence in the first so many buffers. */
  async leaveFence(count = 1): Promise<void> {
    await this.lock(count)
    this.add(1)
    this.unlock()
  }

  signal(): void {
    this.#work.signal(1)
  }

  fail(): void {
    this.#work.fail(1, new DmaBufError('EIO', 'work', 'It went wrong'))
  }

  closeBuffer(): void {
    this.#buffers[0]!.close()
  }
}
