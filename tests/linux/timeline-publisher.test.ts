// Goal: publishing progress costs a store while nobody waits, and one wake-up for each who does.
// Method: system calls are counted from outside, with strace.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTimeline } from '#src/index.js'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import { TimelinePublisher } from '#src/linux/timeline-publisher.js'
import { TIMELINE_PAGE_BYTES, TimelinePageReader } from '#src/interprocess/timeline-page.js'
import { socketPath } from '../helpers/socket-path.js'
import { hasStrace, marked } from '../helpers/strace.js'
import { TimelineOwner } from '../helpers/timeline-owner.js'

test('TimelinePublisher.of makes one page for a timeline, with what is reached already', () => {
  const timeline = createTimeline('work')
  timeline.signal(2 ** 40)
  const publisher = TimelinePublisher.of(timeline)
  assert.equal(TimelinePublisher.of(timeline), publisher)
  const mapping = new Mapping(publisher.page, TIMELINE_PAGE_BYTES, MapMode.readOnly)
  const reader = new TimelinePageReader(mapping.words())
  assert.equal(reader.load(), 2 ** 40)
  timeline.signal(2 ** 40 + 1)
  assert.equal(reader.load(), 2 ** 40 + 1)
  assert.equal(reader.endCode, undefined)
  timeline.close()
  assert.equal(reader.endCode, 'ENOENT')
  assert.equal(publisher.page.closed, true)
  mapping.close()
})

test('The page of a timeline cannot be mapped for writing by whoever receives it', () => {
  const timeline = createTimeline('work')
  const { page } = TimelinePublisher.of(timeline)
  assert.throws(() => new Mapping(page, TIMELINE_PAGE_BYTES, MapMode.shared), { code: 'EPERM' })
  timeline.close()
})

test('TimelinePublisher.signalWithoutWake owes a wake-up only where somebody sleeps', () => {
  const timeline = createTimeline('work')
  const publisher = TimelinePublisher.of(timeline)
  assert.equal(publisher.signalWithoutWake(timeline, 1), false)
  assert.equal(timeline.value, 1)
  assert.throws(() => publisher.signalWithoutWake(timeline, 1), RangeError)
  timeline.close()
})

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
