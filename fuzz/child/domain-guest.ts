import { setTimeout as delay } from 'node:timers/promises'
import { createTimeline, type DmaBuf, type Fence, type Timeline } from '#src/index.js'
import { joinDomain } from '#src/linux/index.js'
import { endOf, type Visit } from './guest.js'

const ROUNDS = 12
const WAIT = { timeoutMs: 40 }

/** What an honest program may be told. */
const FINE = /^E(?!RR_)[A-Z0-9]+$/

/** Two members that mean well, in the domain of whoever serves one. */
export async function visitDomain(path: string): Promise<Visit> {
  const [one, other] = await Promise.all([new Guest().visit(path), new Guest().visit(path)])
  const violations = [...one.violations, ...other.violations]
  return { ...one, violations, seen: one.seen + other.seen }
}

/** A member that locks, reads, writes and leaves fences, and decides alone what becomes of its own. */
class Guest {
  readonly #violations: string[] = []
  readonly #work = createTimeline('guest')
  #seen = 0

  async visit(path: string): Promise<Visit> {
    const end = await endOf(async () => {
      await using domain = await joinDomain(path, { timeoutMs: 500 })
      const buffers: DmaBuf[] = []
      try {
        for (const name of ['buffer 0', 'buffer 1'])
          buffers.push(await domain.open(name, { timeoutMs: 150 }))
        for (let round = 0; round < ROUNDS && !domain.closed; round++)
          for (const buffer of buffers) await this.#round(buffer)
      } finally {
        this.#work.close()
        for (const buffer of buffers) buffer.close()
      }
    })
    return { ...end, seen: this.#seen, violations: this.#violations }
  }

  async #round(buffer: DmaBuf): Promise<void> {
    await this.#may(async () => {
      using held = await buffer.reservation.lock(WAIT)
      const own = this.#work.fence(this.#work.value + 1)
      held.reserve(1)
      held.add(own, 'read')
      await delay(1)
      this.#decide(own, this.#work)
    })
    await this.#may(async () => {
      for (const fence of buffer.reservation.fences('bookkeep')) await this.#follow(fence)
    })
    await this.#may(async () => {
      using access = await buffer.beginCpuAccess('readwrite', WAIT)
      access.bytes[0] = 1
    })
    this.#seen++
  }

  /** Nobody else signals it, and nobody keeps it from being signalled. */
  #decide(fence: Fence, work: Timeline): void {
    if (fence.isSignaled()) this.#violations.push('somebody else has signalled a fence of ours')
    work.signal(work.value + 1)
    if (!fence.isSignaled() || fence.error !== undefined)
      this.#violations.push('a fence of ours did not signal')
  }

  async #follow(fence: Fence): Promise<void> {
    let calls = 0
    const isPending = fence.addCallback(() => calls++)
    await fence.wait({ timeoutMs: 10 }).catch((error: unknown) => this.#check(error))
    if (calls > (isPending ? 1 : 0)) this.#violations.push(`a fence called back ${calls} times`)
  }

  async #may(attempt: () => Promise<void>): Promise<void> {
    try {
      await attempt()
    } catch (error) {
      this.#check(error)
    }
  }

  #check(error: unknown): void {
    const { code, stack } = error as { code?: unknown; stack?: string }
    if (typeof code !== 'string' || !FINE.test(code))
      this.#violations.push(`a program was told ${String(code)}: ${String(stack)}`)
  }
}
