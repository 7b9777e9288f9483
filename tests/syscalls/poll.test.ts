// Goal: poll looks, waits, looks again, and lets everything go.
// Method: a file whose readiness a test switches, under a manual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { DescriptorTable } from '#src/syscalls/descriptor-table.js'
import { OpenFile } from '#src/syscalls/open-file.js'
import { pollDescriptors } from '#src/syscalls/poll.js'
import { O_RDWR, POLLERR, POLLIN, POLLNVAL, POLLOUT } from '#src/uapi/file.js'
import { errorCode } from '../helpers/error-code.js'
import { useManualClock } from '../helpers/manual-clock.js'

class SwitchFile extends OpenFile {
  ready = 0
  looks = 0
  readonly wakers: (() => void)[] = []
  isReleased = false
  wakesAtOnce = false

  constructor() {
    super(O_RDWR)
  }

  override poll(_events: number, wake?: () => void): number {
    this.looks++
    if (wake !== undefined) this.wakers.push(wake)
    if (this.wakesAtOnce && this.looks === 1) wake?.()
    return this.ready
  }

  override stopPolling(wake: () => void): void {
    this.wakers.splice(this.wakers.indexOf(wake), 1)
  }

  wakeAll(): void {
    for (const wake of [...this.wakers]) wake()
  }

  protected override release(): void {
    this.isReleased = true
  }
}

test('pollDescriptors returns at once what is ready, cut to what was asked', async () => {
  using table = new DescriptorTable()
  const file = new SwitchFile()
  const fd = table.open(file)
  file.ready = POLLIN | POLLOUT | POLLERR
  assert.deepEqual(await pollDescriptors(table, [{ fd, events: POLLIN }]), [POLLIN | POLLERR])
  assert.deepEqual(file.wakers, [])
})

test('pollDescriptors skips negative descriptors and reports closed ones', async () => {
  using table = new DescriptorTable()
  const requests = [
    { fd: -1, events: POLLIN },
    { fd: 5, events: POLLIN },
  ]
  assert.deepEqual(await pollDescriptors(table, requests), [0, POLLNVAL])
})

test('pollDescriptors with no time looks once and registers for nothing that stays', async () => {
  using table = new DescriptorTable()
  const file = new SwitchFile()
  const fd = table.open(file)
  assert.deepEqual(await pollDescriptors(table, [{ fd, events: POLLIN }], { timeoutMs: 0 }), [0])
  assert.deepEqual([file.looks, file.wakers.length], [1, 0])
})

test('pollDescriptors looks again after each wake-up, which alone is no readiness [BUF-45]', async () => {
  using table = new DescriptorTable()
  const file = new SwitchFile()
  const fd = table.open(file)
  const polled = pollDescriptors(table, [{ fd, events: POLLIN }])
  file.wakeAll()
  await Promise.resolve()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([file.looks, file.wakers.length], [2, 1])
  file.ready = POLLIN
  file.wakeAll()
  assert.deepEqual(await polled, [POLLIN])
  assert.deepEqual([file.looks, file.wakers.length], [3, 0])
})

test('pollDescriptors misses no wake-up that comes while it looks', async () => {
  using table = new DescriptorTable()
  const file = new SwitchFile()
  file.wakesAtOnce = true
  const fd = table.open(file)
  using time = useManualClock()
  const polled = pollDescriptors(table, [{ fd, events: POLLIN }], { timeoutMs: 10 })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(file.looks, 2)
  time.clock.advance(10)
  assert.deepEqual(await polled, [0])
})

test('pollDescriptors gives up when the time of all looks together is over', async () => {
  using time = useManualClock()
  using table = new DescriptorTable()
  const file = new SwitchFile()
  const fd = table.open(file)
  const polled = pollDescriptors(table, [{ fd, events: POLLIN }], { timeoutMs: 10 })
  time.clock.advance(6)
  file.wakeAll()
  await new Promise((resolve) => setImmediate(resolve))
  time.clock.advance(4)
  assert.deepEqual(await polled, [0])
  assert.deepEqual([file.wakers.length, time.clock.timerCount], [0, 0])
})

test('pollDescriptors keeps its files open, whoever closes their descriptors', async () => {
  using table = new DescriptorTable()
  const file = new SwitchFile()
  const fd = table.open(file)
  const polled = pollDescriptors(table, [{ fd, events: POLLIN }])
  table.close(fd)
  assert.equal(file.isReleased, false)
  file.ready = POLLIN
  file.wakeAll()
  assert.deepEqual(await polled, [POLLIN])
  assert.equal(file.isReleased, true)
})

test('pollDescriptors fails with EINTR when its signal is aborted, and lets go [C-1]', async () => {
  using table = new DescriptorTable()
  const file = new SwitchFile()
  const fd = table.open(file)
  const controller = new AbortController()
  const { signal } = controller
  const polled = pollDescriptors(table, [{ fd, events: POLLIN }], { signal })
  controller.abort('enough')
  await assert.rejects(
    polled,
    (error) => DmaBufError.is(error, 'EINTR') && error.cause === 'enough',
  )
  assert.deepEqual(file.wakers, [])
  const late = new DmaBufError('ETIMEDOUT', 'mine', 'A reason that looks like a timeout')
  const aborted = { signal: AbortSignal.abort(late), timeoutMs: 5 }
  assert.equal(await errorCode(() => pollDescriptors(table, [{ fd, events: 0 }], aborted)), 'EINTR')
})

test('pollDescriptors refuses a timeout that is no time', async () => {
  using table = new DescriptorTable()
  for (const timeoutMs of [-1, Number.NaN])
    await assert.rejects(pollDescriptors(table, [], { timeoutMs }), RangeError)
})
