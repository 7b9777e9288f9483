// Goal: another member is taken in only with a page that is one, and ends once, with all that it holds here.
// Method: pages of other shapes; a peer beside the hub's own.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemberLayout } from '#src/interprocess/member-page.js'
import { DomainGroup } from '#src/linux/domain-group.js'
import { DomainPeer, evicted } from '#src/linux/domain-peer.js'
import { Lifeline } from '#src/linux/lifeline.js'
import { createMemfd } from '#src/linux/memfd.js'
import { thrownCode } from '../helpers/error-code.js'
import { countResources, settled, until } from '../helpers/leaks.js'

const SHAPE = { slots: 64, buffers: 2, members: 4 }
const NAME = { index: 2, generation: 1, pid: 7 }

test('DomainPeer refuses a page of another shape or size, and holds nothing then', async () => {
  await settled()
  const before = countResources()
  {
    const layout = new MemberLayout(SHAPE)
    using group = new DomainGroup(1, layout)
    using other = new DomainGroup(2, new MemberLayout({ ...SHAPE, buffers: 3 }))
    using small = createMemfd('small', 4096)
    using lifeline = new Lifeline()
    const own = { index: 1, words: group.words, board: group.publisher.board }
    for (const page of [other.page.fd, small]) {
      const parts = { layout, page, lifeline: lifeline.end.dup(), own, ended: () => {} }
      assert.equal(
        thrownCode(() => new DomainPeer(NAME, parts)),
        'EPROTO',
      )
    }
  }
  await settled()
  assert.deepEqual(countResources(), before)
})

test('DomainPeer says whether it died or left, and is told of once', async () => {
  const layout = new MemberLayout(SHAPE)
  using group = new DomainGroup(1, layout)
  const theirs = new DomainGroup(2, layout)
  const lifeline = new Lifeline()
  const own = { index: 1, words: group.words, board: group.publisher.board }
  let ends = 0
  const ended = (): void => {
    ends++
  }
  const parts = { layout, page: theirs.page.fd, lifeline: lifeline.end.dup(), own, ended }
  const peer = new DomainPeer(NAME, parts)
  assert.equal(peer.name, 'member 2 (pid 7)')
  assert.deepEqual([peer.hasLeft, peer.endError().code], [false, 'EOWNERDEAD'])
  theirs[Symbol.dispose]()
  lifeline.close()
  await until(() => ends === 1)
  assert.deepEqual([peer.hasLeft, peer.endError().code], [true, 'ENOENT'])
  peer.end(peer.endError())
  peer[Symbol.dispose]()
  assert.equal(peer.closed, true)
})

test('evicted() names the error that the hub gave', () => {
  assert.equal(evicted(104).error.code, 'ECONNRESET')
})
