// Goal: a member believes its hub only what can be, and tells its hub's death from being told to go.
// Method: members whose links the test breaks, and hubs that lie.
import assert from 'node:assert/strict'
import { openSync, readdirSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { DomainOp, encodeDomain } from '#src/interprocess/domain-message.js'
import { OUR_HELLO } from '#src/interprocess/hello.js'
import { encodeMessage, MessageType } from '#src/interprocess/link-message.js'
import { MEMBER_EPOCH, MemberLayout } from '#src/interprocess/member-page.js'
import { DomainGroup } from '#src/linux/domain-group.js'
import { DomainMemberPort } from '#src/linux/domain-member-port.js'
import { Lifeline } from '#src/linux/lifeline.js'
import { inheritLink, linkPair } from '#src/linux/link-pair.js'
import type { Link } from '#src/linux/link.js'
import { createMemfd } from '#src/linux/memfd.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { errorCode } from '../helpers/error-code.js'
import { until } from '../helpers/leaks.js'
import { rawPair, type RawPeer } from '../helpers/raw-peer.js'

const SHAPE = { slots: 64, buffers: 2, members: 4 }

/** A member that waits to be welcomed by a hub in the test's hand. */
async function joining(): Promise<{
  hub: Link
  group: DomainGroup
  port: DomainMemberPort
  joined: Promise<void>
}> {
  const [hub, fd] = linkPair()
  const group = new DomainGroup(1, new MemberLayout(SHAPE))
  const port = new DomainMemberPort(group, inheritLink(fd))
  const joined = port.join({ timeoutMs: 5000 })
  joined.catch(() => {})
  const join = await hub.next(MessageType.domain)
  for (const one of join!.fds) one.close()
  assert.equal(join!.fds.length, 2)
  return { hub, group, port, joined }
}

test('DomainMemberPort breaks off with a hub that names what cannot be', async () => {
  const lies = [
    encodeDomain(DomainOp.member, { index: 2, generation: 1 }),
    encodeDomain(DomainOp.member, { index: 1, generation: 1 }),
    encodeDomain(DomainOp.share),
    encodeDomain(77),
    new Uint8Array(2),
  ]
  for (const lie of lies) {
    const { hub, group, port, joined } = await joining()
    await hub.post(MessageType.domain, lie)
    assert.equal(await errorCode(() => joined), 'EPROTO')
    assert.equal(group.closed, true)
    await port.close()
    await hub.close()
  }
})

test('DomainMemberPort answers requests in whatever order the hub does, and passes refusals on', async () => {
  const { hub, group, port, joined } = await joining()
  await hub.post(MessageType.domain, encodeDomain(DomainOp.welcome, { epoch: 1 }))
  await joined
  const answers = ['a', 'b', 'c'].map((name) => errorCode(() => port.open(name, false, {})))
  const counts: number[] = []
  for (let i = 0; i < 3; i++) {
    const { payload } = (await hub.next(MessageType.domain))!
    counts.push(new DataView(payload.buffer, payload.byteOffset).getUint32(16, true))
  }
  for (const [i, flags] of [2, 28, 0].entries())
    await hub.post(
      MessageType.domain,
      encodeDomain(DomainOp.buffer, { count: counts[2 - i]!, flags }),
    )
  // The last one was promised memory, and got none.
  assert.deepEqual(await Promise.all(answers), ['EPROTO', 'ENOSPC', 'ENOENT'])
  await port.close()
  group[Symbol.dispose]()
  await hub.close()
})

test('DomainMemberPort leaves its domain when it is told to go, and not when its hub has left', async () => {
  for (const reason of [undefined, new DmaBufError('ECONNRESET', 'test', 'go')]) {
    const { hub, group, port, joined } = await joining()
    await hub.post(MessageType.domain, encodeDomain(DomainOp.welcome))
    await joined
    const opening = errorCode(() => port.open('a', true, {}))
    await hub.closeWith(reason)
    assert.equal(await opening, reason === undefined ? 'EPIPE' : 'ECONNRESET')
    await until(() => group.closed === (reason !== undefined))
    await port.close()
    group[Symbol.dispose]()
  }
})

const turn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A hub without a Link, whose member knows it by a page and a lifeline. */
async function joinedByHand(): Promise<{
  hub: RawPeer
  page: DomainGroup
  lifeline: Lifeline
  group: DomainGroup
  port: DomainMemberPort
  say: (payload: Uint8Array, fds?: readonly OwnedFd[]) => void
}> {
  const [link, hub] = rawPair()
  const layout = new MemberLayout(SHAPE)
  const [page, group] = [new DomainGroup(0, layout), new DomainGroup(1, layout)]
  const [port, lifeline] = [new DomainMemberPort(group, link), new Lifeline()]
  const joined = port.join({ timeoutMs: 5000 })
  const say = (payload: Uint8Array, fds: readonly OwnedFd[] = []): void => {
    assert.ok(hub.send(encodeMessage(MessageType.domain, 0, payload), fds) >= 0)
  }
  hub.hello([], OUR_HELLO)
  say(encodeDomain(DomainOp.member, { generation: 1, epoch: 1 }), [page.page.fd, lifeline.end])
  say(encodeDomain(DomainOp.welcome, { epoch: 1 }))
  await joined
  return { hub, page, lifeline, group, port, say }
}

test('DomainMemberPort ignores a member whose page is none, and does not blame its hub', async () => {
  const { hub, page, lifeline, group, port, say } = await joinedByHand()
  page.words.store(MEMBER_EPOCH, 2)
  assert.equal(group.catchUp(), 'behind')
  using other = new Lifeline()
  {
    // As if the member had overwritten the head of its page after the hub looked.
    using spoilt = new DomainGroup(2, new MemberLayout({ ...SHAPE, buffers: 3 }))
    say(encodeDomain(DomainOp.member, { index: 2, generation: 1, epoch: 2 }), [
      spoilt.page.fd,
      other.end,
    ])
  }
  assert.equal(group.catchUp(), 'same')
  assert.deepEqual(
    group.others.map(({ index }) => index),
    [0],
  )
  // Without the page of the hub itself nobody can be relied on.
  using spoilt = new DomainGroup(0, new MemberLayout({ ...SHAPE, buffers: 3 }))
  say(encodeDomain(DomainOp.member, { generation: 2, epoch: 3 }), [spoilt.page.fd, other.end])
  await until(() => group.closed)
  assert.equal(group.lost?.code, 'EPROTO')
  await port.close()
  hub[Symbol.dispose]()
  lifeline.close()
  page[Symbol.dispose]()
})

test('DomainMemberPort ignores a member that sends no doorbell, and does not blame its hub', async () => {
  const { hub, page, lifeline, group, port, say } = await joinedByHand()
  const [theirs, end] = [new DomainGroup(2, new MemberLayout(SHAPE)), new Lifeline()]
  const name = { index: 2, generation: 1, epoch: 2 }
  say(encodeDomain(DomainOp.member, name), [theirs.page.fd, end.end])
  await until(() => group.others.length === 2)
  // A regular file: it cannot be watched.
  using file = OwnedFd.adopt(openSync(import.meta.filename, 'r'))
  say(encodeDomain(DomainOp.bell, name), [file])
  await until(() => group.others.length === 1)
  assert.deepEqual([group.others[0]!.index, group.lost], [0, undefined])
  await port.close()
  end.close()
  for (const one of [group, theirs, hub, lifeline, page]) one[Symbol.dispose]()
})

test('DomainMemberPort takes a hub that hangs up and lives for one that has evicted it', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  for (const lives of [true, false]) {
    const { hub, page, lifeline, group, port } = await joinedByHand()
    hub[Symbol.dispose]()
    if (!lives) lifeline.close()
    await assert.rejects(port.open('a', true, {}), { code: 'EPIPE' })
    for (let i = 0; i < 50 || (!lives && group.others.length > 0); i++) await turn()
    t.mock.timers.tick(1000)
    assert.deepEqual(
      [group.closed, group.lost?.code],
      lives ? [true, 'ECONNRESET'] : [false, undefined],
    )
    await port.close()
    group[Symbol.dispose]()
    lifeline.close()
    page[Symbol.dispose]()
  }
})

/** Descriptors of this process on memory of that name. */
function openMemory(name: string): readonly string[] {
  const folder = '/proc/self/fd'
  return readdirSync(folder)
    .map((fd) => {
      try {
        return readlinkSync(`${folder}/${fd}`)
      } catch {
        // That of the folder itself.
        return ''
      }
    })
    .filter((link) => link.includes(`:${name}`))
}

test('DomainMemberPort keeps no descriptor of an answer to what it could not ask', async () => {
  const { hub, page, lifeline, group, port, say } = await joinedByHand()
  const asked: Promise<string>[] = []
  // More than the socket of a hub that reads nothing holds.
  for (let i = 0; i < 600; i++) asked.push(errorCode(() => port.open('a', true, {})))
  const memory = createMemfd('early', 4096)
  say(encodeDomain(DomainOp.buffer, { count: 600, length: 4096 }), [memory])
  memory.close()
  for (let i = 0; i < 20; i++) await turn()
  hub[Symbol.dispose]()
  assert.ok((await Promise.all(asked)).every((code) => code === 'EPIPE'))
  await port.close()
  assert.deepEqual(openMemory('early'), [])
  for (const one of [group, lifeline, page]) one[Symbol.dispose]()
})

test('DomainMemberPort meets nobody any more once its hub, which named another in its place, has evicted it', async () => {
  const { hub, page, lifeline, group, port, say } = await joinedByHand()
  using other = new Lifeline()
  // The end is read while the first hub is forgotten.
  say(encodeDomain(DomainOp.member, { generation: 2, epoch: 2 }), [page.page.fd, other.end])
  hub.send(encodeMessage(MessageType.goodbye, 104, new Uint8Array(0)))
  await until(() => group.closed)
  await turn()
  assert.deepEqual(group.others, [])
  await port.close()
  for (const one of [hub, lifeline, page]) one[Symbol.dispose]()
})
