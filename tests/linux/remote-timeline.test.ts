// Goal: fences of another process signal here, in order and once, whoever lives or dies.
// Method: the owner is a process of its own; blocking waits block this one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTimeline } from '#src/index.js'
import { SLOT_COUNTER } from '#src/interprocess/member-page.js'
import { storeNumber } from '#src/interprocess/two-words.js'
import { LinkMember } from '#src/linux/link-member.js'
import { inheritLink, linkPair } from '#src/linux/link-pair.js'
import { receiveTimeline } from '#src/linux/remote-timeline.js'
import { shareTimeline } from '#src/linux/share-timeline.js'
import { settled, until } from '../helpers/leaks.js'
import { Remote } from '../helpers/remote.js'
import { socketPath } from '../helpers/socket-path.js'
import { TimelineOwner } from '../helpers/timeline-owner.js'

test('A fence of a remote timeline signals when its owner does', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  const { timeline } = seen
  assert.equal(timeline.name, 'work')
  const fence = timeline.fence(3)
  assert.equal(fence.status, 'pending')
  const waiting = fence.wait()
  await owner.signal(1, 2)
  await settled()
  assert.equal(fence.status, 'pending')
  await owner.signal(3)
  await waiting
  assert.equal(fence.status, 'signaled')
  assert.equal(timeline.value, 3)
})

test('RemoteTimeline.value and Fence.status see a signal without anybody waiting', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  const fence = seen.timeline.fence(5)
  await owner.signal(7)
  assert.equal(fence.isSignaled(), true)
  assert.equal(seen.timeline.value, 7)
})

test('Callbacks of remote fences run in the order of their seqnos, each once', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  const order: number[] = []
  for (const seqno of [5, 1, 4, 2, 3, 3])
    seen.timeline.fence(seqno).addCallback((fence) => order.push(fence.seqno))
  await owner.signal(1, 2, 3, 4, 5)
  await until(() => order.length >= 6)
  await settled()
  assert.deepEqual(order, [1, 2, 3, 3, 4, 5])
})

test('A fence of a seqno that is reached is signalled from the start', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t), 10)
  await using seen = await owner.receive()
  assert.equal(seen.timeline.fence(10).status, 'signaled')
  await seen.timeline.wait(10)
})

test('RemoteTimeline.wait times out, and rejects with the reason of a signal', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  const reason = new Error('Enough')
  await assert.rejects(seen.timeline.wait(1, { timeoutMs: 10 }), { code: 'ETIMEDOUT' })
  await assert.rejects(seen.timeline.wait(1, { signal: AbortSignal.abort(reason) }), reason)
  const controller = new AbortController()
  const waiting = seen.timeline.wait(1, { signal: controller.signal })
  controller.abort(reason)
  await assert.rejects(waiting, reason)
  await owner.signal(1)
  await seen.timeline.wait(1, { timeoutMs: 10_000 })
})

test('Seqnos of a remote timeline are safe integers from 1', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  for (const seqno of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
    assert.throws(() => seen.timeline.fence(seqno), RangeError)
    assert.throws(() => seen.timeline.waitSync(seqno), RangeError)
  }
  assert.equal(seen.timeline.fence(2 ** 53 - 1).status, 'pending')
})

test('When the owner closes its timeline, what is pending fails with ENOENT, once', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  const ends: (string | undefined)[] = []
  const pending = seen.timeline.fence(2)
  pending.addCallback((fence) => ends.push(fence.error?.code))
  const reached = seen.timeline.fence(1).wait()
  const waiting = assert.rejects(pending.wait(), {
    code: 'ENOENT',
    message: `ENOENT: Timeline work was ended by its owner (process ${owner.pid})`,
  })
  await owner.remote.run(({ state }) => {
    state.timeline.signal(1)
    state.timeline.close()
  })
  await waiting
  await reached
  await owner.remote.kill()
  await settled()
  assert.deepEqual(ends, ['ENOENT'])
  assert.equal(seen.timeline.fence(3).error?.code, 'ENOENT')
  assert.equal(seen.timeline.fence(1).status, 'signaled')
})

test('When the owner closes the link, what is pending fails with ENOENT', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  const waiting = assert.rejects(seen.timeline.wait(1), {
    code: 'ENOENT',
    message: `ENOENT: Timeline work: its owner (pid ${owner.pid}) has closed the link`,
  })
  await owner.remote.run(({ state }) => state.links[0]?.close())
  await waiting
})

test('When we close the link, what is pending fails with ENOENT', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  const waiting = assert.rejects(seen.timeline.wait(1), {
    code: 'ENOENT',
    message: 'ENOENT: Timeline work: we have closed the link',
  })
  await seen.link.close()
  await waiting
})

test('When the owner is killed, what it signalled counts and the rest fails with EOWNERDEAD, once', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  const ends: string[] = []
  const note = (seqno: number): void => {
    seen.timeline
      .fence(seqno)
      .addCallback((fence) => ends.push(`${seqno} ${fence.error?.code ?? 'reached'}`))
  }
  for (const seqno of [1, 2, 3, 4]) note(seqno)
  // It dies before it could ring: the page says 2 all the same.
  await assert.rejects(
    owner.remote.run(({ state }) => {
      state.timeline.signal(2)
      process.kill(process.pid, 'SIGKILL')
    }),
  )
  await until(() => ends.length >= 4)
  await settled()
  assert.deepEqual(ends, ['1 reached', '2 reached', '3 EOWNERDEAD', '4 EOWNERDEAD'])
  assert.equal(seen.timeline.value, 2)
  assert.equal(seen.timeline.fence(5).error?.code, 'EOWNERDEAD')
})

test('RemoteTimeline.close fails what is pending with ENOENT, is idempotent, and leaves the link open', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  const waiting = assert.rejects(seen.timeline.wait(1), { code: 'ENOENT' })
  seen.timeline.close()
  seen.timeline.close()
  await waiting
  assert.equal(seen.timeline.value, 0)
  assert.throws(() => seen.timeline.waitSync(1, { timeoutMs: 1000 }), { code: 'ENOENT' })
  await assert.rejects(seen.timeline.wait(1), { code: 'ENOENT' })
  await owner.signal(1)
  assert.equal(seen.link.end, undefined)
})

test('RemoteTimeline.waitSync returns at once where the seqno is reached', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t), 5)
  await using seen = await owner.receive()
  seen.timeline.waitSync(5)
  seen.timeline.waitSync(4, { timeoutMs: 0 })
})

test('RemoteTimeline.waitSync wakes when the owner signals', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  await owner.later(30, 2)
  seen.timeline.waitSync(2, { timeoutMs: 10_000 })
  assert.equal(seen.timeline.value, 2)
})

test('RemoteTimeline.waitSync times out in words, and not too early', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  const startMs = performance.now()
  assert.throws(() => seen.timeline.waitSync(1, { timeoutMs: 50 }), {
    code: 'ETIMEDOUT',
    message: 'ETIMEDOUT: No seqno 1 after 50 ms',
  })
  assert.ok(performance.now() - startMs >= 50)
  assert.throws(() => seen.timeline.waitSync(1, { timeoutMs: 0 }), { code: 'ETIMEDOUT' })
  for (const timeoutMs of [-1, Number.NaN])
    assert.throws(() => seen.timeline.waitSync(1, { timeoutMs }), RangeError)
})

test("RemoteTimeline.waitSync notices the owner's death and its close", async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  {
    await using seen = await owner.receive()
    await owner.later(30, 'die')
    assert.throws(() => seen.timeline.waitSync(1, { timeoutMs: 10_000 }), { code: 'EOWNERDEAD' })
  }
  await using polite = await TimelineOwner.start(socketPath(t))
  await using seen = await polite.receive()
  await polite.remote.run(({ state }) => {
    setTimeout(() => state.timeline.close(), 30)
  })
  assert.throws(() => seen.timeline.waitSync(1, { timeoutMs: 10_000 }), { code: 'ENOENT' })
})

test('RemoteTimeline.waitSync signals a timeline of ours first: two processes take turns', async (t) => {
  const path = socketPath(t)
  await using partner = await Remote.start()
  const serving = partner.run(
    async ({ core, linux }, at, rounds) => {
      const answers = core.createTimeline('answers')
      for await (const link of await linux.serveLinks(at)) {
        await linux.shareTimeline(answers, link)
        const questions = await linux.receiveTimeline(link)
        for (let i = 1; i < rounds; i++)
          questions.waitSync(i + 1, {
            timeoutMs: 10_000,
            signalFirst: { timeline: answers, seqno: i },
          })
        answers.signal(rounds)
        return questions.value
      }
      return 0
    },
    path,
    200,
  )
  const { connectLink } = await import('#src/linux/link-connect.js')
  const link = await connectLink(path, { waitForServer: true })
  const answers = await receiveTimeline(link)
  const questions = createTimeline('questions')
  await shareTimeline(questions, link)
  for (let i = 1; i <= 200; i++)
    answers.waitSync(i, { timeoutMs: 10_000, signalFirst: { timeline: questions, seqno: i } })
  assert.equal(await serving, 200)
  questions.close()
  answers.close()
  await link.close()
})

test('RemoteTimeline.waitSync that cannot signal first throws and waits for nothing', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  const timeline = createTimeline('mine')
  timeline.signal(2)
  const signalFirst = { timeline, seqno: 2 }
  assert.throws(() => seen.timeline.waitSync(1, { signalFirst }), RangeError)
  timeline.close()
})

test('Every waiter is told across 2^32, whichever way it waits', async (t) => {
  const start = 2 ** 32 - 2
  await using owner = await TimelineOwner.start(socketPath(t), start)
  await using seen = await owner.receive()
  const order: number[] = []
  for (let i = 1; i <= 4; i++)
    seen.timeline.fence(start + i).addCallback(({ seqno }) => order.push(seqno - start))
  assert.equal(seen.timeline.value, start)
  for (let i = 1; i <= 4; i++) {
    await owner.signal(start + i)
    await until(() => order.length === i)
    assert.equal(seen.timeline.value, start + i)
  }
  assert.deepEqual(order, [1, 2, 3, 4])
  await owner.later(20, start + 2 ** 32 + 3)
  seen.timeline.waitSync(start + 2 ** 32 + 3, { timeoutMs: 10_000 })
})

test('RemoteTimeline.waitSync wakes for each seqno across 2^32', async (t) => {
  const start = 2 ** 32 - 2
  await using owner = await TimelineOwner.start(socketPath(t), start)
  await using seen = await owner.receive()
  for (let i = 1; i <= 4; i++) {
    await owner.later(5, start + i)
    seen.timeline.waitSync(start + i, { timeoutMs: 10_000 })
    assert.equal(seen.timeline.value, start + i)
  }
})

test('receiveTimeline says that the peer left, died, or shared nothing in time', async () => {
  const [ours, theirs] = linkPair()
  const owner = inheritLink(theirs)
  await assert.rejects(receiveTimeline(ours, { timeoutMs: 10 }), { code: 'ETIMEDOUT' })
  const waiting = assert.rejects(receiveTimeline(ours), { code: 'EPIPE' })
  await owner.close()
  await waiting
  await ours.close()
})

test('A timeline whose page goes back keeps its value, and a blocking wait still ends', async () => {
  const [ours, theirs] = linkPair()
  const owner = inheritLink(theirs)
  const shared = createTimeline('forged')
  const sharing = shareTimeline(shared, owner)
  const timeline = await receiveTimeline(ours)
  await sharing
  shared.signal(9)
  assert.equal(timeline.value, 9)
  const { own } = LinkMember.of(owner)
  for (const value of [3, 0, 2 ** 53, Number.MAX_VALUE]) {
    storeNumber(own.page.words, own.layout.slotAt(0) + SLOT_COUNTER, value)
    assert.equal(timeline.value, 9)
  }
  assert.throws(() => timeline.waitSync(10, { timeoutMs: 30 }), { code: 'ETIMEDOUT' })
  // The word never is what a sleeper expects: it must notice the death all the same.
  const dying = owner.close()
  assert.throws(() => timeline.waitSync(10, { timeoutMs: 10_000 }), { code: 'ENOENT' })
  await dying
  timeline.close()
  await ours.close()
})

test('A seqno that its owner failed fails here with the same errno, and the timeline goes on', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  const outcomes: string[] = []
  for (const seqno of [1, 2, 3, 4, 5])
    seen.timeline
      .fence(seqno)
      .addCallback(({ error }) => outcomes.push(`${seqno} ${error?.code ?? 'reached'}`))
  await owner.remote.run(({ core, state }) => {
    state.timeline.signal(1)
    state.timeline.fail(3, new core.DmaBufError('ENOSPC', 'x', 'Full'))
    state.timeline.fail(4, new core.DmaBufError('EIO', 'x', 'Broken'))
    state.timeline.signal(5)
  })
  await until(() => outcomes.length === 5)
  assert.deepEqual(outcomes, ['1 reached', '2 reached', '3 ENOSPC', '4 EIO', '5 reached'])
  assert.equal(seen.timeline.fence(3).error?.code, 'ENOSPC')
  await seen.timeline.wait(5)
})

test('RemoteTimeline.waitSync goes on past seqnos that failed', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  await owner.remote.run(({ core, state }) => {
    setTimeout(() => state.timeline.fail(1, new core.DmaBufError('EIO', 'x', 'Broken')), 20)
    setTimeout(() => state.timeline.signal(2), 40)
  })
  seen.timeline.waitSync(2, { timeoutMs: 10_000 })
  assert.equal(seen.timeline.fence(1).error?.code, 'EIO')
})

test('A fence of another process says in explain() whose it is', async (t) => {
  await using owner = await TimelineOwner.start(socketPath(t))
  await using seen = await owner.receive()
  const text = seen.timeline.fence(3).explain()
  assert.match(
    text,
    new RegExp(`^dmabuf work context \\d+ seqno 3 of process ${owner.pid}: pending$`),
  )
})
