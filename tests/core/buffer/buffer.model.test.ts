// Goal: however handles, accesses, areas, polls, fences and closes interleave, the count of references is that of
// a model, and the memory goes back when, and only when, the model's count is 0.
// Method: random steps on one buffer and on a model that counts; fast-check prints the seed of a failure.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { objectByInode } from '#src/core/buffer/buffer-list.js'
import { bufferObject, type DmaBuf } from '#src/core/buffer/buffer.js'
import type { CpuAccess } from '#src/core/buffer/cpu-access.js'
import { MapArea } from '#src/core/buffer/map-area.js'
import { POLL_IN, POLL_OUT } from '#src/core/buffer/poll-events.js'
import { drainDeferred } from '#src/core/deferred.js'
import { isFlaggedSignaled, signalFence, type Fence } from '#src/core/fence/fence.js'
import type { Held } from '#src/core/reservation/held.js'
import { FenceRig } from '../reservation/fence-rig.js'
import { exportFake, FakeExporter } from '../../helpers/fake-exporter.js'

const STEPS = [
  'dup',
  'close',
  'begin',
  'end',
  'map',
  'unmap',
  'add read',
  'add write',
  'signal',
  'signal and close',
  'poll in',
  'poll out',
  'poll both',
  'lock',
  'unlock',
] as const

type Step = (typeof STEPS)[number]

/** What is waited for by one slot; the model's tables have no other order than that of adding. */
interface ModelSlot {
  fence: Fence | undefined
}

class World {
  readonly exporter = new FakeExporter(16)
  readonly handles: DmaBuf[] = [exportFake(this.exporter)]
  readonly object = bufferObject(this.handles[0]!, 'test')
  readonly accesses: CpuAccess[] = []
  readonly areas: MapArea[] = []
  readonly fences = new FenceRig()
  readonly pending: { readonly fence: Fence; readonly usage: 'read' | 'write' }[] = []
  readonly slots = { in: { fence: undefined } as ModelSlot, out: { fence: undefined } as ModelSlot }
  held: Held | undefined

  /** References as the rules count them. */
  get count(): number {
    const slots = [this.slots.in, this.slots.out].filter(({ fence }) => fence !== undefined)
    return this.handles.length + this.accesses.length + this.areas.length + slots.length
  }

  check(): void {
    const { object, exporter, count } = this
    assert.equal(object.references, count)
    assert.equal(object.released, count === 0)
    assert.equal(objectByInode(object.inode), count === 0 ? undefined : object)
    if (count > 0) assert.equal(exporter.released, false, 'Released too early')
    else if (this.held === undefined) {
      drainDeferred()
      assert.equal(exporter.released, true, 'Not released')
    } else assert.equal(exporter.released, false, 'Released under the lock')
    assert.ok(exporter.calls.filter((call) => call === 'release').length <= 1)
    if (object.knownPoll !== undefined) {
      assert.equal(object.poll.in.fence, this.slots.in.fence)
      assert.equal(object.poll.out.fence, this.slots.out.fence)
    }
  }

  do(step: Step, pick: number): void {
    const handle = this.handles[pick % this.handles.length]
    switch (step) {
      case 'dup':
        if (handle !== undefined) this.handles.push(handle.dup())
        return
      case 'close':
        this.closeOne(pick)
        return
      case 'begin': {
        const access = handle?.tryBeginCpuAccess('read', 0)
        const isBusy = this.pending.some(({ usage }) => usage === 'write')
        if (handle !== undefined) assert.equal(access === undefined, isBusy)
        if (access !== undefined) this.accesses.push(access)
        return
      }
      case 'end':
        this.accesses.splice(pick % (this.accesses.length + 1), 1)[0]?.end()
        return
      case 'map':
        if (handle === undefined) return
        this.areas.push(new MapArea(1, 0, this.object))
        this.object.get()
        return
      case 'unmap':
        this.areas.splice(pick % (this.areas.length + 1), 1)[0]?.close()
        return
      case 'add read':
      case 'add write':
        this.add(step === 'add read' ? 'read' : 'write')
        return
      case 'signal':
        this.signal(pick, () => {})
        return
      case 'signal and close':
        this.signal(pick, () => this.closeOne(pick))
        return
      case 'poll in':
        this.poll(handle, POLL_IN)
        return
      case 'poll out':
        this.poll(handle, POLL_OUT)
        return
      case 'poll both':
        this.poll(handle, POLL_IN | POLL_OUT)
        return
      case 'lock':
        if (this.count > 0) this.held ??= this.object.reservation.tryLock()
        return
      case 'unlock':
        this.unlock()
    }
  }

  closeOne(pick: number): void {
    const [handle] = this.handles.splice(pick % (this.handles.length + 1), 1)
    handle?.close()
    handle?.close()
  }

  add(usage: 'read' | 'write'): void {
    const held = this.held ?? (this.count > 0 ? this.object.reservation.tryLock() : undefined)
    if (held === undefined) return
    const fence = this.fences.fence()
    held.reserve(1)
    held.add(fence, usage)
    // A slot whose fence has signalled is used again: the order of the table is not that of adding.
    this.pending.push({ fence, usage })
    if (held !== this.held) held.release()
  }

  signal(pick: number, inside: () => void): void {
    const [one] = this.pending.splice(pick % (this.pending.length + 1), 1)
    if (one === undefined) return
    for (const slot of [this.slots.in, this.slots.out])
      if (slot.fence === one.fence) slot.fence = undefined
    one.fence.addCallback(inside)
    signalFence(one.fence)
  }

  poll(handle: DmaBuf | undefined, events: number): void {
    if (handle === undefined || this.held !== undefined) return
    const expected =
      this.expect(this.slots.out, events & POLL_OUT, () => true) |
      this.expect(this.slots.in, events & POLL_IN, (usage) => usage === 'write')
    const result = handle.poll(events)
    assert.equal(result, expected)
    const { in: reading, out } = this.object.poll
    for (const [slot, real] of [
      [this.slots.in, reading],
      [this.slots.out, out],
    ] as const) {
      if (slot.fence === undefined) assert.equal(real.fence, undefined)
      else if (slot.fence !== real.fence) {
        assert.ok(this.pending.some(({ fence }) => fence === real.fence))
        slot.fence = real.fence
      }
    }
  }

  // Which fence it waits for is the table's choice: any pending one stands for it until then.
  expect(slot: ModelSlot, event: number, counts: (usage: 'read' | 'write') => boolean): number {
    if (event === 0 || slot.fence !== undefined) return 0
    slot.fence = this.pending.find(({ usage }) => counts(usage))?.fence
    return slot.fence === undefined ? event : 0
  }

  unlock(): void {
    const { held } = this
    this.held = undefined
    held?.release()
  }

  async finish(): Promise<void> {
    this.unlock()
    for (const handle of this.handles.splice(0)) handle.close()
    for (const access of this.accesses.splice(0)) access.end()
    for (const area of this.areas.splice(0)) area.close()
    for (const { fence } of this.pending) if (!isFlaggedSignaled(fence)) signalFence(fence)
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    drainDeferred()
    assert.equal(this.exporter.released, true, 'Not released at the end')
    assert.equal(this.object.references, 0)
    this.fences.finish()
  }
}

test('References follow a model whatever happens in whatever order [BUF-18, BUF-19, BUF-20, BUF-22, BUF-27, BUF-44, MIS-4]', async () => {
  const steps = fc.array(fc.tuple(fc.constantFrom(...STEPS), fc.nat(20)), { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(steps, async (list) => {
      const world = new World()
      for (const [step, pick] of list) {
        const wasLocked = world.held !== undefined
        world.do(step, pick)
        // A release that waited for the lock takes turns of its own.
        if (wasLocked && world.held === undefined)
          for (let turn = 0; turn < 20; turn++) await Promise.resolve()
        world.check()
      }
      await world.finish()
    }),
    { numRuns: 300 },
  )
})
