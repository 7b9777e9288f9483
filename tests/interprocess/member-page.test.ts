// Goal: the parts of a member's page lie apart, and a page of another kind is refused in words.
// Method: every word of small pages; pages that are wrong in one word.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as page from '#src/interprocess/member-page.js'
import { wordsOf } from '../helpers/hooked-words.js'

const { MemberLayout, checkMemberPage, initMemberPage } = page

test('The parts of a MemberLayout do not overlap and fill the page', () => {
  for (const shape of [
    { slots: 1, buffers: 0, members: 1 },
    { slots: 5, buffers: 3, members: 2 },
    { slots: 64, buffers: 7, members: 32 },
  ]) {
    const layout = new MemberLayout(shape)
    const words = layout.lengthBytes / 4
    const used = new Uint8Array(words)
    const take = (at: number, count: number): void => {
      for (let word = at; word < at + count; word++) {
        assert.ok(word < words, `Word ${word} is within the page`)
        assert.equal(used[word], 0, `Word ${word} is used once`)
        used[word] = 1
      }
    }
    take(0, layout.log)
    take(layout.log, page.LOG_ENTRIES)
    for (let buffer = 0; buffer < shape.buffers; buffer++) {
      take(layout.lockAt(buffer), page.LOCK_WORDS)
      take(layout.listAt(buffer), page.LIST_ENTRIES)
      for (const half of [0, 1] as const)
        for (let entry = 0; entry < page.MAX_LIST_ENTRIES; entry++)
          take(page.listEntryAt(layout.listAt(buffer), half, entry), page.LIST_ENTRY_WORDS)
    }
    for (let slot = 0; slot < shape.slots; slot++) take(layout.slotAt(slot), page.SLOT_WORDS)
    for (let block = 0; block < shape.members; block++)
      for (let slot = 0; slot < shape.slots; slot++)
        take(layout.watchAt(block, slot), page.WATCH_WORDS)
    assert.equal(layout.lengthBytes % 4096, 0)
  }
})

test('MemberLayout puts each slot into a cache line of its own', () => {
  const layout = new MemberLayout({ slots: 3, buffers: 3, members: 1 })
  for (const slot of [0, 1, 2]) assert.equal((layout.slotAt(slot) * 4) % 64, 0)
})

test('MemberLayout refuses shapes outside its limits', () => {
  const good = { slots: 1, buffers: 0, members: 1 }
  new MemberLayout(good)
  new MemberLayout({ slots: page.MAX_SLOTS, buffers: page.MAX_MEMBER_BUFFERS, members: 32 })
  for (const bad of [
    { slots: 0 },
    { slots: page.MAX_SLOTS + 1 },
    { slots: 1.5 },
    { buffers: -1 },
    { buffers: page.MAX_MEMBER_BUFFERS + 1 },
    { members: 0 },
    { members: page.MAX_MEMBERS + 1 },
  ])
    assert.throws(() => new MemberLayout({ ...good, ...bad }), RangeError)
})

test('checkMemberPage takes a page of the same shape, and says what is wrong with another', () => {
  const layout = new MemberLayout({ slots: 4, buffers: 2, members: 3 })
  const make = () => {
    const words = wordsOf(layout.lengthBytes / 4)
    initMemberPage(words, layout)
    return words
  }
  checkMemberPage(make(), layout)
  const cases: readonly [number, RegExp][] = [
    [0, /no member page/],
    [1, /version 99, this is version 1/],
    [page.MEMBER_SLOTS, /for 99 slots/],
    [page.MEMBER_BUFFERS, /99 buffers/],
    [page.MEMBER_MEMBERS, /99 members/],
  ]
  for (const [word, message] of cases) {
    const words = make()
    words.store(word, 99)
    assert.throws(() => checkMemberPage(words, layout), { code: 'EPROTO', message })
  }
  const short = wordsOf(layout.lengthBytes / 4 - 1)
  initMemberPage(short, layout)
  assert.throws(() => checkMemberPage(short, layout), { code: 'EPROTO', message: /too small/ })
})
