// Goal: a hub ends whoever does not keep to the protocol, and nobody else.
// Method: a peer in the test's hand that joins, or does not, and then says what it likes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DomainOp, encodeDomain } from '#src/interprocess/domain-message.js'
import { MessageType } from '#src/interprocess/link-message.js'
import { Lifeline } from '#src/linux/lifeline.js'
import { connectLink } from '#src/linux/link-connect.js'
import type { Link } from '#src/linux/link.js'
import { createMemfd } from '#src/linux/memfd.js'
import type { OwnedFd } from '#src/linux/owned-fd.js'
import { DomainRig } from '../helpers/domain-rig.js'
import { countResources, settled, until } from '../helpers/leaks.js'

async function say(
  link: Link,
  payload: Uint8Array<ArrayBuffer>,
  fds: readonly OwnedFd[] = [],
): Promise<string> {
  await link.post(MessageType.domain, payload, { fds })
  for (const fd of fds) fd.close()
  await until(() => link.end !== undefined)
  const code = link.end!.error.code
  await link.close()
  return code
}

test('DomainHub refuses whoever joins without a page, with one that is none, or speaks before', async (t) => {
  await using rig = await DomainRig.open(t)
  await settled()
  const before = countResources()
  const join = encodeDomain(DomainOp.join)
  const connect = (): Promise<Link> => connectLink(rig.path)
  assert.equal(await say(await connect(), join), 'EPROTO')
  const lifeline = new Lifeline()
  const blank = createMemfd('blank', 2 ** 20)
  assert.equal(await say(await connect(), join, [blank, lifeline.end]), 'EPROTO')
  lifeline.close()
  assert.equal(await say(await connect(), encodeDomain(DomainOp.open)), 'EPROTO')
  assert.equal(await say(await connect(), new Uint8Array(5)), 'EPROTO')
  await until(() => countResources().fds <= before.fds)
  await settled()
  assert.deepEqual(countResources(), before)
  assert.equal((await rig.join()).members.length, 1)
})

test('DomainHub ends a member that says what it must not, and keeps the others', async (t) => {
  await using rig = await DomainRig.open(t)
  const honest = await rig.join()
  const wrong: Uint8Array<ArrayBuffer>[] = [
    new Uint8Array(1),
    encodeDomain(99),
    encodeDomain(DomainOp.join),
    encodeDomain(DomainOp.share, { length: 4096 }),
    encodeDomain(DomainOp.bell, { index: 1, generation: 1 }),
  ]
  for (const payload of wrong) {
    const { domain, link } = await rig.joinByHand()
    await link.post(MessageType.domain, payload)
    await until(() => domain.closed)
    await until(() => honest.members.length === 1)
  }
  await rig.share(honest, 'frame', [rig.hub])
})

test('DomainHub does not mind members and buffers that are named wrongly', async (t) => {
  await using rig = await DomainRig.open(t)
  const { domain, link } = await rig.joinByHand()
  const set = (): OwnedFd => createMemfd('no bell', 4096)
  for (const index of [1, 7, 2 ** 32 - 1])
    await link.post(MessageType.domain, encodeDomain(DomainOp.close, { index }))
  const fds = [set()]
  const bell = encodeDomain(DomainOp.bell, { index: 7, generation: 1 })
  await link.post(MessageType.domain, bell, { fds })
  for (const fd of fds) fd.close()
  await rig.share(domain, 'frame', [rig.hub])
  assert.equal(domain.closed, false)
})

test('DomainHub tells members that one has gone of which they have not heard', async (t) => {
  await using rig = await DomainRig.open(t)
  const honest = await rig.join()
  const { domain, link } = await rig.joinByHand()
  assert.equal(honest.members.length, 2)
  await link.close()
  await until(() => honest.members.length === 1)
  await domain.close()
})
