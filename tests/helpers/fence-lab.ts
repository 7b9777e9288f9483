// Fences for tests of containers: each counts its references and notes its release, and at the end of a
// test every one must be back where it began.
import assert from 'node:assert/strict'
import { drainDeferred } from '#src/core/deferred.js'
import { DmaBufError } from '#src/core/errors.js'
import { allocateContext } from '#src/core/fence/context.js'
import { access } from '#src/core/fence/fence-access.js'
import {
  Fence,
  getFence,
  isFlaggedSignaled,
  putFence,
  signalFence,
  type FenceOps,
} from '#src/core/fence/fence.js'
import { onWarning, type Warning } from '#src/core/warn.js'

/** References that are out on a fence; 0 once it is released. */
export function referencesOf(fence: Fence): number {
  return access.references(fence)
}

/** An error as fences have them. */
export function failure(code: string): DmaBufError {
  return new DmaBufError(code, 'test', 'The work failed')
}

/** Where a fence of a lab stands, and how its ops behave. */
export interface LeafOptions {
  readonly context?: number
  readonly seqno?: number
  readonly ops?: Partial<FenceOps>
}

/** Makes fences and watches their references. One for each test, to be closed at its end. */
export class FenceLab implements Disposable {
  /** In the order they were released. */
  readonly released: Fence[] = []
  readonly warnings: Warning[] = []
  readonly #leaves: Fence[] = []
  readonly #containers: Fence[] = []
  readonly #hook = onWarning((warning) => this.warnings.push(warning))

  /** A pending fence; one reference is the lab's, which close() puts. */
  leaf({ context = allocateContext(), seqno = 1, ops = {} }: LeafOptions = {}): Fence {
    const release = (fence: Fence): void => {
      this.released.push(fence)
      ops.release?.(fence)
    }
    const names = { driverName: 'lab', timelineName: 'leaf' }
    const fence = new Fence({ ...names, ...ops, release }, context, seqno)
    this.#leaves.push(fence)
    return fence
  }

  /** Several of them. */
  leaves(count: number, options?: LeafOptions): Fence[] {
    return Array.from({ length: count }, () => this.leaf(options))
  }

  /** A leaf that has signalled. */
  done(options?: LeafOptions): Fence {
    const fence = this.leaf(options)
    signalFence(fence)
    return fence
  }

  /** Gives a reference on each away, for a call that takes references over. */
  give<T extends Fence>(fences: readonly T[]): T[] {
    return fences.map((fence) => getFence(fence))
  }

  /** Hands a container to the lab, which puts the test's reference at the end. */
  own<T extends Fence>(container: T): T {
    this.#containers.push(container)
    return container
  }

  /** The rules of the warnings so far. */
  get rules(): string[] {
    return this.warnings.map(({ rule }) => rule)
  }

  /** References on each leaf. */
  get references(): number[] {
    return this.#leaves.map(referencesOf)
  }

  /**
   * Puts what the test and the lab hold, and checks that nobody holds more: every fence is released, every
   * leaf exactly once.
   *
   * @param expected - the rules of all warnings there were
   */
  close(expected: readonly string[] = []): void {
    for (const fence of this.#leaves) if (!isFlaggedSignaled(fence)) signalFence(fence)
    drainDeferred()
    for (const container of this.#containers) putFence(container)
    for (const leaf of this.#leaves) putFence(leaf)
    const all = [...this.#containers, ...this.#leaves]
    assert.deepEqual(
      all.filter((fence) => referencesOf(fence) !== 0).map((fence) => fence.driverName),
      [],
      'References were left',
    )
    assert.equal(
      this.released.length,
      this.#leaves.length,
      'Leaves released more or less than once',
    )
    assert.deepEqual(this.rules, expected)
  }

  [Symbol.dispose](): void {
    this.#hook[Symbol.dispose]()
  }
}
