// Goal: a timeline is shown to as many processes as want to see it, and forgets those that leave.
// Method: watchers are other processes, or links of this one where only the messages matter.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTimeline } from '#src/index.js'
import { encodeFenceOffer } from '#src/interprocess/fence-message.js'
import { MessageType } from '#src/interprocess/link-message.js'
import { initMemberPage, MemberLayout } from '#src/interprocess/member-page.js'
import { inheritLink, linkPair } from '#src/linux/link-pair.js'
import type { Link } from '#src/linux/link.js'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import { createMemfd } from '#src/linux/memfd.js'
import type { OwnedFd } from '#src/linux/owned-fd.js'
import { receiveTimeline, type RemoteTimeline } from '#src/linux/remote-timeline.js'
import { shareTimeline } from '#src/linux/share-timeline.js'
import { regularFile, silentBell, unsealedMemory } from '../helpers/hostile.js'
import { countResources, settled, until } from '../helpers/leaks.js'
import { Remote } from '../helpers/remote.js'
import { socketPath } from '../helpers/socket-path.js'
import { TimelineOwner } from '../helpers/timeline-owner.js'

const NAME = new TextEncoder().encode('work')

function links(): [Link, Link] {
  const [ours, theirs] = linkPair()
  return [ours, inheritLink(theirs)]
}

test('shareTimeline shows one timeline to several processes', async (t) => {
  const path = socketPath(t)
  await using owner = await TimelineOwner.start(path)
  await using first = await Remote.start<{ timeline: RemoteTimeline }>()
  await using second = await Remote.start<{ timeline: RemoteTimeline }>()
  const watchers = [first, second]
  for (const watcher of watchers)
    await watcher.run(async ({ linux, state }, at) => {
      state.timeline = await linux.receiveTimeline(await linux.connectLink(at))
    }, path)
  const waits = watchers.map((watcher) => watcher.run(({ state }) => state.timeline.wait(2)))
  await owner.signal(1, 2)
  await Promise.all(waits)
  await first.kill()
  await owner.signal(3)
  await second.run(({ state }) => state.timeline.wait(3))
})

test('shareTimeline over one link shares several timelines, which signal apart', async () => {
  const [ours, theirs] = links()
  const [first, second] = [createTimeline('first'), createTimeline('second')]
  const sharing = [shareTimeline(first, ours), shareTimeline(second, ours)]
  const [seenFirst, seenSecond] = [await receiveTimeline(theirs), await receiveTimeline(theirs)]
  await Promise.all(sharing)
  assert.deepEqual([seenFirst.name, seenSecond.name], ['first', 'second'])
  second.signal(4)
  await seenSecond.wait(4)
  assert.deepEqual([seenFirst.value, seenSecond.value], [0, 4])
  first.close()
  second.close()
  await assert.rejects(seenFirst.wait(1), { code: 'ENOENT' })
  await ours.close()
  await theirs.close()
})

test('shareTimeline of a timeline that has ended throws its error', async () => {
  const [ours, theirs] = links()
  const timeline = createTimeline('over')
  timeline.close()
  await assert.rejects(shareTimeline(timeline, ours), { code: 'ENOENT' })
  await ours.close()
  await theirs.close()
})

test('A timeline that ends while it is shared is over for the peer', async () => {
  const [ours, theirs] = links()
  const timeline = createTimeline('short')
  const sharing = shareTimeline(timeline, ours)
  timeline.close()
  const seen = await receiveTimeline(theirs)
  const waiting = assert.rejects(seen.wait(1), { code: 'ENOENT' })
  await sharing
  await waiting
  await ours.close()
  await theirs.close()
})

test('A signal between the acceptance and its arrival reaches the watcher', async () => {
  const [ours, theirs] = links()
  const timeline = createTimeline('quick')
  const sharing = shareTimeline(timeline, ours)
  const seen = await receiveTimeline(theirs)
  const waiting = seen.wait(1, { timeoutMs: 10_000 })
  // The answer still lies in our socket: nobody is registered who could be rung.
  timeline.signal(1)
  await sharing
  await waiting
  timeline.close()
  await ours.close()
  await theirs.close()
})

test('A watcher that waits hears of the end, though the owner forgets the timeline in the same turn', async () => {
  const [ours, theirs] = links()
  const timeline = createTimeline('ending')
  const sharing = shareTimeline(timeline, ours)
  const seen = await receiveTimeline(theirs)
  await sharing
  await settled()
  const waiting = assert.rejects(seen.wait(2, { timeoutMs: 10_000 }), { code: 'ENOENT' })
  timeline.signal(1)
  timeline.close()
  await waiting
  await ours.close()
  await theirs.close()
})

test('shareTimeline times out, rejects with the reason of a signal, and a late answer goes to nobody else', async () => {
  const [ours, theirs] = links()
  const timeline = createTimeline('patient')
  const reason = new Error('Enough')
  await assert.rejects(shareTimeline(timeline, ours, { timeoutMs: 10 }), { code: 'ETIMEDOUT' })
  const controller = new AbortController()
  const aborted = shareTimeline(timeline, ours, { signal: controller.signal })
  controller.abort(reason)
  await assert.rejects(aborted, reason)
  await receiveTimeline(theirs)
  await receiveTimeline(theirs)
  const sharing = shareTimeline(timeline, ours)
  const seen = await receiveTimeline(theirs)
  await sharing
  // It waits: only a ring through its own doorbell, asked for in its own page, wakes it.
  const waiting = seen.wait(1)
  await settled()
  timeline.signal(1)
  await waiting
  timeline.close()
  await ours.close()
  await theirs.close()
})

/** A page for a link that is not one in this word. */
function wrongPage(word: number): OwnedFd {
  const layout = new MemberLayout({ slots: 12288, buffers: 0, members: 1 })
  const fd = createMemfd('wrong', layout.lengthBytes)
  using mapping = new Mapping(fd, layout.lengthBytes, MapMode.shared)
  const words = mapping.words()
  initMemberPage(words, layout)
  words.store(word, 99)
  return fd
}

test('shareTimeline and receiveTimeline refuse pages and bells that are none, and leave nothing', async () => {
  const cases: readonly [RegExp, () => OwnedFd[]][] = [
    [/sent no member page/, () => []],
    [/sent no member page/, () => [wrongPage(100)]],
    [/not sealed against shrinking/, () => [unsealedMemory(4096), silentBell()]],
    [/of 4096 bytes, too small/, () => [createMemfd('small', 4096), silentBell()]],
    [/a page that is no member page/, () => [wrongPage(0), silentBell()]],
    [/a member page for 99 slots/, () => [wrongPage(2), silentBell()]],
    [/no memory as a member page/, () => [regularFile(), silentBell(), silentBell()]],
    [/sent no doorbell/, () => [wrongPage(100), regularFile()]],
  ]
  for (const how of ['share', 'receive'] as const)
    for (const [reason, make] of cases) {
      await settled()
      const before = countResources()
      const [ours, theirs] = links()
      const timeline = createTimeline('work')
      const trying = how === 'share' ? shareTimeline(timeline, ours) : receiveTimeline(ours)
      const refused = assert.rejects(trying, (error) => reason.test(String(error)))
      const fds = make()
      await theirs.post(MessageType.memberPage, new Uint8Array(0), { fds })
      for (const fd of fds) fd.close()
      if (how === 'receive') {
        const offer = { slot: 0, generation: 1, driverName: NAME, timelineName: NAME }
        await theirs.post(MessageType.timelineShare, encodeFenceOffer(offer))
      } else {
        const offer = await theirs.next(MessageType.timelineShare)
        const argument = offer?.argument ?? 0
        await theirs.post(MessageType.fenceAccept, new Uint8Array(0), { argument })
      }
      await refused
      timeline.close()
      await ours.close()
      await theirs.close()
      await settled()
      assert.deepEqual(countResources(), before)
    }
})

test('receiveTimeline refuses an offer in no known form, and passes over one that no longer holds', async () => {
  const [ours, theirs] = links()
  const kept = createTimeline('kept')
  await theirs.post(MessageType.timelineShare, new Uint8Array(3))
  await assert.rejects(receiveTimeline(ours), { code: 'EPROTO', message: /no fence/ })
  const sharing = shareTimeline(kept, theirs)
  const seen = await receiveTimeline(ours)
  await sharing
  for (const [slot, generation] of [
    [12288, 1],
    [0, 0],
    [0, 99],
    [2 ** 32 - 1, 2 ** 32 - 1],
  ] as const) {
    const offer = { slot, generation, driverName: NAME, timelineName: NAME }
    await theirs.post(MessageType.timelineShare, encodeFenceOffer(offer))
  }
  await assert.rejects(receiveTimeline(ours, { timeoutMs: 50 }), { code: 'ETIMEDOUT' })
  kept.signal(1)
  await seen.wait(1)
  await ours.close()
  await theirs.close()
})

test('A timeline forgets a watcher that leaves, and one whose link we close', async () => {
  const timeline = createTimeline('work')
  const [keptOurs, keptTheirs] = links()
  const sharing = shareTimeline(timeline, keptOurs)
  const kept = await receiveTimeline(keptTheirs)
  await sharing
  await settled()
  const before = countResources()
  for (const closeFirst of ['watcher', 'owner'] as const) {
    const [ours, theirs] = links()
    const more = shareTimeline(timeline, ours)
    const seen = await receiveTimeline(theirs)
    await more
    await (closeFirst === 'watcher' ? theirs : ours).close()
    await until(() => (closeFirst === 'watcher' ? ours : theirs).end !== undefined)
    seen.close()
    await ours.close()
    await theirs.close()
    await settled()
    assert.deepEqual(countResources(), before, `Closed by the ${closeFirst}`)
  }
  timeline.signal(1)
  await kept.wait(1)
  timeline.close()
  kept.close()
  await keptOurs.close()
  await keptTheirs.close()
})

test('shareTimeline to a peer that leaves or dies says so', async (t) => {
  const [ours, theirs] = links()
  const timeline = createTimeline('work')
  const sharing = assert.rejects(shareTimeline(timeline, ours), { code: 'EPROTO' })
  await theirs.next(MessageType.timelineShare)
  await theirs.close()
  await sharing
  await ours.close()
  const path = socketPath(t)
  await using peer = await Remote.start()
  const { serveLinks } = await import('#src/linux/serve-links.js')
  await using server = await serveLinks(path)
  void peer
    .run(({ linux }, at) => linux.connectLink(at).then(() => undefined), path)
    .catch(() => {})
  for await (const link of server) {
    const dying = assert.rejects(shareTimeline(timeline, link), { code: 'EOWNERDEAD' })
    await peer.kill()
    await dying
    await link.close()
    break
  }
  timeline.close()
})
