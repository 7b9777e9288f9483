// Goal: an exporter whose memory others add work to, whom our reservation does not know, is asked and told.
// Method: an exporter of the test's own, with a switch for what is ready there.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exportBuffer, type DmaBuf } from '#src/core/buffer/buffer.js'
import type { CpuAccessOptions } from '#src/core/buffer/access.js'
import type { ExporterOps } from '#src/core/buffer/exporter.js'
import { POLL_IN, POLL_OUT } from '#src/core/buffer/poll-events.js'
import { DmaBufError } from '#src/core/errors.js'
import { putFence, signalFence, type Fence } from '#src/core/fence/fence.js'
import { useManualClock } from '#src/testing/manual-clock.js'
import { mockFence, settle } from '../../helpers/mock-fence.js'

class Outside implements ExporterOps<Outside> {
  ready = POLL_IN | POLL_OUT
  name: string | undefined
  pending: Fence | undefined
  takes = false
  readonly begun: CpuAccessOptions[] = []
  readonly taken: Fence[] = []
  stops = 0
  #wake: (() => void) | undefined

  attach(): void {}

  map(): never {
    throw new Error('not here')
  }

  unmap(): void {}

  release(): void {}

  beginCpuAccess(_direction: string, _state: Outside, options: CpuAccessOptions): void {
    this.begun.push(options)
  }

  tryBeginCpuAccess(): boolean {
    return this.ready === (POLL_IN | POLL_OUT)
  }

  poll(events: number, wake: () => void): number {
    if ((events & ~this.ready) !== 0) this.#wake = wake
    return events & this.ready
  }

  stopPolling(): void {
    this.stops++
    this.#wake = undefined
  }

  exportFence(): Fence | undefined {
    return this.pending
  }

  importFence(fence: Fence): boolean {
    if (this.takes) this.taken.push(fence)
    return this.takes
  }

  setName(name: string): void {
    if (name === 'refused') throw new DmaBufError('EINVAL', 'setName', 'Not this one')
    this.name = name
  }

  become(ready: number): void {
    this.ready = ready
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}

function buffer(): { outside: Outside; buffer: DmaBuf } {
  const outside = new Outside()
  const info = { exporterName: 'test', lengthBytes: 4096, ops: methodsOf(outside), state: outside }
  return { outside, buffer: exportBuffer(info) }
}

function methodsOf(outside: Outside): ExporterOps<Outside> {
  const { attach, map, unmap, release } = outside
  return {
    attach,
    map,
    unmap,
    release,
    beginCpuAccess: (...args) => outside.beginCpuAccess(...args),
    tryBeginCpuAccess: () => outside.tryBeginCpuAccess(),
    poll: (events, wake) => outside.poll(events, wake),
    stopPolling: () => outside.stopPolling(),
    exportFence: () => outside.exportFence(),
    importFence: (fence) => outside.importFence(fence),
    setName: (name) => outside.setName(name),
  }
}

test('beginCpuAccess tells the exporter how long it may take, and where', async () => {
  const { outside, buffer: one } = buffer()
  using _one = one
  const options = { timeoutMs: 5, blocking: 'thread' } as const
  ;(await one.beginCpuAccess('read', options)).end()
  await one.lend('read', () => Promise.resolve(), 0, options)
  assert.deepEqual(
    outside.begun.map(({ timeoutMs, blocking }) => ({ timeoutMs, blocking })),
    [options, options],
  )
})

test('tryBeginCpuAccess begins where the exporter can do so without a wait [CPU-2]', () => {
  const { outside, buffer: one } = buffer()
  using _one = one
  one.tryBeginCpuAccess('write')!.end()
  outside.ready = 0
  assert.equal(one.tryBeginCpuAccess('write'), undefined)
})

test('tryBeginCpuAccess asks our own fences before the exporter [CPU-2]', async () => {
  const { outside, buffer: one } = buffer()
  using _one = one
  let asked = 0
  outside.tryBeginCpuAccess = () => ++asked > 0
  const fence = mockFence()
  await one.addFence(fence, 'write')
  assert.equal(one.tryBeginCpuAccess('read'), undefined)
  assert.equal(asked, 0)
  signalFence(fence)
  one.tryBeginCpuAccess('read')!.end()
  assert.equal(asked, 1)
})

test('ready waits for work that only the exporter knows of [BUF-38]', async () => {
  const { outside, buffer: one } = buffer()
  using _one = one
  outside.ready = POLL_IN
  await one.ready('read')
  let isReady = false
  const wait = one.ready('write').then(() => (isReady = true))
  await settle()
  assert.equal(isReady, false)
  outside.become(POLL_IN | POLL_OUT)
  await wait
})

test('ready looks at our fences again after the exporter became ready [BUF-45]', async () => {
  const { outside, buffer: one } = buffer()
  using _one = one
  outside.ready = 0
  const wait = one.ready('write')
  await settle()
  const fence = mockFence()
  await one.addFence(fence, 'write')
  outside.become(POLL_IN | POLL_OUT)
  let isReady = false
  void wait.then(() => (isReady = true))
  await settle()
  assert.equal(isReady, false)
  signalFence(fence)
  await wait
})

test('ready that times out says so, and nobody polls the exporter any more', async () => {
  using time = useManualClock()
  const { outside, buffer: one } = buffer()
  using _one = one
  outside.ready = 0
  const wait = one.ready('write', { timeoutMs: 10 })
  const late = assert.rejects(wait, { code: 'ETIMEDOUT', message: /work of other programs/ })
  await settle()
  time.clock.advance(10)
  await late
  assert.equal(outside.stops, 1)
})

test('poll has only what is ready here and there [BUF-39]', () => {
  const { outside, buffer: one } = buffer()
  using _one = one
  outside.ready = POLL_IN
  assert.equal(one.poll(POLL_IN | POLL_OUT), POLL_IN)
  outside.ready = POLL_OUT
  assert.equal(one.poll(POLL_IN), 0)
})

test('fence is what is pending here and there, as one [BUF-55]', async () => {
  const { outside, buffer: one } = buffer()
  using _one = one
  const theirs = mockFence()
  outside.pending = theirs
  const alone = one.fence('read')
  assert.equal(alone, theirs)
  putFence(alone)
  const ours = mockFence()
  await one.addFence(ours, 'write')
  const other = mockFence({}, 2)
  outside.pending = other
  const both = one.fence('read')
  signalFence(ours)
  assert.equal(both.status, 'pending')
  signalFence(other)
  assert.equal(both.status, 'signaled')
  putFence(both)
})

test('addFence leaves to the exporter what it takes, and keeps the rest [BUF-57]', async () => {
  const { outside, buffer: one } = buffer()
  using _one = one
  const fence = mockFence()
  outside.takes = true
  await one.addFence(fence, 'write')
  assert.deepEqual(outside.taken, [fence])
  assert.equal(one.reservation.isSignaled('read'), true)
  outside.takes = false
  await one.addFence(fence, 'write')
  assert.equal(one.reservation.isSignaled('read'), false)
  signalFence(fence)
})

test('setName tells the exporter first: what it refuses is not the name [BUF-52]', () => {
  const { outside, buffer: one } = buffer()
  using _one = one
  one.setName('shown')
  assert.equal(outside.name, 'shown')
  assert.throws(() => one.setName('refused'), { code: 'EINVAL' })
  assert.equal(one.name, 'shown')
})
