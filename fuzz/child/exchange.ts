import { setTimeout as delay } from 'node:timers/promises'
import { createTimeline, DmaBufError, type Fence } from '#src/index.js'
import {
  connectLink,
  receiveFence,
  serveLinks,
  shareFence,
  type Link,
  type LinkListener,
} from '#src/linux/index.js'

const FINE = /^E(?!RR_)[A-Z0-9]+$/
const SHARE_MS = 300
/** Offers that a peer has not answered: more are not made. */
const MOST_OFFERS = 20

/** What a process that gives and takes fences has seen. */
export interface ExchangeReport {
  /** Fences of others that came to their end. */
  readonly settled: number
  readonly violations: readonly string[]
}

/** What is wrong with the errors that a program is told. */
function wrongWith(error: unknown): readonly string[] {
  const { code, stack } = error as { code?: unknown; stack?: string }
  const isFine = typeof code === 'string' && FINE.test(code)
  return isFine ? [] : [`a program was told ${String(code)}: ${String(stack)}`]
}

/** Shares fences with whoever connects, takes theirs, and decides alone what becomes of its own. */
export class Giver {
  readonly #listener: LinkListener
  readonly #offers = new Map<Link, number>()
  readonly #violations: string[] = []
  #settled = 0

  private constructor(listener: LinkListener) {
    this.#listener = listener
  }

  static async serve(path: string): Promise<Giver> {
    const giver = new Giver(await serveLinks(path))
    void giver.#serve()
    void giver.#give()
    return giver
  }

  report(): ExchangeReport {
    return { settled: this.#settled, violations: this.#violations }
  }

  async #serve(): Promise<void> {
    for await (const link of this.#listener) {
      this.#offers.set(link, 0)
      link.onEnd(() => {
        this.#offers.delete(link)
        void link.close()
      })
      void this.#take(link)
    }
  }

  async #give(): Promise<void> {
    for (let round = 0; ; round++) {
      const [good, bad] = [createTimeline('good'), createTimeline('bad')]
      const fences = [good.fence(1), bad.fence(1)]
      for (const link of this.#offers.keys()) for (const one of fences) this.#offer(one, link)
      await delay(round % 3)
      if (fences.some((one) => one.isSignaled()))
        this.#violations.push('somebody else has signalled a fence of ours')
      good.signal(1)
      bad.fail(1, new DmaBufError('EIO', 'work', 'It failed'))
      const codes = fences.map((one) => (one.isSignaled() ? one.error?.code : 'pending'))
      if (codes[0] !== undefined || codes[1] !== 'EIO')
        this.#violations.push(`our fences ended with ${codes.join(', ')}`)
      good.close()
      bad.close()
    }
  }

  #offer(fence: Fence, link: Link): void {
    const count = this.#offers.get(link) ?? MOST_OFFERS
    if (count >= MOST_OFFERS) return
    this.#offers.set(link, count + 1)
    const done = (): void => {
      const left = this.#offers.get(link)
      if (left !== undefined) this.#offers.set(link, left - 1)
    }
    shareFence(fence, link, { timeoutMs: SHARE_MS })
      .catch((error: unknown) => this.#violations.push(...wrongWith(error)))
      .finally(done)
  }

  async #take(link: Link): Promise<void> {
    try {
      for (;;) this.#follow(await receiveFence(link))
    } catch (error) {
      this.#violations.push(...wrongWith(error))
    }
  }

  /** What has signalled stays so, with what it ended with. */
  #follow(fence: Fence): void {
    let calls = 0
    fence.addCallback(() => {
      calls++
      this.#settled++
      if (calls > 1) this.#violations.push(`a fence called back ${calls} times`)
      const { error } = fence
      setTimeout(() => {
        if (!fence.isSignaled() || fence.error !== error)
          this.#violations.push('a fence that had signalled changed its mind')
      }, 20)
    })
  }
}

/** Takes the fences of a giver, which have to end as they are called, and gives some back. */
export class Taker {
  readonly #violations: string[] = []
  #settled = 0

  constructor(path: string) {
    void this.#exchange(path).catch((error: unknown) => {
      this.#violations.push(`the exchange ended: ${String(error)}`)
    })
  }

  report(): ExchangeReport {
    return { settled: this.#settled, violations: this.#violations }
  }

  async #exchange(path: string): Promise<void> {
    const link = await connectLink(path)
    for (;;) {
      const fence = await receiveFence(link)
      void this.#check(fence)
      if (this.#settled % 10 === 0) await this.#giveBack(link)
    }
  }

  async #check(fence: Fence): Promise<void> {
    const { timelineName } = fence
    const end = await fence.wait().then(
      () => 'good',
      (error: unknown) => ((error as { code?: unknown }).code === 'EIO' ? 'bad' : String(error)),
    )
    this.#settled++
    if (end !== timelineName) this.#violations.push(`a ${timelineName} fence ended as ${end}`)
  }

  async #giveBack(link: Link): Promise<void> {
    const timeline = createTimeline('back')
    await shareFence(timeline.fence(1), link)
    timeline.signal(1)
    timeline.close()
  }
}
