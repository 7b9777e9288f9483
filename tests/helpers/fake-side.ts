// The other processes of a shared reservation, in a test's hand.
import type { DmaBufError } from '#src/core/errors.js'
import type { Fence } from '#src/core/fence/fence.js'
import type { WaitOptions } from '#src/core/host.js'
import { waitFor, type Waiter } from '#src/core/wait.js'
import type { SharedRequest, SharedSide, SharedSight } from '#src/core/reservation/shared-side.js'

export class FakeSide implements SharedSide {
  /** The stamp of the stranger who holds the lock. */
  stranger: number | undefined
  onRefresh: () => void = () => {}
  lost: DmaBufError | undefined = undefined
  isHeld = false
  readonly calls: string[] = []
  readonly requests: SharedRequest[] = []
  /** Slots that reserve() finds. */
  slots = Infinity
  #reserved = 0
  readonly #waiters: {
    request: SharedRequest
    mayGiveWay: boolean
    waiter: Waiter<'free' | 'older'>
  }[] = []

  get isLockedElsewhere(): boolean {
    return this.stranger !== undefined
  }

  refresh(): void {
    this.onRefresh()
  }

  #sight({ stamp }: SharedRequest): SharedSight {
    if (this.stranger === undefined) return 'free'
    return this.stranger < stamp ? 'older' : 'busy'
  }

  tryLock(request: SharedRequest): SharedSight {
    this.calls.push('try')
    this.requests.push(request)
    const sight = this.#sight(request)
    if (sight === 'free') this.isHeld = true
    return sight
  }

  waitForLock(
    request: SharedRequest,
    mayGiveWay: boolean,
    options: WaitOptions,
  ): Promise<'free' | 'older'> {
    this.calls.push('wait')
    return waitFor('lock', options, (waiter) => {
      this.#waiters.push({ request, mayGiveWay, waiter })
      return () => {}
    })
  }

  /** The stranger's lock goes to another one, or to nobody. */
  pass(stranger?: number): void {
    this.stranger = stranger
    for (const one of this.#waiters.splice(0)) {
      const sight = this.#sight(one.request)
      if (sight === 'free' || (sight === 'older' && one.mayGiveWay)) one.waiter.resolve(sight)
      else this.#waiters.push(one)
    }
  }

  unlock(): void {
    this.calls.push('unlock')
    this.isHeld = false
    this.#reserved = 0
  }

  reserve(slots: number): void {
    if (slots > this.slots) throw new RangeError('No slots')
    this.#reserved = Math.max(this.#reserved, slots)
  }

  checkSlot(): void {
    if (this.#reserved-- <= 0) throw new RangeError('No slot')
  }

  added(fence: Fence): void {
    this.calls.push(`added ${fence.seqno}`)
  }

  replaced(): void {
    this.calls.push('replaced')
  }

  close(): void {
    this.calls.push('close')
  }
}
