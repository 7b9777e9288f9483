// Goal: however much a link shares, it costs one page and one bell each way, and one wake-up a signal.
// Method: descriptors and mappings are counted, system calls are seen from outside, with strace.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTimeline, type Timeline } from '#src/index.js'
import { LinkMember } from '#src/linux/link-member.js'
import { inheritLink, linkPair } from '#src/linux/link-pair.js'
import type { Link } from '#src/linux/link.js'
import { receiveTimeline, type RemoteTimeline } from '#src/linux/remote-timeline.js'
import { receiveFence, shareFence } from '#src/linux/share-fence.js'
import { shareTimeline } from '#src/linux/share-timeline.js'
import { countResources, settled, until } from '../helpers/leaks.js'
import { socketPath } from '../helpers/socket-path.js'
import { hasStrace, marked } from '../helpers/strace.js'
import { TimelineOwner } from '../helpers/timeline-owner.js'

function links(): [Link, Link] {
  const [ours, theirs] = linkPair()
  return [ours, inheritLink(theirs)]
}

/** Calls of the owner's main thread: rings (write of 8 bytes) and wake-ups of shared futexes. */
function countCalls(
  lines: readonly string[] | undefined,
  pid: number,
): { rings: number; wakes: number } {
  assert.ok(lines, 'The marks are in the trace')
  const own = lines.filter((line) => line.startsWith(`${pid} `))
  return {
    rings: own.filter((line) => /write\(\d+, .*, 8(\)| <unfinished)/.test(line)).length,
    wakes: own.filter((line) => line.includes('FUTEX_WAKE,')).length,
  }
}

test('LinkMember.of makes one group for a link, and none for one that we have closed', async () => {
  const [ours, theirs] = links()
  assert.equal(LinkMember.of(ours), LinkMember.of(ours))
  await ours.close()
  assert.throws(() => LinkMember.of(ours), { code: 'EBADF' })
  await theirs.close()
})

test('What a peer shared before it left is not followed after that, and nothing of it is kept', async () => {
  await settled()
  const before = countResources()
  const timeline = createTimeline('left')
  const [ours, theirs] = links()
  const receiving = receiveFence(ours)
  receiving.catch(() => {})
  await settled()
  const sharing = shareFence(timeline.fence(1), theirs).catch(() => {})
  for (let i = 0; i < 50; i++) await Promise.resolve()
  const closing = theirs.close()
  for (let i = 0; i < 50; i++) await Promise.resolve()
  // Its page, its offer and its goodbye are read at once: the end is told before anybody has seen the page.
  ours.pump(true)
  await assert.rejects(receiving, { code: 'EPIPE' })
  await sharing
  await closing
  await ours.close()
  timeline.close()
  await settled()
  assert.deepEqual(countResources(), before)
})

test('Signalling that nobody waits for makes no system call; each waiter costs one', async (t) => {
  if (!hasStrace(t)) return
  const path = socketPath(t)
  const file = `${path}.strace`
  await using owner = await TimelineOwner.start(path, 0, {
    strace: { calls: 'trace=write,futex', file },
  })
  await using idle = await owner.receive()
  const signalMany = (first: number, count: number): Promise<void> =>
    owner.remote.run(
      ({ state, node }, from, many) => {
        const sink = node.fs.openSync('/dev/null', 'w')
        node.fs.writeSync(sink, 'mark begin')
        for (let i = 0; i < many; i++) state.timeline.signal(from + i)
        node.fs.writeSync(sink, 'mark end')
        node.fs.closeSync(sink)
      },
      first,
      count,
    )
  await signalMany(1, 10_000)
  const waiting = idle.timeline.wait(10_001)
  await signalMany(10_001, 1)
  await waiting
  await owner.remote.leave()
  const [unwatched, watched] = marked(file)
  const [idling, waking] = [countCalls(unwatched, owner.pid), countCalls(watched, owner.pid)]
  // Node wakes threads of its own by such writes, now and then; ours would be 10,000.
  assert.ok(idling.rings < 10, `${idling.rings} rings`)
  assert.ok(waking.rings >= 1 && waking.rings < 10, `${waking.rings} rings`)
  assert.deepEqual([idling.wakes, waking.wakes], [0, 0])
})

test('10,000 shared timelines: as many descriptors and mappings as one, and a ring for each signal that is waited for', async () => {
  const [ours, theirs] = links()
  const timelines: Timeline[] = []
  const seen: RemoteTimeline[] = []
  const share = async (name: string): Promise<void> => {
    const timeline = createTimeline(name)
    const sharing = shareTimeline(timeline, ours)
    seen.push(await receiveTimeline(theirs))
    await sharing
    timelines.push(timeline)
  }
  await share('first')
  await settled()
  const before = countResources()
  for (let i = 1; i < 10_000; i++) await share(`timeline ${i}`)
  await settled()
  assert.deepEqual(countResources(), before)
  const { own } = LinkMember.of(ours)
  let rings = 0
  const { ring } = own
  own.ring = (member) => {
    rings++
    ring.call(own, member)
  }
  for (const index of [7, 5000, 9999, 7]) {
    const ringsBefore = rings
    const value = timelines[index]!.value + 1
    const waiting = seen[index]!.wait(value, { timeoutMs: 10_000 })
    for (const other of [1, 2, 3, 8000]) timelines[other]!.signal(timelines[other]!.value + 1)
    timelines[index]!.signal(value)
    await waiting
    assert.equal(rings - ringsBefore, 1)
  }
  for (const timeline of timelines) timeline.close()
  await ours.close()
  await theirs.close()
})

test('Answers find their offers in whatever order they come', async () => {
  const [ours, theirs] = links()
  const timeline = createTimeline('work')
  const order: string[] = []
  const sharing = [
    shareTimeline(timeline, ours).then(() => order.push('timeline')),
    shareFence(timeline.fence(1), ours).then(() => order.push('fence')),
  ]
  const fence = await receiveFence(theirs)
  await until(() => order.length === 1)
  const seen = await receiveTimeline(theirs)
  await Promise.all(sharing)
  assert.deepEqual(order, ['fence', 'timeline'])
  timeline.signal(1)
  await Promise.all([fence.wait(), seen.wait(1)])
  await ours.close()
  await theirs.close()
})

test('Who gives up the first share keeps no other from being shared', async () => {
  const [ours, theirs] = links()
  const timeline = createTimeline('work')
  const reason = new Error('Enough')
  const controller = new AbortController()
  const first = shareFence(timeline.fence(1), ours, { signal: controller.signal })
  const second = shareTimeline(timeline, ours)
  controller.abort(reason)
  await assert.rejects(first, reason)
  const seen = await receiveTimeline(theirs)
  await second
  timeline.signal(1)
  await seen.wait(1)
  await ours.close()
  await theirs.close()
})

test('A link costs nothing once both ends have closed it', async () => {
  await settled()
  const before = countResources()
  const [ours, theirs] = links()
  const timeline = createTimeline('work')
  const sharing = shareTimeline(timeline, ours)
  await receiveTimeline(theirs)
  await sharing
  await ours.close()
  await theirs.close()
  timeline.signal(1)
  await settled()
  assert.deepEqual(countResources(), before)
})
