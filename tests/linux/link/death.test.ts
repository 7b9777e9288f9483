// Goal: whatever dies first, the other side knows within a second, and has its descriptors back.
// Method: processes that are killed or exit at a given point; the only time asserted is that second.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectLink } from '#src/linux/link-connect.js'
import type { Link } from '#src/linux/link.js'
import { LinkServer } from '#src/linux/link-server.js'
import { createMemfd } from '#src/linux/memfd.js'
import { exitAfterTests } from '../../helpers/exit-after.js'
import { ScratchFolder, startFixture, type Fixture } from '../../helpers/fixture.js'
import { countResources, settled, until } from '../../helpers/leaks.js'

exitAfterTests()

async function withPeer(
  how: string,
  use: (link: Link, peer: Fixture) => Promise<void>,
): Promise<void> {
  await settled()
  const before = countResources()
  {
    using folder = new ScratchFolder()
    const accepted: Link[] = []
    using _server = new LinkServer(folder.file('s'), {}, (link) => accepted.push(link))
    await using peer = startFixture('link-peer.js', [folder.file('s'), how])
    assert.equal(await peer.line(), 'connected')
    await until(() => accepted.length > 0)
    const [link] = accepted
    await use(link!, peer)
    await link!.close()
  }
  await settled()
  assert.deepEqual(countResources(), before)
}

test('A peer that is killed is EOWNERDEAD within a second', async () => {
  await withPeer('hold', async (link, peer) => {
    const reading = link.receive()
    const killed = performance.now()
    peer.child.kill('SIGKILL')
    await assert.rejects(reading, { code: 'EOWNERDEAD', details: { pid: peer.pid } })
    assert.ok(performance.now() - killed < 1000)
  })
})

test('A peer that is killed with our descriptors and messages unread gives them all back', async () => {
  await withPeer('hold', async (link, peer) => {
    for (let i = 0; i < 20; i++) {
      const fd = createMemfd('sent', 4096)
      await link.send(new Uint8Array(100), [fd.dup(), fd])
    }
    peer.child.kill('SIGKILL')
    await assert.rejects(link.receive(), { code: 'EOWNERDEAD' })
  })
})

test('A peer that is killed after it sent descriptors: those that arrived can be taken, or are closed', async () => {
  await withPeer('send fds', async (link, peer) => {
    assert.equal(await peer.line(), 'sent')
    peer.child.kill('SIGKILL')
    const message = await link.receive()
    const fds = message?.takeFds() ?? []
    assert.equal(fds.length, 5)
    for (const fd of fds) fd.close()
    await until(() => link.end !== undefined)
    assert.equal(link.end?.error.code, 'EOWNERDEAD')
  })
})

test('A peer that exits without goodbye is EOWNERDEAD, after what it said', async () => {
  await withPeer('exit', async (link) => {
    assert.equal((await link.receive())?.bytes[0], 1)
    await assert.rejects(link.receive(), { code: 'EOWNERDEAD' })
  })
})

test('A peer that says goodbye and exits at once has ended cleanly', async () => {
  await withPeer('goodbye', async (link) => {
    assert.equal((await link.receive())?.bytes[0], 1)
    assert.equal(await link.receive(), undefined)
    assert.equal(link.end?.clean, true)
  })
})

test('A peer that says goodbye with unread messages of ours has ended cleanly all the same', async () => {
  await withPeer('goodbye unread', async (link, peer) => {
    for (let i = 0; i < 10; i++) await link.send(new Uint8Array(10))
    peer.say('now')
    assert.equal((await link.receive())?.bytes[0], 1)
    assert.equal(await link.receive(), undefined)
    assert.equal(link.end?.clean, true)
  })
})

test('A peer that we left does not mind, and neither do we when it dies then', async () => {
  await withPeer('until the end', async (link, peer) => {
    await link.close()
    assert.equal(await peer.line(), 'clean')
    await peer.kill()
  })
})

test('A server that is killed is EOWNERDEAD for its clients within a second', async () => {
  using folder = new ScratchFolder()
  await using server = startFixture('link-server.js', [folder.file('s')])
  assert.equal(await server.line(), 'listening')
  const links = await Promise.all([1, 2, 3].map(() => connectLink(folder.file('s'))))
  const readings = links.map((link) =>
    assert.rejects(link.receive(), { code: 'EOWNERDEAD', details: { pid: server.pid } }),
  )
  const killed = performance.now()
  server.child.kill('SIGKILL')
  await Promise.all(readings)
  assert.ok(performance.now() - killed < 1000)
  for (const link of links) await link.close()
})

test('A thousand connections, each closed by another side, leave nothing', async () => {
  await settled()
  const before = countResources()
  {
    using folder = new ScratchFolder()
    let accepted: Link | undefined
    using _server = new LinkServer(folder.file('s'), {}, (link) => {
      accepted = link
    })
    for (let i = 0; i < 1000; i++) {
      const client = await connectLink(folder.file('s'))
      await client.send(new Uint8Array(1), [createMemfd('sent', 4096)])
      await until(() => accepted !== undefined)
      const order = i % 2 === 0 ? [client, accepted] : [accepted, client]
      for (const link of order) await link?.close()
      accepted = undefined
    }
  }
  await settled()
  assert.deepEqual(countResources(), before)
})
