// Goal: a fence signals once, tells everybody once, and lies to nobody in between.
// Method: fences by hand over ops that note their calls; time is a manual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { isFlaggedSignaled } from '#src/core/fence/fence-flags.js'
import {
  Fence,
  putFence,
  setFenceError,
  signalFence,
  type FenceOps,
} from '#src/core/fence/fence.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { collectWarnings } from '../../helpers/warnings.js'

const NAMES = { driverName: 'test', timelineName: 'ring' }
const failure = new DmaBufError('EIO', 'render', 'Shader hangs')

function fenceWith(ops: Partial<FenceOps> = {}): Fence {
  return new Fence({ ...NAMES, ...ops }, 1, 7)
}

test('Fence says whose it is and where on its timeline [FENCE-1, FENCE-3]', () => {
  const fence = fenceWith()
  assert.deepEqual(
    [fence.driverName, fence.timelineName, fence.context, fence.seqno],
    ['test', 'ring', 1, 7],
  )
})

test('A fence without ops, or without one of its two names, is a bug [FENCE-2]', () => {
  const names = NAMES as FenceOps
  for (const ops of [undefined, null, {}, { driverName: 'test' }, { timelineName: 'ring' }])
    assert.throws(() => new Fence(ops as FenceOps, 1, 1), {
      code: 'ERR_DMABUF_BUG',
      rule: 'FENCE-2',
    })
  assert.equal(new Fence(names, 1, 1).status, 'pending')
})

test('A fresh fence is pending, without error or timestamp [FENCE-4, FENCE-16]', () => {
  const fence = fenceWith()
  assert.equal(fence.status, 'pending')
  assert.equal(fence.isSignaled(), false)
  assert.equal(fence.error, undefined)
  assert.equal(fence.timestampNs, undefined)
})

test('signalFence signals once: true, then false and no change [FENCE-4, FENCE-10]', () => {
  using time = useManualClock()
  const fence = fenceWith()
  assert.equal(signalFence(fence), true)
  const { timestampNs } = fence
  time.clock.advance(1)
  assert.equal(signalFence(fence, failure), false)
  assert.equal(fence.status, 'signaled')
  assert.equal(fence.error, undefined)
  assert.equal(fence.timestampNs, timestampNs)
})

test('signalFence stores the time before callbacks run [FENCE-11]', () => {
  using time = useManualClock()
  const fence = fenceWith()
  let seen: number | undefined = undefined
  fence.addCallback(({ timestampNs }) => (seen = timestampNs))
  time.clock.advance(3)
  signalFence(fence)
  assert.equal(seen, 5_003_000_000)
})

test('An error is invisible until the fence signals, then for good [FENCE-15, FENCE-16]', () => {
  const fence = fenceWith()
  assert.equal(fence.error, undefined)
  signalFence(fence, failure)
  assert.equal(fence.error, failure)
  assert.equal(fence.status, 'error')
  assert.equal(fence.isSignaled(), true)
})

test('Callbacks run once, in the order they were added, with their fence, inside the signal [FENCE-11, FENCE-12]', () => {
  const fence = fenceWith()
  const seen: [string, Fence][] = []
  for (const name of ['a', 'b', 'c'])
    assert.equal(
      fence.addCallback((which) => seen.push([name, which])),
      true,
    )
  signalFence(fence)
  signalFence(fence)
  assert.deepEqual(seen, [
    ['a', fence],
    ['b', fence],
    ['c', fence],
  ])
})

test('Callbacks are any number, and one function may wait for several fences [FENCE-19]', () => {
  const fences = [fenceWith(), fenceWith(), fenceWith()]
  const seen: Fence[] = []
  const callback = (fence: Fence): void => void seen.push(fence)
  let calls = 0
  for (const fence of fences) {
    fence.addCallback(callback)
    for (let i = 0; i < 1000; i++) fence.addCallback(() => calls++)
  }
  fences[1]!.removeCallback(callback)
  for (const fence of fences) signalFence(fence)
  assert.deepEqual(seen, [fences[0], fences[2]])
  assert.equal(calls, 3000)
})

test('A callback added twice runs twice, and is taken back once a time [FENCE-20]', () => {
  const fence = fenceWith()
  let calls = 0
  const callback = (): number => calls++
  fence.addCallback(callback)
  fence.addCallback(callback)
  fence.addCallback(callback)
  assert.equal(fence.removeCallback(callback), true)
  signalFence(fence)
  assert.equal(calls, 2)
})

test('Every callback runs whatever the others throw, which is reported [FENCE-11, PORT-4]', () => {
  using warnings = collectWarnings()
  const fence = fenceWith()
  const seen: string[] = []
  const callbacks = ['a', 'b', 'c'].map((name) => (): void => {
    seen.push(name)
    if (name !== 'b') throw new Error(`broken ${name}`)
  })
  callbacks.forEach((callback) => fence.addCallback(callback))
  assert.equal(signalFence(fence), true)
  assert.deepEqual(seen, ['a', 'b', 'c'])
  assert.equal(fence.status, 'signaled')
  assert.equal(signalFence(fence), false)
  assert.deepEqual(warnings.rules, ['PORT-4', 'PORT-4'])
  assert.match(warnings.list[1]!.message, /test ring seqno 7.*broken c/)
})

test('A lone callback that throws is reported, and its fence is signalled [PORT-4]', () => {
  using warnings = collectWarnings()
  const fence = fenceWith()
  fence.addCallback(() => {
    throw new Error('broken')
  })
  assert.equal(signalFence(fence), true)
  assert.equal(fence.status, 'signaled')
  assert.deepEqual(warnings.rules, ['PORT-4'])
})

test('A callback sees its fence signalled, and may not join it any more [FENCE-11, FENCE-18]', () => {
  const fence = fenceWith()
  let result: unknown = undefined
  fence.addCallback((which) => {
    result = [
      which.isSignaled(),
      which.addCallback(() => assert.fail('Called')),
      signalFence(which),
    ]
  })
  signalFence(fence)
  assert.deepEqual(result, [true, false, false])
})

test('A callback cannot take back one behind it: the list is detached by then [FENCE-11, MIS-5]', () => {
  const fence = fenceWith()
  const seen: string[] = []
  const second = (): void => void seen.push('second')
  fence.addCallback(() => seen.push(`removed ${fence.removeCallback(second)}`))
  fence.addCallback(second)
  signalFence(fence)
  assert.deepEqual(seen, ['removed false', 'second'])
})

test('Fence.addCallback on a signalled fence returns false and does not call [FENCE-18]', () => {
  const fence = fenceWith()
  signalFence(fence)
  assert.equal(
    fence.addCallback(() => assert.fail('Called')),
    false,
  )
})

test('Fence.addCallback without a callback warns and throws EINVAL, with a wrong one TypeError [FENCE-18]', () => {
  using warnings = collectWarnings()
  const fence = fenceWith()
  for (const nothing of [undefined, null])
    assert.throws(() => fence.addCallback(nothing as unknown as () => void), { code: 'EINVAL' })
  assert.deepEqual(warnings.rules, ['FENCE-18', 'FENCE-18'])
  for (const wrong of [{}, 'f'])
    assert.throws(() => fence.addCallback(wrong as () => void), TypeError)
  signalFence(fence)
})

test('Fence.addCallback looks at the callback before it looks at the fence [FENCE-18]', () => {
  using _warnings = collectWarnings()
  const fence = fenceWith()
  signalFence(fence)
  assert.throws(() => fence.addCallback(null as unknown as () => void), { code: 'EINVAL' })
  assert.equal(
    fence.addCallback(() => assert.fail('Called')),
    false,
  )
})

test('Fence.removeCallback takes back what has not run, nothing else [FENCE-20]', () => {
  const fence = fenceWith()
  const callback = (): void => assert.fail('Called')
  assert.equal(fence.removeCallback(callback), false)
  assert.equal(fence.removeCallback(undefined as unknown as () => void), false)
  fence.addCallback(callback)
  assert.equal(
    fence.removeCallback(() => {}),
    false,
  )
  assert.equal(fence.removeCallback(callback), true)
  assert.equal(fence.removeCallback(callback), false)
  signalFence(fence)
  assert.equal(fence.removeCallback(callback), false)
})

test('enableSignaling is asked once, by whoever first wants to be told [FENCE-22]', async () => {
  const asked: Fence[] = []
  const fence = fenceWith({ enableSignaling: (which) => asked.push(which) > 0 })
  assert.equal(fence.isSignaled(), false)
  assert.equal(fence.status, 'pending')
  assert.equal(asked.length, 0, 'Looking enables nothing [FENCE-13]')
  fence.addCallback(() => {})
  fence.addCallback(() => {})
  const waiting = fence.wait()
  assert.deepEqual(asked, [fence])
  signalFence(fence)
  await waiting
})

test('A fence without enableSignaling is marked, and signals by itself only [FENCE-22, FENCE-24]', () => {
  const fence = fenceWith()
  let calls = 0
  assert.equal(
    fence.addCallback(() => calls++),
    true,
  )
  assert.equal(fence.isSignaled(), false)
  assert.equal(fence.status, 'pending')
  assert.equal(calls, 0)
  signalFence(fence)
  assert.equal(calls, 1)
})

test('Fence.enableSignaling asks the creator, once for all ways to wait [FENCE-21, MIS-7]', async () => {
  const asked: Fence[] = []
  const fence = fenceWith({ enableSignaling: (which) => asked.push(which) > 0 })
  fence.enableSignaling()
  assert.deepEqual(asked, [fence])
  fence.enableSignaling()
  fence.addCallback(() => {})
  assert.equal(asked.length, 1)
  const refusing = fenceWith({ enableSignaling: () => false })
  refusing.enableSignaling()
  assert.equal(refusing.status, 'signaled')
})

test('A fence that was only polled is enabled by the first callback [FENCE-13, MIS-7]', () => {
  let asked = 0
  const fence = fenceWith({ isSignaled: () => false, enableSignaling: () => ++asked > 0 })
  for (let i = 0; i < 3; i++) assert.equal(fence.isSignaled(), false)
  assert.equal(asked, 0)
  fence.addCallback(() => {})
  assert.equal(asked, 1)
})

test('enableSignaling that throws is reported, and fails the fence with that [FENCE-22, PORT-4]', async () => {
  for (const [thrown, code] of [
    [failure, 'EIO'],
    [new DmaBufError('EBUSY', 'x', 'Busy'), 'EBUSY'],
    [new Error('broken'), 'EIO'],
  ] as const) {
    using warnings = collectWarnings()
    let asked = 0
    const enableSignaling = (): never => {
      asked++
      throw thrown
    }
    const fence = fenceWith({ enableSignaling })
    assert.equal(
      fence.addCallback(() => assert.fail('Called')),
      false,
    )
    await assert.rejects(fence.wait(), { code })
    assert.equal(asked, 1)
    assert.deepEqual(warnings.rules, ['PORT-4'])
  }
})

test('A callback added while the creator is asked runs when the creator says no [FENCE-22]', () => {
  const seen: string[] = []
  const enableSignaling = (which: Fence): boolean => {
    seen.push(`added ${which.addCallback(() => seen.push('inner'))}`)
    return false
  }
  const fence = fenceWith({ enableSignaling })
  assert.equal(
    fence.addCallback(() => assert.fail('Called')),
    false,
  )
  assert.deepEqual(seen, ['added true', 'inner'])
})

test('setError, then false, is how enableSignaling fails a fence [FENCE-23]', () => {
  const fence = fenceWith({ enableSignaling: (which) => (setFenceError(which, failure), false) })
  fence.enableSignaling()
  assert.equal(fence.error, failure)
})

test('enableSignaling that says no signals the fence at once [FENCE-22]', async () => {
  const fence = fenceWith({ enableSignaling: () => false })
  assert.equal(
    fence.addCallback(() => assert.fail('Called')),
    false,
  )
  assert.equal(fence.status, 'signaled')
  await fenceWith({ enableSignaling: () => false }).wait()
})

test('enableSignaling may signal the fence itself, with an error, if it answers false [FENCE-22, FENCE-23]', async () => {
  using warnings = collectWarnings()
  for (const answer of [false, true]) {
    const enableSignaling = (which: Fence): boolean => {
      signalFence(which, failure)
      return answer
    }
    const fence = fenceWith({ enableSignaling })
    assert.equal(
      fence.addCallback(() => assert.fail('Called')),
      false,
    )
    assert.equal(fence.error, failure)
    await assert.rejects(fenceWith({ enableSignaling }).wait(), failure)
    assert.deepEqual(warnings.rules, answer ? ['FENCE-23', 'FENCE-23'] : [])
  }
})

test('Fence.isSignaled asks the creator, and tells everybody when it is done [FENCE-13, FENCE-14]', () => {
  let isDone = false
  let asked = 0
  let calls = 0
  const isSignaled = (): boolean => (asked++, isDone)
  const fence = fenceWith({ isSignaled })
  fence.addCallback(() => calls++)
  assert.equal(fence.isSignaled(), false)
  isDone = true
  assert.equal(calls, 0)
  assert.equal(fence.isSignaled(), true)
  assert.equal(calls, 1)
  const askedUntilDone = asked
  assert.equal(fence.isSignaled(), true)
  assert.equal(asked, askedUntilDone)
})

test('A creator may signal with an error while it looks [FENCE-14]', () => {
  const isSignaled = (which: Fence): boolean => signalFence(which, failure)
  assert.equal(fenceWith({ isSignaled }).status, 'error')
  const silent = fenceWith({ isSignaled: (which) => (signalFence(which, failure), false) })
  assert.equal(silent.status, 'error')
})

test('The creator may set the error as it says yes [FENCE-14]', () => {
  const fence = fenceWith({ isSignaled: (which) => (setFenceError(which, failure), true) })
  assert.deepEqual([fence.status, fence.error], ['error', failure])
})

test('isSignaled that throws throws to whoever looks, and changes nothing', async () => {
  const isSignaled = (): never => {
    throw failure
  }
  const fence = fenceWith({ isSignaled })
  assert.throws(() => fence.isSignaled(), failure)
  assert.throws(() => fence.status, failure)
  await assert.rejects(fence.wait(), failure)
  assert.equal(isFlaggedSignaled(fence), false)
  fence.addCallback(() => {})
  assert.equal(signalFence(fence), true)
})

test('Fence.setDeadline tells the creator of a pending fence each time, and of no other [FENCE-35]', () => {
  const told: unknown[] = []
  const setDeadline = (fence: Fence, ns: number): void => void told.push([fence, ns])
  const fence = fenceWith({ setDeadline })
  for (const ns of [20, 10, 30, 0]) fence.setDeadline(ns)
  assert.deepEqual(
    told.splice(0),
    [20, 10, 30, 0].map((ns) => [fence, ns]),
  )
  signalFence(fence)
  fence.setDeadline(40)
  fenceWith({ setDeadline, isSignaled: () => true }).setDeadline(50)
  assert.deepEqual(told, [])
  fenceWith().setDeadline(60)
})

test('Fence.wait resolves with the signal and rejects with its error [FENCE-25]', async () => {
  const [good, bad] = [fenceWith(), fenceWith()]
  const waits = [good.wait(), good.wait(), bad.wait()]
  signalFence(good)
  signalFence(bad, failure)
  assert.deepEqual(await Promise.all(waits.slice(0, 2)), [undefined, undefined])
  await assert.rejects(waits[2]!, failure)
  await good.wait()
  await assert.rejects(bad.wait(), failure)
})

test('Fence.wait with a timeout of 0 looks once: done is done [FENCE-26]', async () => {
  using time = useManualClock()
  const done = fenceWith()
  signalFence(done)
  await done.wait({ timeoutMs: 0 })
  await fenceWith({ isSignaled: () => true }).wait({ timeoutMs: 0 })
  const pending = fenceWith().wait({ timeoutMs: 0 })
  time.clock.advance(0)
  await assert.rejects(pending, { code: 'ETIMEDOUT' })
})

test('Fence.wait times out with the name of what it waited for, and can be waited for again [FENCE-25]', async () => {
  using time = useManualClock()
  const fence = fenceWith()
  const waiting = fence.wait({ timeoutMs: 20 })
  time.clock.advance(20)
  await assert.rejects(waiting, {
    code: 'ETIMEDOUT',
    message: 'ETIMEDOUT: fence wait timed out after 20 ms: waiting for test ring seqno 7',
  })
  const again = fence.wait()
  signalFence(fence)
  await again
})

test('Fence.wait that is given up leaves nothing behind: its fence is released in silence [FENCE-9]', async () => {
  using time = useManualClock()
  using warnings = collectWarnings()
  for (const others of [0, 1]) {
    const fence = fenceWith()
    const callback = (): void => assert.fail('Called')
    if (others > 0) fence.addCallback(callback)
    const waiting = fence.wait({ timeoutMs: 1 })
    time.clock.advance(1)
    await assert.rejects(waiting, { code: 'ETIMEDOUT' })
    if (others > 0) fence.removeCallback(callback)
    putFence(fence)
    assert.equal(fence.status, 'pending')
  }
  assert.deepEqual(warnings.list, [])
})

test('Fence.wait refuses a timeout that is no time [FENCE-25]', async () => {
  for (const timeoutMs of [-1, NaN])
    await assert.rejects(fenceWith().wait({ timeoutMs }), RangeError)
})

test('Fence.wait of a signalled fence resolves though its signal is aborted; of a pending one it rejects [FENCE-26, PORT-2]', async () => {
  const reason = new Error('stop')
  const signal = AbortSignal.abort(reason)
  const fence = fenceWith()
  await assert.rejects(fence.wait({ signal }), reason)
  signalFence(fence)
  await fence.wait({ signal })
  await fenceWith({ isSignaled: () => true }).wait({ signal })
  await fenceWith({ enableSignaling: () => false }).wait({ signal })
})

test('Fence.wait refuses a wrong time of a signalled fence, too [FENCE-25]', async () => {
  const fence = fenceWith()
  signalFence(fence)
  await assert.rejects(fence.wait({ timeoutMs: -1 }), RangeError)
})

test('Fence.wait that settled is not unsettled by a later abort', async () => {
  const controller = new AbortController()
  const fence = fenceWith()
  const waiting = fence.wait({ signal: controller.signal })
  signalFence(fence)
  controller.abort()
  await waiting
})

test('Fence.wait for ever sets no timer', async () => {
  using time = useManualClock()
  const fence = fenceWith()
  const waiting = fence.wait({ timeoutMs: Infinity })
  assert.equal(time.clock.timerCount, 0)
  signalFence(fence)
  await waiting
})

test('Fence.wait gives up when its signal is aborted, before or during', async () => {
  const reason = new Error('stop')
  const controller = new AbortController()
  const fence = fenceWith()
  const waiting = fence.wait({ signal: controller.signal })
  controller.abort(reason)
  signalFence(fence)
  await assert.rejects(waiting, reason)
  await assert.rejects(fenceWith().wait({ signal: controller.signal }), reason)
})

test('A fence is never thenable: an async function can return one', async () => {
  const fence = fenceWith()
  assert.equal('then' in fence, false)
  const returned = await (async () => fence)()
  assert.equal(returned, fence)
  assert.equal(fence.status, 'pending')
})

test('disableSignaling is called when the last that waited gives up, and enableSignaling for the next', async () => {
  const calls: string[] = []
  const fence = fenceWith({
    enableSignaling: () => calls.push('on') > 0,
    disableSignaling: () => void calls.push('off'),
  })
  const first = (): void => {}
  const second = (): void => {}
  fence.addCallback(first)
  fence.addCallback(second)
  fence.removeCallback(first)
  assert.equal(fence.removeCallback(first), false)
  assert.deepEqual(calls, ['on'])
  assert.equal(fence.removeCallback(second), true)
  assert.deepEqual(calls, ['on', 'off'])
  fence.addCallback(first)
  fence.removeCallback(first)
  await assert.rejects(fence.wait({ timeoutMs: 0 }))
  assert.deepEqual(calls.slice(2), ['on', 'off', 'on', 'off'])
  // Asked for by hand: nobody waits.
  fence.enableSignaling()
  assert.deepEqual(calls.slice(6), ['on', 'off'])
  fence.addCallback(first)
  signalFence(fence)
  fence.removeCallback(first)
  fence.enableSignaling()
  assert.deepEqual(calls.slice(8), ['on'])
})
