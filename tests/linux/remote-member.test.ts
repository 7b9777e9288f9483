// Goal: another member is taken in only with a page and a bell that are such, and ends without a trace.
// Method: two members in one process, over real pages and bells.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTimeline, DmaBufError } from '#src/index.js'
import { MemberLayout } from '#src/interprocess/member-page.js'
import { Doorbell } from '#src/linux/doorbell.js'
import { createMemfd } from '#src/linux/memfd.js'
import { OwnMember } from '#src/linux/own-member.js'
import { RemoteMember } from '#src/linux/remote-member.js'
import { regularFile } from '../helpers/hostile.js'
import { countResources, settled } from '../helpers/leaks.js'

const layout = new MemberLayout({ slots: 8, buffers: 0, members: 2 })
const broken = (): void => assert.fail('The bell is broken')
const names = { owner: 'process 7', driverName: 'gpu', timelineName: 'render' }

/** Member 0, and member 1 as it sees that: three members would do the same. */
function sides() {
  const owner = new OwnMember(layout, () => {})
  const own = new OwnMember(layout, () => {})
  const remote = new RemoteMember(own, { page: owner.page.fd, block: 0 })
  const bell = new Doorbell()
  remote.listen(bell.set.dup(), broken)
  owner.admit(1, { words: own.page.words, block: 0, bell })
  return {
    owner,
    remote,
    close() {
      remote[Symbol.dispose]()
      own.close()
      owner.close()
    },
  }
}

test('A fence of another member wakes its waiters here, through its bell', async () => {
  await settled()
  const before = countResources()
  const group = sides()
  const timeline = createTimeline('work')
  const at = group.owner.publisher.publishFence(timeline.fence(1))
  const fence = group.remote.fences.fence({ ...at, seqno: 1 }, names)
  const waiting = fence?.wait({ timeoutMs: 10_000 })
  timeline.signal(1)
  await waiting
  assert.equal(fence?.status, 'signaled')
  group.close()
  await settled()
  assert.deepEqual(countResources(), before)
})

test('RemoteMember.end looks a last time, fails the rest once, and is idempotent', () => {
  const group = sides()
  const timeline = createTimeline('work')
  const followed = group.remote.fences.follow(
    group.owner.publisher.publishTimeline(timeline),
    names,
  )
  const fences = [1, 2].map((seqno) => followed?.timeline.fence(seqno))
  timeline.signal(1)
  const dead = new DmaBufError('EOWNERDEAD', 'x', 'Dead')
  group.remote.end(() => dead)
  group.remote.end(() => new DmaBufError('EIO', 'x', 'Second'))
  assert.equal(group.remote.closed, true)
  assert.deepEqual(
    fences.map((fence) => fence?.error),
    [undefined, dead],
  )
  group.close()
})

test('RemoteMember refuses pages and bells that are none, and leaves nothing', async () => {
  await settled()
  const before = countResources()
  const own = new OwnMember(layout, () => {})
  const blank = createMemfd('blank', layout.lengthBytes)
  assert.throws(() => new RemoteMember(own, { page: blank, block: 0 }), { code: 'EPROTO' })
  const small = createMemfd('small', 100)
  assert.throws(() => new RemoteMember(own, { page: small, block: 0 }), { code: 'EPROTO' })
  const remote = new RemoteMember(own, { page: own.page.fd, block: 0 })
  assert.throws(() => remote.listen(regularFile(), broken), /no doorbell/)
  remote[Symbol.dispose]()
  for (const closeable of [blank, small, own]) closeable.close()
  await settled()
  assert.deepEqual(countResources(), before)
})
