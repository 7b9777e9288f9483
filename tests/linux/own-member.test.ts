// Goal: a member's page is its own to write, whoever has it; members come and go without a trace.
// Method: pages that are mapped again, as a receiver would; bells that are looked at from outside.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTimeline } from '#src/index.js'
import { MemberLayout, SLOT_COUNTER } from '#src/interprocess/member-page.js'
import { Doorbell, DoorbellListener } from '#src/linux/doorbell.js'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import { OwnMember, sleepersOffset } from '#src/linux/own-member.js'
import { countResources, settled, until } from '../helpers/leaks.js'

const layout = new MemberLayout({ slots: 8, buffers: 1, members: 2 })

test('The page of a member cannot be mapped for writing by whoever receives it', () => {
  using member = new OwnMember(layout, () => {})
  const page = member.page.fd
  assert.throws(() => new Mapping(page, layout.lengthBytes, MapMode.shared), { code: 'EPERM' })
  new Mapping(page, layout.lengthBytes, MapMode.readOnly).close()
})

test('What is published is in the page, where sleepers of the slot look', () => {
  using member = new OwnMember(layout, () => {})
  using timeline = createTimeline('work')
  const { slot } = member.publisher.publishTimeline(timeline)
  timeline.signal(7)
  using seen = new Mapping(member.page.fd, layout.lengthBytes, MapMode.readOnly)
  assert.equal(seen.words().load(layout.slotAt(slot) + SLOT_COUNTER), 7)
  assert.equal(sleepersOffset(layout, slot), (layout.slotAt(slot) + SLOT_COUNTER) * 4)
})

test('OwnMember rings who was admitted, until it is dismissed', async () => {
  using member = new OwnMember(layout, () => {})
  using other = new OwnMember(layout, () => {})
  const bell = new Doorbell()
  let rings = 0
  using _listener = new DoorbellListener(bell.set.dup(), () => rings++)
  member.ring(1)
  member.admit(1, { words: other.page.words, block: 0, bell })
  member.ring(1)
  await until(() => rings === 1)
  member.dismiss(1)
  member.ring(1)
  await settled()
  assert.equal(rings, 1)
})

test('A failure without a slot evicts who keeps most, by number and reason', () => {
  const evicted: string[] = []
  using member = new OwnMember(layout, (who, { message }) => {
    evicted.push(`${who} ${message}`)
    member.dismiss(who)
  })
  using other = new OwnMember(layout, () => {})
  member.admit(1, { words: other.page.words, block: 0, bell: new Doorbell() })
  const timeline = createTimeline('work')
  const { slot, generation } = member.publisher.publishTimeline(timeline)
  // As one would that never lets go.
  other.page.words.store(layout.watchAt(0, slot), generation)
  member.board.unpin(slot)
  for (let seqno = 1; seqno <= 8; seqno++)
    timeline.fail(seqno, Object.assign(new Error('x'), { code: 'EIO', errno: -5 }) as never)
  assert.deepEqual(evicted, ['1 EBUSY: All 8 fence slots are in use: member 1 keeps 1'])
  timeline.close()
})

test('OwnMember.close leaves nothing behind, and what goes on harms nobody', async () => {
  await settled()
  const before = countResources()
  const member = new OwnMember(layout, () => {})
  using other = new OwnMember(layout, () => {})
  member.admit(1, { words: other.page.words, block: 0, bell: new Doorbell() })
  const timeline = createTimeline('work')
  member.publisher.publishTimeline(timeline)
  member.publisher.publishFence(timeline.fence(2))
  assert.equal(member.closed, false)
  member.close()
  member.close()
  assert.equal(member.closed, true)
  timeline.signal(3)
  timeline.close()
  member.ring(1)
  other.close()
  await settled()
  assert.deepEqual(countResources(), before)
})
