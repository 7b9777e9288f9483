// Goal: connecting finds a server, waits for one if asked to, and says in words why it cannot.
// Method: servers of this process and of others, at paths of the test's own.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { connectLink } from '#src/linux/link-connect.js'
import { LinkServer } from '#src/linux/link-server.js'
import type { Link } from '#src/linux/link.js'
import { exitAfterTests } from '../helpers/exit-after.js'
import { runFixture, ScratchFolder, startFixture } from '../helpers/fixture.js'
import { countResources, settled, until } from '../helpers/leaks.js'

exitAfterTests()

const EMPTY = new Uint8Array(0)

test('connectLink connects both sides, who know each other', async () => {
  using folder = new ScratchFolder()
  const accepted: Link[] = []
  using _server = new LinkServer(folder.file('s'), {}, (link) => accepted.push(link))
  const client = await connectLink(folder.file('s'))
  await client.send(new Uint8Array([1]))
  await until(() => accepted.length > 0)
  const [link] = accepted
  assert.equal((await link?.receive())?.bytes[0], 1)
  const self = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() }
  assert.deepEqual(client.peer, self)
  assert.deepEqual(link?.peer, self)
  await client.close()
  await link?.close()
})

test('connectLink says what is wrong with a path', async () => {
  for (const wrong of ['', 'a\0b', 5, undefined])
    await assert.rejects(connectLink(wrong as string), {
      name: 'TypeError',
      message: /non-empty string without NUL/,
    })
  await assert.rejects(connectLink(`/tmp/${'x'.repeat(103)}`), {
    code: 'ENAMETOOLONG',
    message: /108 bytes, Linux takes 107: choose a shorter one/,
  })
  await assert.rejects(connectLink(`/tmp/${'ä'.repeat(52)}`), { code: 'ENAMETOOLONG' })
})

test('connectLink says what it found instead of a server', async () => {
  using folder = new ScratchFolder()
  await assert.rejects(connectLink(folder.file('none')), {
    code: 'ENOENT',
    message: /No server has this path; start it.*waitForServer/,
  })
  writeFileSync(folder.file('file'), '')
  await assert.rejects(connectLink(folder.file('file')), { code: 'ECONNREFUSED' })
  mkdirSync(folder.file('folder'))
  await assert.rejects(connectLink(folder.file('folder')), { code: 'ECONNREFUSED' })
  const stream = createServer().listen(folder.file('stream'))
  await new Promise((resolve) => stream.once('listening', resolve))
  await assert.rejects(connectLink(folder.file('stream')), {
    code: 'EPROTOTYPE',
    message: /A socket of another kind/,
  })
  stream.close()
})

test('connectLink with waitForServer waits until there is one', async () => {
  using folder = new ScratchFolder()
  const connecting = connectLink(folder.file('late'), { waitForServer: true, timeoutMs: 20_000 })
  await new Promise(setImmediate)
  const accepted: Link[] = []
  using _server = new LinkServer(folder.file('late'), {}, (link) => accepted.push(link))
  const client = await connecting
  await until(() => accepted.length > 0)
  await client.close()
  await accepted[0]?.close()
})

test('connectLink with waitForServer waits for one that was killed to be started again', async () => {
  using folder = new ScratchFolder()
  const path = folder.file('s')
  await using first = startFixture('link-server.js', [path])
  assert.equal(await first.line(), 'listening')
  await first.kill()
  await assert.rejects(connectLink(path), { code: 'ECONNREFUSED', message: /Nobody listens/ })
  const connecting = connectLink(path, { waitForServer: true, timeoutMs: 20_000 })
  await using second = startFixture('link-server.js', [path])
  assert.equal(await second.line(), 'listening')
  const client = await connecting
  assert.equal(client.peer.pid, second.pid)
  await client.close()
})

test('connectLink gives up waiting on timeout or signal', async () => {
  using folder = new ScratchFolder()
  const path = folder.file('none')
  const options = { waitForServer: true }
  for (const timeoutMs of [0, 30])
    await assert.rejects(connectLink(path, { ...options, timeoutMs }), {
      code: 'ETIMEDOUT',
      message: new RegExp(`No server at .*none after ${timeoutMs} ms`),
    })
  const stop = new AbortController()
  const connecting = connectLink(path, { ...options, signal: stop.signal })
  stop.abort(new Error('enough'))
  await assert.rejects(connecting, /enough/)
  const signal = AbortSignal.abort(new Error('before'))
  await assert.rejects(connectLink(path, { ...options, signal }), /before/)
})

test('connectLink: 200 clients at once are all served', async () => {
  await settled()
  const before = countResources()
  {
    using folder = new ScratchFolder()
    const accepted: Link[] = []
    using _server = new LinkServer(folder.file('s'), {}, (link) => {
      accepted.push(link)
      void link.send(EMPTY)
    })
    const clients = await Promise.all(
      Array.from({ length: 200 }, () => connectLink(folder.file('s'))),
    )
    const messages = await Promise.all(clients.map((client) => client.receive()))
    assert.equal(messages.filter((message) => message !== undefined).length, 200)
    assert.equal(accepted.length, 200)
    await Promise.all([...clients, ...accepted].map((link) => link.close()))
  }
  await settled()
  assert.deepEqual(countResources(), before)
})

test('connectLink: a server of root admits whom it names, and refuses others in words', async (t) => {
  if (process.getuid?.() !== 0) {
    t.skip('Only root can start a process of another user')
    return
  }
  using folder = new ScratchFolder()
  folder.openToAll()
  const client = (path: string): ReturnType<typeof runFixture> =>
    runFixture('link-client.js', [path], { uid: 65534 })
  const accepted: Link[] = []
  const accept = (link: Link): void => void accepted.push(link)

  using _closed = new LinkServer(folder.file('closed'), {}, accept)
  const refusedByMode = await client(folder.file('closed'))
  if (/EACCES: permission denied|Cannot find module/.test(refusedByMode.stderr)) {
    t.skip('The other user cannot read this checkout')
    return
  }
  assert.match(refusedByMode.stdout, /^EACCES: The socket belongs to another user.*socketMode/)

  using _open = new LinkServer(folder.file('open'), { socketMode: 0o666 }, accept)
  const refusedByUid = await client(folder.file('open'))
  assert.match(refusedByUid.stdout, /^EACCES: Refused: uid 65534 is not admitted by uid 0; add it/)
  assert.equal(accepted.length, 0)

  const policy = { socketMode: 0o666, uids: [65534] }
  using _admitting = new LinkServer(folder.file('admitting'), policy, (link) => {
    accept(link)
    void link.send(EMPTY)
  })
  const admitted = await client(folder.file('admitting'))
  assert.equal(admitted.stdout, 'welcome', admitted.stderr)
  assert.equal(accepted[0]?.peer.uid, 65534)
  for (const link of accepted) await link.close()
})

test('connectLink refuses a server of another user that is not root, unless it is named', async (t) => {
  if (process.getuid?.() !== 0) {
    t.skip('Only root can start a process of another user')
    return
  }
  using folder = new ScratchFolder()
  folder.openToAll()
  const path = folder.file('theirs')
  await using server = startFixture('link-server.js', [path, 'admit 0'], { uid: 65534 })
  const line = await server.line().catch(() => 'unreadable')
  if (line === 'unreadable') {
    t.skip('The other user cannot read this checkout')
    return
  }
  await assert.rejects(connectLink(path), {
    code: 'EACCES',
    message: /Refused: uid 65534 is not admitted by uid 0; add it to \{ uids: \[65534\] \}/,
  })
  const link = await connectLink(path, { uids: [65534] })
  assert.equal(link.peer.uid, 65534)
  await link.close()
})
