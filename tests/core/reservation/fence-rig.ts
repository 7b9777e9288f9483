// Fences whose references are counted: at the end every one must have been released exactly once.
import assert from 'node:assert/strict'
import { Fence, putFence, signalFence } from '#src/core/fence/fence.js'

type Ops = Partial<ConstructorParameters<typeof Fence>[0]>

/** Which fence, and what its creator does. */
export interface FencePlan extends Ops {
  readonly context?: number
  readonly seqno?: number
}

/** Makes fences and watches their references. */
export class FenceRig implements Disposable {
  readonly #released = new Map<Fence, number>()
  readonly #put = new Set<Fence>()
  #nextContext = 1000

  /** A pending fence, in a context of its own unless the plan says otherwise; its creator's reference is the rig's. */
  fence({ context = this.#nextContext++, seqno = 1, release, ...ops }: FencePlan = {}): Fence {
    const fence = new Fence(
      {
        driverName: 'test',
        timelineName: 'ring',
        ...ops,
        release: (one) => {
          this.#released.set(one, this.#released.get(one)! + 1)
          release?.(one)
        },
      },
      context,
      seqno,
    )
    this.#released.set(fence, 0)
    return fence
  }

  /** A fence that has signalled. */
  signaled(plan: FencePlan = {}): Fence {
    const fence = this.fence(plan)
    signalFence(fence)
    return fence
  }

  /** Whether the last reference was put. */
  isReleased(fence: Fence): boolean {
    return this.#released.get(fence)! > 0
  }

  /** Puts the creator's reference of one fence before the end. */
  put(fence: Fence): void {
    this.#put.add(fence)
    putFence(fence)
  }

  /** Puts the creator's references: now every fence must be released, each once. */
  finish(): void {
    for (const fence of this.#released.keys()) {
      if (this.#put.has(fence)) continue
      assert.equal(this.#released.get(fence), 0, 'Somebody put a reference that was not theirs')
      putFence(fence)
    }
    for (const [fence, count] of this.#released)
      assert.equal(count, 1, `A reference was kept: context ${fence.context} seqno ${fence.seqno}`)
    this.#released.clear()
  }

  [Symbol.dispose](): void {
    this.finish()
  }
}
