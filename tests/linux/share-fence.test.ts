// Goal: a fence of any kind is an ordinary fence in another process: it signals, fails and dies there once.
// Method: owners are other processes where they die or are slow; otherwise both ends of a link are ours.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  chainFence,
  createSyncFile,
  createTimeline,
  DmaBufError,
  mergeFences,
  type Fence,
  type Timeline,
} from '#src/index.js'
import { MessageType } from '#src/interprocess/link-message.js'
import { LinkMember } from '#src/linux/link-member.js'
import { inheritLink, linkPair } from '#src/linux/link-pair.js'
import type { Link } from '#src/linux/link.js'
import { MEMBER_SLEEPS } from '#src/interprocess/member-page.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { receiveTimeline } from '#src/linux/remote-timeline.js'
import { serveLinks } from '#src/linux/serve-links.js'
import { receiveFence, shareFence } from '#src/linux/share-fence.js'
import { shareTimeline } from '#src/linux/share-timeline.js'
import { countResources, settled, until } from '../helpers/leaks.js'
import { mockFence } from '../helpers/mock-fence.js'
import { Remote } from '../helpers/remote.js'
import { socketPath } from '../helpers/socket-path.js'

const failure = new DmaBufError('EIO', 'render', 'Shader hangs')

/** Both ends of a link; close() closes them. */
function links(): { ours: Link; theirs: Link; close: () => Promise<void> } {
  const [ours, fd] = linkPair()
  const theirs = inheritLink(fd)
  return {
    ours,
    theirs,
    async close() {
      await ours.close()
      await theirs.close()
    },
  }
}

async function pass(fence: Fence, from: Link, to: Link): Promise<Fence> {
  const sharing = shareFence(fence, from)
  const received = await receiveFence(to)
  await sharing
  return received
}

test('Fences of every kind arrive, signal when they do, and merge with those of others', async () => {
  const { ours, theirs, close } = links()
  const [one, two] = [createTimeline('one'), createTimeline('two')]
  const kinds = {
    timeline: one.fence(1),
    merged: mergeFences([one.fence(1), two.fence(1)]),
    chained: chainFence(chainFence(undefined, one.fence(1), 1), two.fence(1), 2),
    file: createSyncFile(two.fence(1)).fence,
  }
  const received = new Map<string, Fence>()
  for (const [kind, fence] of Object.entries(kinds))
    received.set(kind, await pass(fence, ours, theirs))
  const pending = (): string[] =>
    [...received].filter(([, fence]) => fence.status === 'pending').map(([kind]) => kind)
  assert.deepEqual(pending(), Object.keys(kinds))
  const all = mergeFences([...received.values()]).wait({ timeoutMs: 10_000 })
  one.signal(1)
  await until(() => pending().length === 3)
  assert.deepEqual(pending(), ['merged', 'chained', 'file'])
  two.signal(1)
  await all
  assert.deepEqual(pending(), [])
  await close()
})

test('A, then B are shared; B signals: B is signalled there while A is pending', async (t) => {
  const path = socketPath(t)
  await using server = await serveLinks(path)
  await using owner = await Remote.start<{ timelines: Timeline[] }>()
  const sharing = owner.run(async ({ core, linux, state }, at) => {
    const link = await linux.connectLink(at)
    state.timelines = ['a', 'b'].map((name) => core.createTimeline(name))
    for (const timeline of state.timelines) await linux.shareFence(timeline.fence(1), link)
  }, path)
  for await (const link of server) {
    const [a, b] = [await receiveFence(link), await receiveFence(link)]
    await sharing
    const waiting = b.wait({ timeoutMs: 10_000 })
    await owner.run(({ state }) => state.timelines[1]?.signal(1))
    await waiting
    assert.deepEqual([a.status, b.status], ['pending', 'signaled'])
    assert.match(
      a.explain(),
      new RegExp(`^dmabuf a context \\d+ seqno 1 of process ${owner.pid}: pending$`),
    )
    await link.close()
    break
  }
})

test('A buffer waits for the fence of another process, and poll() knows of it', async () => {
  const { ours, theirs, close } = links()
  const timeline = createTimeline('work')
  const fence = await pass(timeline.fence(1), ours, theirs)
  using buffer = openMemfdHeap().allocate(4096)
  await buffer.addFence(fence, 'write')
  assert.equal(buffer.tryBeginCpuAccess('read'), undefined)
  let woken = 0
  assert.equal(await buffer.poll(1, () => woken++), 0)
  const access = buffer.beginCpuAccess('read', { timeoutMs: 10_000 })
  timeline.signal(1)
  ;(await access).end()
  assert.equal(woken, 1)
  await close()
})

test('What a fence failed with is told by errno, of a fence that has failed already, too', async () => {
  const { ours, theirs, close } = links()
  const timeline = createTimeline('work')
  const early = await pass(timeline.fence(1), ours, theirs)
  timeline.fail(1, failure)
  const late = await pass(timeline.fence(1), ours, theirs)
  await assert.rejects(early.wait({ timeoutMs: 10_000 }), { code: 'EIO' })
  assert.equal(late.error?.code, 'EIO')
  timeline.signal(2)
  assert.equal((await pass(timeline.fence(2), ours, theirs)).status, 'signaled')
  await close()
})

test('A fence of one peer is passed on to another, and back', async () => {
  const [first, second] = [links(), links()]
  const timeline = createTimeline('work')
  const here = await pass(timeline.fence(1), first.ours, first.theirs)
  const there = await pass(here, second.ours, second.theirs)
  const back = await pass(there, first.theirs, first.ours)
  const waiting = back.wait({ timeoutMs: 10_000 })
  timeline.fail(1, failure)
  await assert.rejects(waiting, { code: 'EIO' })
  assert.equal(there.error?.code, 'EIO')
  await first.close()
  await second.close()
})

test('When its owner is killed, what was signalled counts; the rest fails with EOWNERDEAD, once', async (t) => {
  const path = socketPath(t)
  await using server = await serveLinks(path)
  await using owner = await Remote.start<{ timeline: Timeline }>()
  const dying = owner
    .run(async ({ core, linux, state }, at) => {
      const link = await linux.connectLink(at)
      state.timeline = core.createTimeline('work')
      for (let seqno = 1; seqno <= 4; seqno++)
        await linux.shareFence(state.timeline.fence(seqno), link)
      // It dies before it could ring: the page says so all the same.
      state.timeline.signal(1)
      state.timeline.fail(2, new core.DmaBufError('EIO', 'x', 'Broken'))
      process.kill(process.pid, 'SIGKILL')
    }, path)
    .catch(() => {})
  for await (const link of server) {
    const ends: string[] = []
    const fences: Fence[] = []
    for (let seqno = 1; seqno <= 4; seqno++) {
      const fence = await receiveFence(link)
      fences.push(fence)
      const noted = fence.addCallback(({ error }) =>
        ends.push(`${seqno} ${error?.code ?? 'reached'}`),
      )
      if (!noted) ends.push(`${seqno} ${fence.error?.code ?? 'reached'}`)
    }
    await dying
    await until(() => ends.length >= 4)
    await settled()
    assert.deepEqual(ends.sort(), ['1 reached', '2 EIO', '3 EOWNERDEAD', '4 EOWNERDEAD'])
    await link.close()
    break
  }
})

test('Closing the link fails what is pending with ENOENT, on whichever side', async () => {
  for (const side of ['ours', 'theirs'] as const) {
    const group = links()
    const fence = await pass(mockFence(), group.ours, group.theirs)
    const waiting = assert.rejects(fence.wait({ timeoutMs: 10_000 }), { code: 'ENOENT' })
    await group[side].close()
    await waiting
    await group.close()
  }
})

test('shareFence times out, rejects with the reason of a signal, and leaves the slot to others', async () => {
  const { ours, theirs, close } = links()
  const timeline = createTimeline('work')
  const reason = new Error('Enough')
  await assert.rejects(shareFence(timeline.fence(1), ours, { timeoutMs: 10 }), {
    code: 'ETIMEDOUT',
  })
  const signal = AbortSignal.abort(reason)
  await assert.rejects(shareFence(timeline.fence(1), ours, { signal }), reason)
  timeline.signal(1)
  const sharing = shareFence(timeline.fence(2), ours)
  const given: Fence[] = [await receiveFence(theirs)]
  if (given[0]?.status !== 'pending') given.push(await receiveFence(theirs))
  await sharing
  assert.equal(given.at(-1)?.status, 'pending')
  timeline.signal(2)
  await given.at(-1)?.wait({ timeoutMs: 10_000 })
  const { own } = LinkMember.of(ours)
  assert.ok(own.board.used <= 3, `${own.board.used} slots`)
  await close()
})

test('shareFence and receiveFence say that the peer left, or that the link is closed', async () => {
  const { ours, theirs, close } = links()
  const sharing = assert.rejects(shareFence(mockFence(), ours), { code: 'EPROTO' })
  const receiving = assert.rejects(receiveFence(ours), { code: 'EPIPE' })
  await theirs.next(MessageType.fenceShare)
  await theirs.close()
  await sharing
  await receiving
  await close()
  await assert.rejects(shareFence(mockFence(), ours), { code: 'EBADF' })
  await assert.rejects(receiveFence(ours), { code: 'EBADF' })
})

test('20,000 failing fences go to a slow reader in another process, which learns every error', async (t) => {
  const path = socketPath(t)
  const count = 20_000
  await using server = await serveLinks(path)
  await using reader = await Remote.start()
  const reading = reader.run(
    async ({ linux }, at, many) => {
      const link = await linux.connectLink(at)
      const kept: { fence: Fence; index: number }[] = []
      let wrong = 0
      const check = ({ fence, index }: { fence: Fence; index: number }): void => {
        if (!fence.isSignaled() || fence.error?.errno !== -(1 + (index % 130))) wrong++
      }
      let seed = 12345
      for (let index = 0; index < many; index++) {
        kept.push({ fence: await linux.receiveFence(link), index })
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
        // Some are looked at hundreds of fences later.
        while (kept.length > 500) check(kept.splice(seed % 400, 1)[0]!)
      }
      await link.receive()
      for (const one of kept) check(one)
      await link.close()
      return wrong
    },
    path,
    count,
  )
  for await (const link of server) {
    const { errnoName } = await import('#src/core/errors.js')
    const errors = Array.from(
      { length: 130 },
      (_, at) => new DmaBufError(errnoName(1 + at), 'x', 'Broken'),
    )
    for (let index = 0; index < count;) {
      const timeline = createTimeline('batch')
      const sharing: Promise<void>[] = []
      for (let seqno = 1; seqno <= 50; seqno++)
        sharing.push(shareFence(timeline.fence(seqno), link))
      await Promise.all(sharing)
      for (let seqno = 1; seqno <= 50; seqno++) timeline.fail(seqno, errors[index++ % 130]!)
    }
    await link.send(new Uint8Array(1))
    assert.equal(await reading, 0, 'Wrong errors')
    const { own } = LinkMember.of(link)
    assert.ok(own.board.used < 12288)
    await link.close()
    break
  }
})

test('A reader that writes garbage into its page changes no fence here, nor for anybody else', async () => {
  const [bad, good] = [links(), links()]
  const timeline = createTimeline('work')
  const liar = await pass(timeline.fence(1), bad.ours, bad.theirs)
  const honest = await pass(timeline.fence(1), good.ours, good.theirs)
  const waiting = honest.wait({ timeoutMs: 10_000 })
  const { own } = LinkMember.of(bad.theirs)
  for (let word = 0; word < own.page.words.length; word++) own.page.words.store(word, -1)
  assert.equal(timeline.fence(1).status, 'pending')
  assert.deepEqual([liar.status, honest.status], ['pending', 'pending'])
  timeline.signal(1)
  await waiting
  assert.equal(honest.status, 'signaled')
  assert.equal(own.page.words.load(MEMBER_SLEEPS), -1)
  await bad.close()
  await good.close()
})

test('A peer that keeps slots which a failure needs is named and evicted', async () => {
  const { ours, theirs, close } = links()
  const timeline = createTimeline('work')
  const sharing = shareTimeline(timeline, ours)
  await receiveTimeline(theirs)
  await sharing
  // It never looks: the chain of failures grows until the slots are used up.
  let failures = 0
  while (ours.end === undefined && failures < 20_000) timeline.fail(++failures, failure)
  assert.equal(failures, 12288)
  assert.equal(ours.end?.error.code, 'EBUSY')
  assert.match(ours.end.error.message, /Process \d+ was evicted: .*keeps 1$/)
  timeline.signal(failures + 1)
  await close()
})

test('Fences that were shared leave nothing once their link is closed', async () => {
  await settled()
  const before = countResources()
  const { ours, theirs, close } = links()
  for (let i = 0; i < 20; i++) await pass(mockFence(), ours, theirs)
  await close()
  await settled()
  assert.deepEqual(countResources(), before)
})
