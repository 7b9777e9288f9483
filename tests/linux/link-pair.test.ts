// Goal: a link can be given to a child at spawn, and each side knows who the other is.
// Method: children of their own, and wrong descriptors.
import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { inheritLink, linkPair } from '#src/linux/link-pair.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { exitAfterTests } from '../helpers/exit-after.js'
import { startFixture } from '../helpers/fixture.js'
import { countResources, settled } from '../helpers/leaks.js'

exitAfterTests()

const BYTES = new TextEncoder()
const TEXT = new TextDecoder()

test('linkPair and inheritLink: a child talks to its parent, and peer is the child', async () => {
  await settled()
  const before = countResources()
  const [link, fd] = linkPair()
  {
    await using child = startFixture('link-child.js', ['echo'], { fds: [fd.number] })
    fd.close()
    await link.send(BYTES.encode('hello'))
    const message = await link.receive()
    assert.deepEqual(JSON.parse(TEXT.decode(message?.bytes)), {
      heard: 'hello',
      parent: process.pid,
      uid: process.getuid?.(),
      // Grandchildren do not get it.
      closesOnExec: true,
    })
    assert.equal(link.peer.pid, child.pid)
    assert.equal(link.peer.uid, process.getuid?.())
    assert.equal(await link.receive(), undefined)
    assert.equal(link.end?.clean, true)
    await link.close()
    const { code, stderr } = await child.finish()
    assert.equal(code, 0, stderr)
  }
  await settled()
  assert.deepEqual(countResources(), before)
})

test('linkPair: a child that is killed is EOWNERDEAD within a second', async () => {
  const [link, fd] = linkPair()
  await using child = startFixture('link-child.js', ['hold'], { fds: [fd.number] })
  fd.close()
  assert.equal(TEXT.decode((await link.receive())?.bytes), 'holding')
  const reading = link.receive()
  const killed = performance.now()
  child.child.kill('SIGKILL')
  await assert.rejects(reading, { code: 'EOWNERDEAD', details: { pid: child.pid } })
  assert.ok(performance.now() - killed < 1000)
  await link.close()
})

test('linkPair: a child that never starts is the end of the link', async () => {
  const [link, fd] = linkPair()
  fd.close()
  await assert.rejects(link.receive(), { code: 'EOWNERDEAD' })
  await link.close()
})

test('inheritLink takes an OwnedFd too, which moves', async () => {
  const [here, fd] = linkPair()
  const there = inheritLink(fd)
  await there.send(BYTES.encode('x'))
  assert.equal(TEXT.decode((await here.receive())?.bytes), 'x')
  assert.equal(here.peer.pid, process.pid)
  await there.close()
  assert.equal(fd.closed, true)
  await here.close()
})

test('inheritLink fails with EBADF for what is not open', () => {
  const [link, fd] = linkPair()
  const { number } = fd
  fd.close()
  for (const wrong of [number, -1, 99_999, NaN])
    assert.throws(() => inheritLink(wrong), { code: 'EBADF', operation: 'inheritLink' })
  assert.throws(() => inheritLink(fd), { code: 'EBADF' })
  void link.close()
})

test('inheritLink fails with ENOTSOCK for other files and sockets, and leaves them open', async () => {
  const file = openSync('/dev/null', 'r')
  assert.throws(() => inheritLink(file), { code: 'ENOTSOCK', message: /is not an open socket/ })
  closeSync(file)
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle
  const expected = { code: 'ENOTSOCK', message: /is not one end of a linkPair/ }
  assert.throws(() => inheritLink(fd), expected)
  using owned = OwnedFd.adopt(native().dup(fd))
  assert.throws(() => inheritLink(owned), expected)
  assert.equal(owned.closed, false)
  server.close()
})
