// Goal: the waits that take a time answer as the kernel's do, in every order of signal, abort and timer.
// Method: a manual clock; the waiter runs when the test lets microtasks run, so the test decides what has
// happened by then.
import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { DmaBufError } from '#src/core/errors.js'
import { putFence, signalFence, type Fence } from '#src/core/fence/fence.js'
import { defaultWait, waitAnyFence, waitFenceTimeout } from '#src/core/fence/wait.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { mockFence, settle } from '../../helpers/mock-fence.js'
import { collectWarnings } from '../../helpers/warnings.js'

const reason = new Error('stop')

function signaled(): Fence {
  const fence = mockFence()
  signalFence(fence)
  return fence
}

/** What a promise is now: its value, its error, or undefined where it is pending. */
async function outcomeOf(waiting: Promise<unknown>): Promise<unknown> {
  let outcome: unknown = undefined
  waiting.then(
    (value) => (outcome = value ?? 'nothing'),
    (error: unknown) => (outcome = error),
  )
  await settle()
  return outcome
}

for (const [timeoutMs, result] of [
  [0, 1],
  [10, 10],
  [0.5, 1],
  [10.25, 11],
  [Infinity, Infinity],
] as const) {
  test(`waitFenceTimeout(${timeoutMs}) of a signalled fence is ${result} [FENCE-26, EX-16, MIS-8, PORT-9]`, async () => {
    assert.equal(await waitFenceTimeout(signaled(), timeoutMs), result)
  })
}

test('waitFenceTimeout without time of a pending fence is 0 [FENCE-26, EX-16]', async () => {
  assert.equal(await waitFenceTimeout(mockFence(), 0), 0)
})

test('Fence.wait of a signalled fence is nothing, without time, too [EX-16]', async () => {
  for (const wait of [signaled().wait(), signaled().wait({ timeoutMs: 0 })])
    assert.equal(await outcomeOf(wait), 'nothing')
})

test('waitFenceTimeout answers what is left of the time, never 0 in time [FENCE-27, PORT-9]', async () => {
  using time = useManualClock()
  for (const [afterMs, left] of [
    [0, 10],
    [3, 7],
    [3.5, 7],
    [9.999999, 1],
  ] as const) {
    const fence = mockFence()
    const waiting = waitFenceTimeout(fence, 10)
    time.clock.advance(afterMs)
    signalFence(fence)
    assert.equal(await waiting, left)
    assert.equal(time.clock.timerCount, 0)
  }
})

test('waitFenceTimeout for ever has for ever left, and sets no timer [C-5, FENCE-29, MIS-8]', async () => {
  using time = useManualClock()
  const fence = mockFence()
  const waiting = waitFenceTimeout(fence, Infinity)
  await settle()
  assert.equal(time.clock.timerCount, 0)
  time.clock.advance(1e9)
  signalFence(fence)
  assert.equal(await waiting, Infinity)
})

test('waitFenceTimeout is 0 once its time is over, not before [FENCE-27]', async () => {
  using time = useManualClock()
  const waiting = waitFenceTimeout(mockFence(), 10)
  time.clock.advance(9.999)
  assert.equal(await outcomeOf(waiting), undefined)
  time.clock.advance(0.001)
  assert.equal(await waiting, 0)
})

test('A fence that signals in the instant the timer expires is too late [FENCE-27]', async () => {
  using time = useManualClock()
  const fence = mockFence()
  const waiting = waitFenceTimeout(fence, 10)
  time.clock.advance(10)
  signalFence(fence)
  assert.equal(await waiting, 0)
})

test('Signalled in time is 0 where the waiter runs when no time is left [FENCE-27]', async () => {
  using time = useManualClock()
  const fence = mockFence()
  const waiting = waitFenceTimeout(fence, 10)
  signalFence(fence)
  time.clock.advance(10)
  assert.equal(await waiting, 0)
})

test('Interrupted with time left wins over signalled, whichever came first [FENCE-27, MIS-8]', async () => {
  using _time = useManualClock()
  for (const isSignalFirst of [true, false]) {
    const fence = mockFence()
    const abort = new AbortController()
    const waiting = waitFenceTimeout(fence, 10, { signal: abort.signal })
    const steps = [() => signalFence(fence), () => abort.abort(reason)]
    for (const step of isSignalFirst ? steps : steps.reverse()) step()
    await assert.rejects(waiting, reason)
    assert.equal(getEventListeners(abort.signal, 'abort').length, 0)
  }
})

test('With no time left 0 wins over an interruption [FENCE-27]', async () => {
  using time = useManualClock()
  const abort = new AbortController()
  const waiting = waitFenceTimeout(mockFence(), 10, { signal: abort.signal })
  abort.abort(reason)
  time.clock.advance(10)
  assert.equal(await waiting, 0)
})

test('Signalled before the wait wins over interrupted, which wins over no time [FENCE-26]', async () => {
  const options = { signal: AbortSignal.abort(reason) }
  assert.equal(await waitFenceTimeout(signaled(), 10, options), 10)
  await assert.rejects(waitFenceTimeout(mockFence(), 0, options), reason)
})

test('waitFenceTimeout without a signal cannot be interrupted [PORT-2]', async () => {
  using _time = useManualClock()
  assert.equal(await outcomeOf(waitFenceTimeout(mockFence(), Infinity)), undefined)
})

test('waitFenceTimeout enables before it looks, with no time and with an aborted signal, too [FENCE-25]', async () => {
  for (const options of [{}, { signal: AbortSignal.abort(reason) }]) {
    let asked = 0
    const fence = mockFence({ enableSignaling: () => ++asked > 1 })
    assert.equal(await waitFenceTimeout(fence, 0, options), 1)
    assert.equal(asked, 1)
  }
})

test('waitFenceTimeout never asks the creator whether it is done [FENCE-28]', async () => {
  const fence = mockFence({ isSignaled: () => true })
  assert.equal(await waitFenceTimeout(fence, 0), 0)
  const waiting = waitFenceTimeout(fence, Infinity)
  assert.equal(await outcomeOf(waiting), undefined)
  assert.equal(fence.isSignaled(), true)
  assert.equal(await waiting, Infinity)
})

test('waitFenceTimeout says nothing of the error of the fence [FENCE-29]', async () => {
  const fence = mockFence()
  const waiting = waitFenceTimeout(fence, Infinity)
  signalFence(fence, new DmaBufError('EIO', 'render', 'Shader hangs'))
  assert.equal(await waiting, Infinity)
})

test('A wait that is over leaves nothing with its fence [FENCE-9]', async () => {
  using time = useManualClock()
  using warnings = collectWarnings()
  const [timedOut, interrupted, any] = [mockFence(), mockFence(), mockFence()]
  const abort = new AbortController()
  const waits = [
    waitFenceTimeout(timedOut, 1),
    waitFenceTimeout(interrupted, 5, { signal: abort.signal }),
    waitAnyFence([any, any], 1),
  ]
  abort.abort(reason)
  await assert.rejects(waits[1]!, reason)
  time.clock.advance(1)
  assert.deepEqual([await waits[0], await waits[2]], [0, undefined])
  for (const fence of [timedOut, interrupted, any]) putFence(fence)
  assert.deepEqual(warnings.list, [])
})

test('A sleeper is woken before callbacks that were there first [FENCE-12]', async () => {
  for (const wait of [
    (fence: Fence) => fence.wait(),
    (fence: Fence) => fence.wait({ timeoutMs: Infinity }),
    (fence: Fence) => fence.wait({ signal: new AbortController().signal }),
  ]) {
    const fence = mockFence()
    const seen: string[] = []
    fence.addCallback(() => void Promise.resolve().then(() => seen.push('callback')))
    const waiting = wait(fence).then(() => seen.push('sleeper'))
    signalFence(fence)
    await waiting
    await settle()
    assert.deepEqual(seen, ['sleeper', 'callback'])
  }
})

test('defaultWait is what an own wait falls back on [FENCE-31]', async () => {
  const fence = mockFence({ wait: (which, ms, options) => defaultWait(which, ms / 2, options) })
  assert.equal(await waitFenceTimeout(fence, 0), 0)
  signalFence(fence)
  assert.equal(await waitFenceTimeout(fence, 10), 5)
})

// Appendix D: each refusal of the waits, in the order of the checks.
for (const { name, wait, code } of [
  { name: 'wait_timeout, negative', wait: () => waitFenceTimeout(signaled(), -1), code: 'EINVAL' },
  {
    name: 'wait_timeout, negative before interrupted',
    wait: () => waitFenceTimeout(mockFence(), -0.5, { signal: AbortSignal.abort(reason) }),
    code: 'EINVAL',
  },
  { name: 'wait_any, no fences', wait: () => waitAnyFence([], 10), code: 'EINVAL' },
  {
    name: 'wait_any, no array',
    wait: () => waitAnyFence(undefined as unknown as Fence[], 10),
    code: 'EINVAL',
  },
  { name: 'wait_any, negative', wait: () => waitAnyFence([signaled()], -1), code: 'EINVAL' },
]) {
  test(`${name}: warns and is ${code} [FENCE-25, FENCE-30]`, async () => {
    using warnings = collectWarnings()
    const operation = name.startsWith('wait_any') ? 'waitAnyFence' : 'waitFenceTimeout'
    await assert.rejects(wait(), { code, operation })
    assert.equal(warnings.list.length, 1)
  })
}

test('waitAnyFence without memory is ENOMEM: after EINVAL, before interrupted, and not for a poll [FENCE-30]', async () => {
  using _warnings = collectWarnings()
  using _debug = setDebug({ failAllocations: true })
  const options = { signal: AbortSignal.abort(reason) }
  await assert.rejects(waitAnyFence([], 10), { code: 'EINVAL' })
  await assert.rejects(waitAnyFence([mockFence()], -1), { code: 'EINVAL' })
  await assert.rejects(waitAnyFence([mockFence()], 10, options), { code: 'ENOMEM' })
  assert.deepEqual(await waitAnyFence([signaled()], 0), { index: 0, remainingMs: 1 })
})

test('A wait for NaN is a RangeError', async () => {
  await assert.rejects(waitFenceTimeout(mockFence(), NaN), RangeError)
  await assert.rejects(waitAnyFence([mockFence()], NaN), RangeError)
})

test('A negative wait enables nothing: the time is looked at first [FENCE-25]', async () => {
  using _warnings = collectWarnings()
  const fence = mockFence({ enableSignaling: () => assert.fail('Asked') })
  await assert.rejects(waitFenceTimeout(fence, -1), { code: 'EINVAL' })
})

test('waitAnyFence without time asks the creators, in order, and enables nothing [FENCE-30]', async () => {
  const asked: number[] = []
  const fences = [false, true, true].map((isDone, at) =>
    mockFence({ isSignaled: () => (asked.push(at), isDone), enableSignaling: () => assert.fail() }),
  )
  assert.deepEqual(await waitAnyFence(fences, 0), { index: 1, remainingMs: 1 })
  assert.deepEqual(asked, [0, 1])
  assert.deepEqual(await waitAnyFence([signaled()], 0), { index: 0, remainingMs: 1 })
  assert.equal(await waitAnyFence([mockFence()], 0), undefined)
})

test('waitAnyFence with one that is signalled answers at once with its index and all the time [FENCE-30]', async () => {
  const later = mockFence({ enableSignaling: () => assert.fail('Asked') })
  const found = await waitAnyFence([mockFence(), signaled(), later], 10)
  assert.deepEqual(found, { index: 1, remainingMs: 10 })
  assert.deepEqual(
    await waitAnyFence([signaled()], 10, { signal: AbortSignal.abort(reason) }),
    { index: 0, remainingMs: 10 },
    'Signalled is looked at before interrupted',
  )
})

test('waitAnyFence: the creator that refuses is the answer, its fence signals [FENCE-30]', async () => {
  const refusing = mockFence({ enableSignaling: () => false })
  const found = await waitAnyFence([mockFence(), refusing], 10)
  assert.deepEqual(found, { index: 1, remainingMs: 10 })
})

test('waitAnyFence woken answers with the first in order that is flagged, and what is left [FENCE-30]', async () => {
  using time = useManualClock()
  const fences = [mockFence({ isSignaled: () => true }), mockFence(), mockFence()]
  const waiting = waitAnyFence(fences, 10)
  time.clock.advance(4)
  signalFence(fences[2]!)
  signalFence(fences[1]!)
  assert.deepEqual(await waiting, { index: 1, remainingMs: 6 })
  assert.equal(time.clock.timerCount, 0)
})

test('waitAnyFence over its time is nothing; interrupted it rejects; both also after a signal [FENCE-30]', async () => {
  using time = useManualClock()
  for (const isSignaled of [false, true]) {
    const [late, stopped] = [mockFence(), mockFence()]
    const abort = new AbortController()
    const waits = [waitAnyFence([late], 10), waitAnyFence([stopped], 99, { signal: abort.signal })]
    if (isSignaled) for (const fence of [late, stopped]) signalFence(fence)
    time.clock.advance(10)
    abort.abort(reason)
    assert.equal(await waits[0], undefined)
    await assert.rejects(waits[1]!, reason)
  }
  await assert.rejects(
    waitAnyFence([mockFence()], 10, { signal: AbortSignal.abort(reason) }),
    reason,
  )
})

test('waitAnyFence takes back what it added, also where one refuses or throws [FENCE-30]', async () => {
  using warnings = collectWarnings()
  const [first, second] = [mockFence(), mockFence()]
  await waitAnyFence([first, signaled()], 10)
  const broken = { addCallback: () => assert.fail('broken') } as unknown as Fence
  await assert.rejects(waitAnyFence([second, second, broken], 10), { message: 'broken' })
  for (const fence of [first, second]) putFence(fence)
  assert.deepEqual(warnings.list, [])
})

test('waitAnyFence finds one that signals while another is enabled [FENCE-30]', async () => {
  const first = mockFence()
  const second = mockFence({ enableSignaling: () => signalFence(first) })
  assert.deepEqual(await waitAnyFence([first, second], 10), { index: 0, remainingMs: 10 })
})

test('waitAnyFence takes fences that have a wait of their own [FENCE-30]', async () => {
  const fence = mockFence({ wait: () => assert.fail('Called') })
  const waiting = waitAnyFence([fence], Infinity)
  signalFence(fence)
  assert.deepEqual(await waiting, { index: 0, remainingMs: Infinity })
})
