// A buffer of a fake exporter whose fences are counted: at the end every reference must be back.
import assert from 'node:assert/strict'
import { drainDeferred } from '#src/core/deferred.js'
import { bufferObject, type DmaBuf } from '#src/core/buffer/buffer.js'
import type { BufferObject, ExportInfo } from '#src/core/buffer/buffer-object.js'
import type { Fence } from '#src/core/fence/fence.js'
import type { Usage } from '#src/core/reservation/usage.js'
import { FenceRig, type FencePlan } from '../core/reservation/fence-rig.js'
import { exportFake, FakeExporter, type FakeOptions } from './fake-exporter.js'

/** What the buffer is made of. */
export interface BufferRigOptions extends FakeOptions {
  readonly lengthBytes?: number
  readonly info?: Partial<ExportInfo<FakeExporter>>
}

/** One buffer with one handle, and its fences. */
export class BufferRig implements Disposable {
  readonly exporter: FakeExporter
  readonly buffer: DmaBuf
  readonly object: BufferObject
  readonly fences = new FenceRig()
  readonly #first: number

  constructor({ lengthBytes = 16, info = {}, ...options }: BufferRigOptions = {}) {
    this.exporter = new FakeExporter(lengthBytes, options)
    this.buffer = exportFake(this.exporter, info)
    this.object = bufferObject(this.buffer, 'test')
    this.#first = this.object.references
  }

  /** A pending fence, added to the buffer. */
  add(usage: Usage, plan?: FencePlan): Fence {
    const fence = this.fences.fence(plan)
    this.addFence(fence, usage)
    return fence
  }

  addFence(fence: Fence, usage: Usage): void {
    using held = this.object.reservation.tryLock()
    assert.ok(held, 'The lock was held')
    held.reserve(1)
    held.add(fence, usage)
  }

  /** References on the buffer beyond the first handle's. */
  get extra(): number {
    return this.object.references - this.#first
  }

  get released(): boolean {
    return this.exporter.released
  }

  /** What poll says, where the lock is free. */
  poll(events: number, wake?: () => void): number {
    const result = this.buffer.poll(events, wake)
    assert.equal(typeof result, 'number', 'The lock was held')
    return result as number
  }

  /** Closes the handle: the buffer must be released then, the lock free, and every fence back. */
  [Symbol.dispose](): void {
    this.buffer.close()
    drainDeferred()
    assert.equal(this.object.references, 0, 'References on the buffer were left')
    assert.equal(this.exporter.released, true, 'The buffer was not released')
    if (this.object.hasOwnReservation && this.object.knownReservation !== undefined)
      assert.equal(this.object.knownReservation.isLocked, false)
    assert.equal(this.object.links.object !== undefined, false)
    this.fences.finish()
  }
}
