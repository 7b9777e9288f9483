// Goal: a server has its path alone, with the mode it asked for, and takes over only what is dead.
// Method: servers here and in other processes at paths of the test's own; umasks in children.
import assert from 'node:assert/strict'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { connectLink } from '#src/linux/link-connect.js'
import { checkSocketPath, LinkServer, MAX_PATH_BYTES } from '#src/linux/link-server.js'
import type { Link } from '#src/linux/link.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { exitAfterTests } from '../helpers/exit-after.js'
import { ScratchFolder, startFixture } from '../helpers/fixture.js'
import { countResources, settled, until } from '../helpers/leaks.js'

exitAfterTests()

function modeOf(path: string): number {
  return lstatSync(path).mode & 0o7777
}

function ignore(): void {}

test('checkSocketPath takes paths of 1 to 107 bytes without NUL', () => {
  checkSocketPath('s', 'test')
  checkSocketPath('x'.repeat(MAX_PATH_BYTES), 'test')
  checkSocketPath(`x${'ä'.repeat(53)}`, 'test')
  for (const wrong of ['', '\0abstract', 'a\0', 5, null, undefined, {}])
    assert.throws(() => {
      checkSocketPath(wrong as string, 'test')
    }, TypeError)
  for (const long of ['x'.repeat(108), 'ä'.repeat(54)])
    assert.throws(
      () => {
        checkSocketPath(long, 'test')
      },
      { code: 'ENAMETOOLONG', operation: 'test', message: /108 bytes, Linux takes 107/ },
    )
})

test('LinkServer makes one socket file, and removes it on close()', async () => {
  await settled()
  const before = countResources()
  using folder = new ScratchFolder()
  const server = new LinkServer(folder.file('s'), {}, ignore)
  assert.deepEqual(readdirSync(folder.path), ['s'])
  assert.ok(lstatSync(folder.file('s')).isSocket())
  server.close()
  server.close()
  assert.deepEqual(readdirSync(folder.path), [])
  assert.deepEqual(countResources(), before)
})

test('LinkServer serves at the longest path there is', async () => {
  using folder = new ScratchFolder()
  const room = MAX_PATH_BYTES - folder.path.length - 1
  const path = folder.file('n'.repeat(room))
  using server = new LinkServer(path, {}, (link) => void link.close())
  assert.equal(Buffer.byteLength(server.path), 107)
  const link = await connectLink(path)
  assert.equal(await link.receive(), undefined)
  await link.close()
  assert.throws(() => new LinkServer(`${path}n`, {}, ignore), { code: 'ENAMETOOLONG' })
})

for (const umask of ['0', '077', '0777']) {
  test(`LinkServer makes its socket 0600 under umask ${umask}`, async () => {
    using folder = new ScratchFolder()
    await using server = startFixture('link-server.js', [folder.file('s'), `umask ${umask}`])
    assert.equal(await server.line(), 'listening')
    assert.equal(modeOf(folder.file('s')), 0o600)
  })
}

test('LinkServer makes its socket with the mode asked for, whatever the umask', () => {
  using folder = new ScratchFolder()
  const old = process.umask(0o077)
  try {
    for (const socketMode of [0o600, 0o660, 0o666]) {
      using _server = new LinkServer(folder.file('s'), { socketMode }, ignore)
      assert.equal(modeOf(folder.file('s')), socketMode)
    }
  } finally {
    process.umask(old)
  }
})

test('LinkServer takes over the socket file of a server that was killed', async () => {
  using folder = new ScratchFolder()
  const path = folder.file('s')
  await using dead = startFixture('link-server.js', [path])
  assert.equal(await dead.line(), 'listening')
  await dead.kill()
  assert.ok(existsSync(path))
  using _server = new LinkServer(path, {}, (link) => void link.close())
  const link = await connectLink(path)
  assert.equal(link.peer.pid, process.pid)
  await link.close()
  assert.deepEqual(readdirSync(folder.path), ['s'])
})

test('LinkServer leaves a live server alone: EADDRINUSE', async () => {
  using folder = new ScratchFolder()
  const path = folder.file('s')
  await using alive = startFixture('link-server.js', [path])
  assert.equal(await alive.line(), 'listening')
  const { ino } = lstatSync(path)
  assert.throws(() => new LinkServer(path, {}, ignore), {
    code: 'EADDRINUSE',
    message: /another process listens there/,
  })
  assert.equal(lstatSync(path).ino, ino)
  const link = await connectLink(path)
  assert.equal(link.peer.pid, alive.pid)
  await link.close()
  assert.deepEqual(readdirSync(folder.path), ['s'])
})

test('LinkServer leaves files and folders at its path alone: EADDRINUSE', () => {
  using folder = new ScratchFolder()
  const expected = { code: 'EADDRINUSE', message: /it is not a socket; it was left as it is/ }
  writeFileSync(folder.file('file'), 'precious')
  assert.throws(() => new LinkServer(folder.file('file'), {}, ignore), expected)
  assert.equal(readFileSync(folder.file('file'), 'utf8'), 'precious')
  mkdirSync(folder.file('folder'))
  assert.throws(() => new LinkServer(folder.file('folder'), {}, ignore), expected)
  assert.deepEqual(readdirSync(folder.path).sort(), ['file', 'folder'])
})

test('LinkServer fails with ENOENT in a folder that is not there, and leaves nothing', async () => {
  await settled()
  const before = countResources()
  using folder = new ScratchFolder()
  assert.throws(() => new LinkServer(folder.file('none/s'), {}, ignore), {
    code: 'ENOENT',
    message: /Cannot listen at .*none\/s/,
  })
  assert.deepEqual(countResources(), before)
})

test('LinkServer.close removes its own file only', () => {
  using folder = new ScratchFolder()
  const path = folder.file('s')
  const first = new LinkServer(path, {}, ignore)
  renameSync(path, folder.file('moved'))
  const second = new LinkServer(path, {}, ignore)
  first.close()
  assert.deepEqual(readdirSync(folder.path).sort(), ['moved', 's'])
  unlinkSync(path)
  writeFileSync(path, 'somebody else')
  second.close()
  assert.equal(readFileSync(path, 'utf8'), 'somebody else')
  const third = new LinkServer(folder.file('t'), {}, ignore)
  unlinkSync(folder.file('t'))
  third.close()
})

test('LinkServer: of two that start at once on a stale file exactly one wins', async () => {
  using folder = new ScratchFolder()
  const path = folder.file('s')
  for (let round = 0; round < 8; round++) {
    await using dead = startFixture('link-server.js', [path])
    await using first = startFixture('link-server.js', [path, 'go'])
    await using second = startFixture('link-server.js', [path, 'go'])
    assert.equal(await dead.line(), 'listening')
    await dead.kill()
    for (const server of [first, second]) assert.equal(await server.line(), 'ready')
    for (const server of [first, second]) server.say('go')
    const lines = [await first.line(), await second.line()]
    const winner = lines.indexOf('listening')
    assert.equal(lines.filter((line) => line === 'listening').length, 1, lines.join('\n'))
    assert.match(lines[1 - winner] ?? '', /^EADDRINUSE: /)
    const link = await connectLink(path)
    assert.equal(link.peer.pid, [first, second][winner]?.pid)
    await link.close()
    assert.deepEqual(readdirSync(folder.path), ['s'])
    for (const server of [first, second]) await server.kill()
    unlinkSync(path)
  }
})

/** A socket that listens, or did. @param minutes - how old its file looks */
function socketAt(path: string, minutes: number): OwnedFd {
  const fd = OwnedFd.adopt(native().listen(path, 0o600, 1))
  const seconds = Date.now() / 1000 - minutes * 60
  utimesSync(path, seconds, seconds)
  return fd
}

test('LinkServer removes what servers left that were killed before they listened, and nothing else', () => {
  using folder = new ScratchFolder()
  const path = folder.file('s')
  for (const name of ['s~aaaaaa', 's~b0', 't~aaaaaa', 's~aaaaaaa', 's~AAAAAA', 'xs~aaaaaa'])
    socketAt(folder.file(name), 2).close()
  // It may be about to listen.
  socketAt(folder.file('s~young0'), 0).close()
  using _living = socketAt(folder.file('s~living'), 2)
  writeFileSync(folder.file('s~noneof'), '')
  utimesSync(folder.file('s~noneof'), 1, 1)
  new LinkServer(path, {}, ignore).close()
  const left = [
    's~AAAAAA',
    's~aaaaaaa',
    's~living',
    's~noneof',
    's~young0',
    't~aaaaaa',
    'xs~aaaaaa',
  ]
  assert.deepEqual(readdirSync(folder.path).sort(), left)
})

test('LinkServer leaves a live server of another kind alone', async () => {
  using folder = new ScratchFolder()
  const path = folder.file('s')
  const stream = createServer()
  await new Promise<void>((resolve) => stream.listen(path, resolve))
  assert.throws(() => new LinkServer(path, {}, ignore), { code: 'EADDRINUSE' })
  assert.deepEqual(readdirSync(folder.path), ['s'])
  await new Promise((resolve) => stream.close(resolve))
})

test('LinkServer: links that exist live on past close()', async () => {
  using folder = new ScratchFolder()
  const accepted: Link[] = []
  const server = new LinkServer(folder.file('s'), {}, (link) => accepted.push(link))
  const client = await connectLink(folder.file('s'))
  await until(() => accepted.length > 0)
  server.close()
  await client.send(new Uint8Array([5]))
  assert.equal((await accepted[0]?.receive())?.bytes[0], 5)
  await assert.rejects(connectLink(folder.file('s')), { code: 'ENOENT' })
  await client.close()
  await accepted[0]?.close()
})

test('LinkServer.close turns away who waits in the backlog', async () => {
  using folder = new ScratchFolder()
  const server = new LinkServer(folder.file('s'), {}, ignore)
  const connecting = connectLink(folder.file('s'))
  server.close()
  const client = await connecting
  await assert.rejects(client.receive(), { code: 'EOWNERDEAD' })
  await client.close()
})

test('LinkServer without descriptors to spare serves again once there are some, without spinning', async () => {
  using folder = new ScratchFolder()
  const path = folder.file('s')
  await using server = startFixture('starved-server.js', [path], { maxFiles: 128 })
  assert.equal(await server.line(), 'start')
  assert.equal(await server.line(), 'starved')
  const client = await connectLink(path)
  server.say('look')
  const tries = Number(await server.line())
  assert.ok(tries >= 1 && tries < 50, `tried ${tries} times in some 20 ms`)
  server.say('free')
  assert.equal((await client.receive())?.bytes[0], 1)
  await client.close()
})

test('LinkServer.keepAlive does nothing after close()', () => {
  using folder = new ScratchFolder()
  const server = new LinkServer(folder.file('s'), {}, ignore)
  server.keepAlive(false)
  server.keepAlive(true)
  server[Symbol.dispose]()
  server.keepAlive(true)
})
