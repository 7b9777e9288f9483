// Goal: joining ends with a domain, or with an error that says why, and holds nothing then.
// Method: hubs that are none, say nothing, or offer what cannot be.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DomainOp, encodeDomain } from '#src/interprocess/domain-message.js'
import { MessageType } from '#src/interprocess/link-message.js'
import { joinDomain } from '#src/linux/join-domain.js'
import { LinkServer } from '#src/linux/link-server.js'
import type { Link } from '#src/linux/link.js'
import { DomainRig } from '../helpers/domain-rig.js'
import { errorCode } from '../helpers/error-code.js'
import { countResources, settled, until } from '../helpers/leaks.js'
import { socketPath } from '../helpers/socket-path.js'

test('joinDomain knows all members when it resolves, and they know it', async (t) => {
  await using rig = await DomainRig.open(t)
  const [a, b] = [await rig.join(), await rig.join()]
  assert.deepEqual(
    [rig.hub, a, b].map((one) => one.members.map(({ index }) => index)),
    [
      [1, 2],
      [0, 2],
      [0, 1],
    ],
  )
  assert.equal(b.members[0]!.pid, process.pid)
})

test('joinDomain fails where nobody serves', async (t) => {
  assert.equal(await errorCode(() => joinDomain(socketPath(t))), 'ENOENT')
})

test('joinDomain fails where the hub offers nothing, leaves, or offers what cannot be', async (t) => {
  const path = socketPath(t)
  const offer = { index: 1, generation: 1, count: 64, length: 4, flags: 4 }
  const said: [what: Uint8Array<ArrayBuffer> | 'nothing' | 'goodbye', code: string][] = [
    ['nothing', 'ETIMEDOUT'],
    ['goodbye', 'EPROTO'],
    [new Uint8Array(3), 'EPROTO'],
    [encodeDomain(DomainOp.welcome), 'EPROTO'],
    [encodeDomain(DomainOp.offer, { ...offer, index: 0 }), 'EPROTO'],
    [encodeDomain(DomainOp.offer, { ...offer, index: 4 }), 'EPROTO'],
    [encodeDomain(DomainOp.offer, { ...offer, count: 0 }), 'EPROTO'],
    [encodeDomain(DomainOp.offer, { ...offer, flags: 33 }), 'EPROTO'],
    [encodeDomain(DomainOp.offer, offer), 'ETIMEDOUT'],
  ]
  await settled()
  const before = countResources()
  const links: Link[] = []
  let next = 0
  const server = new LinkServer(path, {}, (link) => {
    const [what] = said[next++]!
    links.push(link)
    if (what === 'goodbye') void link.close()
    else if (what !== 'nothing') void link.post(MessageType.domain, what)
  })
  for (const [, code] of said)
    assert.equal(await errorCode(() => joinDomain(path, { timeoutMs: 50 })), code, `${next}`)
  for (const link of links) await link.close()
  server.close()
  await until(() => countResources().fds <= before.fds)
  await settled()
  assert.deepEqual(countResources(), before)
})
