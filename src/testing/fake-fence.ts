import type { DmaBufError } from '../core/errors.js'
import { allocateContext } from '../core/fence/context.js'
import { Fence, signalFence, type FenceOps } from '../core/fence/fence.js'

/** What a fake fence does besides signalling by hand. */
export interface FakeFenceOptions {
  /** Seen as its timeline; `fake` where absent. */
  readonly name?: string
  /** Its context's only fence where absent. */
  readonly context?: number
  /** 1 where absent. */
  readonly seqno?: number
  /** Ops in place of none: to answer false, or to throw. */
  readonly ops?: Partial<FenceOps>
}

/** A fence that a test signals, and that notes what is asked of it. */
export class FakeFence extends Fence {
  /** What was asked, in order: `enable`, `deadline 5`, `release`. */
  readonly calls: readonly string[]

  /** @internal Use createFakeFence(). */
  constructor({ name = 'fake', context, seqno = 1, ops = {} }: FakeFenceOptions) {
    const calls: string[] = []
    super(
      {
        driverName: 'fake',
        timelineName: name,
        ...ops,
        enableSignaling(fence) {
          calls.push('enable')
          return ops.enableSignaling?.(fence) ?? true
        },
        setDeadline(fence, deadlineNs) {
          calls.push(`deadline ${deadlineNs}`)
          ops.setDeadline?.(fence, deadlineNs)
        },
        release(fence) {
          calls.push('release')
          ops.release?.(fence)
        },
      },
      context ?? allocateContext(),
      seqno,
    )
    this.calls = calls
  }

  /** Signals it. @returns false if it was signalled before */
  signal(error?: DmaBufError): boolean {
    return signalFence(this, error)
  }
}

/** A pending fence in the hand of a test. */
export function createFakeFence(options: FakeFenceOptions = {}): FakeFence {
  return new FakeFence(options)
}
