// Goal: a member believes its hub only what can be, and tells its hub's death from being told to go.
// Method: members whose links the test breaks, and hubs that lie.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { DomainOp, encodeDomain } from '#src/interprocess/domain-message.js'
import { MessageType } from '#src/interprocess/link-message.js'
import { MemberLayout } from '#src/interprocess/member-page.js'
import { DomainGroup } from '#src/linux/domain-group.js'
import { DomainMemberPort } from '#src/linux/domain-member-port.js'
import { inheritLink, linkPair } from '#src/linux/link-pair.js'
import type { Link } from '#src/linux/link.js'
import { errorCode } from '../helpers/error-code.js'
import { until } from '../helpers/leaks.js'

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
