// Goal: progress only rises, and each fence of a timeline hears of it in its order.
// Method: timelines by hand; their order is compared with a model for random steps.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DmaBufError } from '#src/core/errors.js'
import type { Fence } from '#src/core/fence/fence.js'
import { isLater } from '#src/core/fence/order.js'
import { createTimeline, Timeline } from '#src/core/fence/timeline.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { collectWarnings } from '../../helpers/warnings.js'

const failure = new DmaBufError('EIO', 'render', 'Shader hangs')
const LAST = Number.MAX_SAFE_INTEGER

function statuses(fences: readonly Fence[]): readonly string[] {
  return fences.map(({ status }) => status)
}

test('createTimeline makes a timeline at 0 that has not ended', () => {
  const timeline = createTimeline('gpu')
  assert.ok(timeline instanceof Timeline)
  assert.deepEqual(
    [timeline.name, timeline.value, timeline.end, timeline.hasPending],
    ['gpu', 0, undefined, false],
  )
  assert.throws(() => createTimeline(5 as unknown as string), TypeError)
})

test('Each timeline has its own context [FENCE-5]', () => {
  assert.notEqual(createTimeline('a').context, createTimeline('a').context)
  const timeline = createTimeline('a')
  const fence = timeline.fence(3)
  assert.deepEqual([fence.context, fence.timelineName], [timeline.context, 'a'])
})

test('Timeline.fence is of the next value where none is given', () => {
  const timeline = createTimeline('a')
  assert.equal(timeline.fence().seqno, 1)
  timeline.signal(9)
  assert.equal(timeline.fence().seqno, 10)
})

test('Timeline.fence takes safe integers from 1', () => {
  const timeline = createTimeline('a')
  for (const seqno of [1, LAST]) assert.equal(timeline.fence(seqno).seqno, seqno)
  for (const seqno of [0, -1, 1.5, NaN, LAST + 1, '2' as unknown as number]) {
    assert.throws(() => timeline.fence(seqno), RangeError)
    assert.throws(() => timeline.signal(seqno), RangeError)
  }
})

test('Timeline.signal signals the fences up to its value, in order of seqno [FENCE-5, SW-5]', () => {
  const timeline = createTimeline('a')
  const seen: number[] = []
  for (const seqno of [5, 2, 4, 2, 3]) timeline.fence(seqno).addCallback((f) => seen.push(f.seqno))
  timeline.signal(1)
  assert.deepEqual(seen, [])
  timeline.signal(4)
  assert.deepEqual(seen, [2, 2, 3, 4])
  assert.equal(timeline.hasPending, true)
  timeline.signal(LAST)
  assert.deepEqual(seen, [2, 2, 3, 4, 5])
  assert.equal(timeline.hasPending, false)
})

test('A fence of a value that is reached is signalled from the start', () => {
  const timeline = createTimeline('a')
  timeline.signal(3)
  assert.deepEqual(statuses([1, 3, 4].map((n) => timeline.fence(n))), [
    'signaled',
    'signaled',
    'pending',
  ])
})

test('Timeline.signal rejects a seqno that does not rise [SW-5]', () => {
  const timeline = createTimeline('a')
  timeline.signal(3)
  for (const seqno of [3, 2]) assert.throws(() => timeline.signal(seqno), RangeError)
  assert.equal(timeline.value, 3)
  timeline.signal(4)
})

test('Timeline.advance ignores what does not rise, and what comes after the end', () => {
  const timeline = createTimeline('a')
  timeline.advance(3)
  timeline.advance(2)
  assert.equal(timeline.value, 3)
  timeline.close()
  timeline.advance(5)
  assert.equal(timeline.value, 3)
})

test('A callback that throws keeps no other fence from its signal [FENCE-11, PORT-4]', () => {
  using warnings = collectWarnings()
  const timeline = createTimeline('a')
  const seen: number[] = []
  for (const seqno of [1, 2, 3])
    timeline.fence(seqno).addCallback(() => {
      seen.push(seqno)
      throw new Error(`broken ${seqno}`)
    })
  timeline.signal(2)
  assert.deepEqual(seen, [1, 2])
  timeline.closeWith(failure)
  assert.deepEqual(seen, [1, 2, 3])
  assert.deepEqual(warnings.rules, ['PORT-4', 'PORT-4', 'PORT-4'])
})

test('A callback may signal its timeline further: the order of seqnos stays [FENCE-5]', () => {
  const timeline = createTimeline('a')
  const seen: number[] = []
  timeline.fence(1).addCallback(() => timeline.signal(4))
  for (const seqno of [1, 2, 3, 4, 5]) timeline.fence(seqno).addCallback(() => seen.push(seqno))
  timeline.signal(2)
  assert.deepEqual(seen, [1, 2, 3, 4])
  assert.equal(timeline.value, 4)
})

test('A callback may close its timeline: what was reached is signalled without error [SW-7]', () => {
  const timeline = createTimeline('a')
  const fences = [1, 2, 3].map((seqno) => timeline.fence(seqno))
  fences[0]!.addCallback(() => timeline.close())
  timeline.signal(2)
  assert.deepEqual(statuses(fences), ['signaled', 'signaled', 'error'])
})

test('A callback may ask for fences of its timeline', () => {
  const timeline = createTimeline('a')
  let made: readonly Fence[] = []
  timeline.fence(1).addCallback(() => (made = [1, 2, 3].map((seqno) => timeline.fence(seqno))))
  timeline.signal(2)
  assert.deepEqual(statuses(made), ['signaled', 'signaled', 'pending'])
})

test('Timeline.closeWith fails what is pending and what comes, and keeps what was reached', () => {
  const timeline = createTimeline('a')
  const fences = [1, 2, 3].map((seqno) => timeline.fence(seqno))
  timeline.signal(1)
  timeline.closeWith(failure)
  timeline.closeWith(new DmaBufError('EBUSY', 'x', 'Second end'))
  assert.deepEqual(statuses(fences), ['signaled', 'error', 'error'])
  assert.equal(fences[1]!.error, failure)
  assert.equal(timeline.end, failure)
  assert.equal(timeline.fence(1).status, 'signaled')
  assert.equal(timeline.fence(9).error, failure)
  assert.throws(() => timeline.signal(2), failure)
  assert.equal(timeline.value, 1)
})

test('Timeline.fail fails one seqno: those before it are signalled, those after it go on [FENCE-15]', () => {
  const timeline = createTimeline('a')
  const fences = [1, 2, 2, 3].map((seqno) => timeline.fence(seqno))
  timeline.fail(2, failure)
  assert.deepEqual(statuses(fences), ['signaled', 'error', 'error', 'pending'])
  assert.deepEqual([fences[1]!.error, fences[2]!.error], [failure, failure])
  assert.deepEqual([timeline.value, timeline.end], [2, undefined])
  timeline.signal(3)
  assert.equal(fences[3]!.status, 'signaled')
})

test('Timeline.fence of a seqno that has failed has its error, the others have none', () => {
  const timeline = createTimeline('a')
  timeline.fail(2, failure)
  assert.deepEqual(statuses([1, 2, 3].map((n) => timeline.fence(n))), [
    'signaled',
    'error',
    'pending',
  ])
})

test('Timeline.fail rejects a seqno that does not rise, and what is no error', () => {
  const timeline = createTimeline('a')
  timeline.fail(3, failure)
  for (const seqno of [3, 2]) assert.throws(() => timeline.fail(seqno, failure), RangeError)
  assert.throws(() => timeline.fail(4, 'EIO' as unknown as DmaBufError), TypeError)
  assert.equal(timeline.value, 3)
  timeline.close()
  assert.throws(() => timeline.fail(5, failure), { code: 'ENOENT' })
})

test('A timeline remembers 256 failures, and those whose fences a callback keeps waiting', () => {
  const timeline = createTimeline('a')
  for (let seqno = 1; seqno <= 257; seqno++) timeline.fail(seqno, failure)
  assert.equal(timeline.fence(1).status, 'signaled')
  assert.equal(timeline.fence(2).status, 'error')
  const nested = createTimeline('b')
  const fences = Array.from({ length: 300 }, () => nested.fence(1))
  // Each callback runs inside the one before, while the fences behind it are still pending.
  for (const fence of fences) fence.addCallback(() => nested.fail(nested.value + 1, failure))
  nested.fail(1, failure)
  assert.equal(nested.value, 301)
  assert.ok(fences.every(({ error }) => error === failure))
})

test('A callback that looks at a later fence which failed sees its error, not another', () => {
  const timeline = createTimeline('a')
  const later = timeline.fence(2)
  let seen: string | undefined
  timeline.fence(1).addCallback(() => (seen = later.status))
  timeline.fail(2, failure)
  assert.equal(seen, 'error')
  assert.equal(later.error, failure)
})

test('A source may fail a seqno while somebody looks, or waits', () => {
  for (const how of ['look', 'wait'] as const) {
    const report = (): void => timeline.advance(1, failure)
    const timeline = new Timeline('remote', { refresh: report, enable: report })
    const fence = timeline.fence(1)
    if (how === 'look') assert.equal(fence.isSignaled(), true)
    else
      assert.equal(
        fence.addCallback(() => assert.fail('Called')),
        false,
      )
    assert.equal(fence.error, failure)
  }
})

test('Timeline.wanted is the lowest pending seqno once somebody waits for it or a later one', () => {
  const timeline = createTimeline('a')
  assert.equal(timeline.wanted, undefined)
  timeline.fence(2)
  timeline.fence(1)
  assert.equal(timeline.wanted, undefined, 'Nobody waits')
  timeline.fence(3).addCallback(() => {})
  assert.equal(timeline.wanted, 1)
  timeline.signal(2)
  assert.equal(timeline.wanted, 3)
  timeline.fence(4)
  timeline.signal(3)
  assert.equal(timeline.wanted, undefined)
})

test('Timeline.close ends it with ENOENT, once, by name and by using [SW-7]', async () => {
  const timeline = createTimeline('camera')
  const waiting = timeline.fence(1).wait()
  {
    using scoped = timeline
    scoped.close()
    scoped.close()
  }
  await assert.rejects(waiting, { code: 'ENOENT', message: /camera/ })
  assert.equal(timeline.end?.code, 'ENOENT')
})

test('An observer hears of each value before the callbacks of its fences, and of the end once', () => {
  const timeline = createTimeline('a')
  const seen: string[] = []
  using _observer = timeline.observe({
    advanced: (value) => seen.push(`advanced ${value}`),
    failed: (value, { code }) => seen.push(`failed ${value} ${code}`),
    ended: ({ code }) => seen.push(`ended ${code}`),
  })
  timeline.fence(2).addCallback(() => seen.push('fence 2'))
  timeline.fence(9).addCallback(() => seen.push('fence 9'))
  timeline.signal(2)
  timeline.signal(3)
  timeline.fail(5, failure)
  timeline.close()
  timeline.close()
  timeline.advance(6)
  const [first, ...rest] = seen
  assert.deepEqual([first, rest.shift()], ['advanced 2', 'fence 2'])
  assert.deepEqual(rest, ['advanced 3', 'failed 5 EIO', 'ended ENOENT', 'fence 9'])
})

test('A disposed observer hears nothing, the others do', () => {
  const timeline = createTimeline('a')
  const seen: string[] = []
  const observers = ['x', 'y'].map((name) =>
    timeline.observe({
      advanced: () => seen.push(name),
      failed: () => seen.push(`${name} failed`),
      ended: () => seen.push(`${name} end`),
    }),
  )
  observers[0]![Symbol.dispose]()
  observers[0]![Symbol.dispose]()
  timeline.signal(1)
  timeline.close()
  assert.deepEqual(seen, ['y', 'y end'])
})

test('An observer that throws keeps no fence from its signal', () => {
  const timeline = createTimeline('a')
  const broken = (): never => {
    throw new Error('broken')
  }
  using _observer = timeline.observe({ advanced: broken, failed: broken, ended: broken })
  const seen: string[] = []
  for (const seqno of [1, 2])
    timeline.fence(seqno).addCallback(({ status }) => seen.push(`${seqno} ${status}`))
  assert.throws(() => timeline.signal(1), { message: 'broken' })
  assert.deepEqual(seen, ['1 signaled'])
  assert.throws(() => timeline.close(), { message: 'broken' })
  assert.deepEqual(seen, ['1 signaled', '2 error'])
})

test('A source is asked when somebody looks at a pending fence, and told when somebody waits', () => {
  const asked: string[] = []
  let remote = 0
  const refresh = (): void => {
    asked.push('refresh')
    timeline.advance(remote)
  }
  const enable = (): void => void asked.push('enable')
  const timeline = new Timeline('remote', { refresh, enable })
  const [first, second] = [timeline.fence(1), timeline.fence(2)]
  assert.equal(first.status, 'pending')
  assert.deepEqual(asked, ['refresh'])
  remote = 1
  assert.equal(first.status, 'signaled')
  asked.length = 0
  assert.equal(first.status, 'signaled')
  assert.deepEqual(asked, [])
  second.addCallback(() => {})
  second.addCallback(() => {})
  assert.deepEqual(asked, ['enable'])
})

test('A source may advance while it is told to watch: the fence is done at once [FENCE-22]', () => {
  const enable = (): void => timeline.advance(1)
  const timeline = new Timeline('remote', { refresh: () => {}, enable })
  assert.equal(
    timeline.fence(1).addCallback(() => assert.fail('Called')),
    false,
  )
})

test('Timeline.signal gives all its fences the time at which the value rose', () => {
  using time = useManualClock()
  const timeline = createTimeline('a')
  const fences = [1, 2, 3].map((seqno) => timeline.fence(seqno))
  fences[0]!.addCallback(() => time.clock.advance(5))
  timeline.signal(2)
  timeline.signal(3)
  assert.deepEqual(
    fences.map(({ timestampNs }) => timestampNs),
    [5_000_000_000, 5_000_000_000, 5_005_000_000],
  )
})

test('Fences of a timeline are compared as whole numbers [FENCE-6]', () => {
  const timeline = createTimeline('a')
  assert.equal(isLater(timeline.fence(2 ** 32 + 1), timeline.fence(2)), true)
  assert.equal(isLater(timeline.fence(LAST), timeline.fence(1)), true)
})

test('A source may fail its timeline while it is told to watch: the fence is done at once [FENCE-23]', () => {
  using warnings = collectWarnings()
  const enable = (): void => timeline.closeWith(failure)
  const timeline = new Timeline('remote', { refresh: () => {}, enable })
  const fence = timeline.fence(1)
  assert.equal(
    fence.addCallback(() => assert.fail('Called')),
    false,
  )
  assert.equal(fence.error, failure)
  assert.deepEqual(warnings.list, [])
})

test('Random fences and signals keep the order of a sorted list [SW-5]', () => {
  const step = fc.oneof(
    fc.record({ fence: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ rise: fc.integer({ min: 1, max: 6 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const timeline = createTimeline('a')
      const seen: number[] = []
      let pending: number[] = []
      for (const now of steps) {
        if ('fence' in now) {
          const isNew = timeline.fence(now.fence).addCallback((f) => seen.push(f.seqno))
          assert.equal(isNew, now.fence > timeline.value)
          if (isNew) pending.push(now.fence)
        } else {
          const value = timeline.value + now.rise
          const due = pending.filter((seqno) => seqno <= value).sort((a, b) => a - b)
          pending = pending.filter((seqno) => seqno > value)
          timeline.signal(value)
          assert.deepEqual(seen.splice(0), due)
        }
        assert.equal(timeline.hasPending, pending.length > 0)
      }
    }),
  )
})
