// Goal: the kernel's own tests of dma_fence (drivers/dma-buf/st-dma-fence.c), told again.
// Method: one test each; threads become interleavings of turns that a seed decides.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { host } from '#src/core/host.js'
import { putFence, setFenceError, signalFence, type Fence } from '#src/core/fence/fence.js'
import { stubFence } from '#src/core/fence/stub.js'
import { waitFenceTimeout } from '#src/core/fence/wait.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { mockFence } from '../../helpers/mock-fence.js'
import { Random } from '../../helpers/random.js'

/** A wait of its own, as their mock has: ETIME where the fence does not signal in time. */
async function mockWait(fence: Fence, timeoutMs: number): Promise<number> {
  if (fence.isSignaled()) return timeoutMs
  return new Promise((resolve, reject) => {
    const stop = host().setTimer(timeoutMs, () => {
      fence.removeCallback(woken)
      reject(new DmaBufError('ETIME', 'mock wait', 'Too late'))
    })
    const woken = (): void => {
      stop()
      resolve(1)
    }
    fence.addCallback(woken)
  })
}

test('sanitycheck: a fence is made, enabled, signalled and put [T-F1]', () => {
  let released = 0
  const fence = mockFence({ release: () => released++ })
  fence.enableSignaling()
  assert.equal(signalFence(fence), true)
  putFence(fence)
  assert.equal(released, 1)
})

test('test_signaling: pending, then signalled, and not twice [T-F2]', () => {
  const fence = mockFence()
  fence.enableSignaling()
  assert.equal(fence.isSignaled(), false)
  assert.equal(signalFence(fence), true)
  assert.equal(fence.isSignaled(), true)
  assert.equal(signalFence(fence), false)
})

test('test_add_callback: a callback has run as soon as the signal returns [T-F3]', () => {
  const fence = mockFence()
  let isSeen = false
  assert.equal(
    fence.addCallback(() => (isSeen = true)),
    true,
  )
  signalFence(fence)
  assert.equal(isSeen, true)
})

test('test_late_add_callback: a signalled fence takes none, and a further signal calls none [T-F4]', () => {
  const fence = mockFence()
  signalFence(fence)
  assert.equal(
    fence.addCallback(() => assert.fail('Called')),
    false,
  )
  signalFence(fence)
})

test('test_rm_callback: what was removed does not run [T-F5]', () => {
  const fence = mockFence()
  const callback = (): void => assert.fail('Called')
  fence.addCallback(callback)
  assert.equal(fence.removeCallback(callback), true)
  signalFence(fence)
})

test('test_late_rm_callback: what ran cannot be removed [T-F6]', () => {
  const fence = mockFence()
  let calls = 0
  const callback = (): number => calls++
  fence.addCallback(callback)
  signalFence(fence)
  assert.equal(calls, 1)
  assert.equal(fence.removeCallback(callback), false)
})

test('test_status: the status changes with the signal [T-F7]', () => {
  const fence = mockFence()
  fence.enableSignaling()
  assert.equal(fence.status, 'pending')
  signalFence(fence)
  assert.equal(fence.status, 'signaled')
})

test('test_error: an error shows with the signal, not before [T-F8]', () => {
  const fence = mockFence()
  fence.enableSignaling()
  setFenceError(fence, new DmaBufError('EIO', 'test', 'Broken'))
  assert.equal(fence.status, 'pending')
  signalFence(fence)
  assert.equal(fence.status, 'error')
  assert.equal(fence.error?.errno, -5)
})

test('test_wait: without time the mock’s ETIME before the signal, its 0 after it [T-F9]', async () => {
  using time = useManualClock()
  const fence = mockFence({ wait: mockWait })
  fence.enableSignaling()
  const waiting = waitFenceTimeout(fence, 0)
  await Promise.resolve()
  time.clock.advance(0)
  await assert.rejects(waiting, { code: 'ETIME' })
  signalFence(fence)
  assert.equal(await waitFenceTimeout(fence, 0), 0)
})

test('test_wait_timeout: one tick is too short, two are not, where a timer signals after one [T-F10]', async () => {
  using time = useManualClock()
  const fence = mockFence({ wait: mockWait })
  const early = waitFenceTimeout(fence, 1)
  await Promise.resolve()
  time.clock.advance(1)
  await assert.rejects(early, { code: 'ETIME' })
  host().setTimer(1, () => signalFence(fence))
  const waiting = waitFenceTimeout(fence, 2)
  await Promise.resolve()
  time.clock.advance(2)
  assert.equal(await waiting, 1)
})

test('test_stub: 64 stubs, all signalled [T-F11]', () => {
  const stubs = Array.from({ length: 64 }, () => stubFence())
  assert.ok(stubs.every((fence) => fence.isSignaled()))
  for (const fence of stubs) putFence(fence)
})

/** What one of two racing threads does next with the fences; turns of both are mixed by a seed. */
function* racer(
  me: number,
  fences: Fence[],
  { rounds, before, noted }: { rounds: number; before: boolean; noted: string[] },
): Generator<void, void, void> {
  for (let round = 0; round < rounds; round++) {
    const mine = mockFence()
    fences[me] = mine
    yield
    const theirs = fences[1 - me]
    if (before) signalFence(mine)
    yield
    let isSeen = false
    const isAdded = theirs?.addCallback(() => (isSeen = true)) === true
    yield
    if (!before) signalFence(mine)
    yield
    if (!isAdded) continue
    // Until the other one signalled it: the other always does, sooner or later.
    while (theirs !== undefined && !theirs.isSignaled()) yield
    noted.push(isSeen ? 'seen' : 'lost')
  }
}

for (const before of [true, false]) {
  test(`race_signal_callback, signal ${before ? 'before' : 'after'} add: an accepted callback has run once its fence is signalled [T-F12]`, () => {
    let seen = 0
    for (let seed = 1; seed <= 200; seed++) {
      const random = new Random(seed)
      const fences: Fence[] = []
      const noted: string[] = []
      const options = { rounds: 20, before, noted }
      let threads = [racer(0, fences, options), racer(1, fences, options)]
      while (threads.length > 0) {
        const thread = random.pick(threads)
        if (thread.next().done === true) threads = threads.filter((other) => other !== thread)
      }
      assert.ok(!noted.includes('lost'), `seed ${seed}`)
      seen += noted.length
    }
    assert.ok(seen > 500, `Too few callbacks were accepted: ${seen}`)
  })
}
