// Goal: a loop over whoever connects gets every link once, and ends when the listener is closed.
// Method: clients of this process at a path of the test's own.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { connectLink } from '#src/linux/link-connect.js'
import type { Link } from '#src/linux/link.js'
import { serveLinks } from '#src/linux/serve-links.js'
import { exitAfterTests } from '../helpers/exit-after.js'
import { ScratchFolder } from '../helpers/fixture.js'
import { countResources, settled } from '../helpers/leaks.js'

exitAfterTests()

test('serveLinks gives links as peers connect, those before the loop included', async () => {
  await settled()
  const before = countResources()
  {
    using folder = new ScratchFolder()
    await using listener = await serveLinks(folder.file('s'))
    const early = await connectLink(folder.file('s'))
    await new Promise(setImmediate)
    const iterator = listener[Symbol.asyncIterator]()
    const first = (await iterator.next()).value as Link
    const second = iterator.next()
    const late = await connectLink(folder.file('s'))
    await early.send(new Uint8Array([1]))
    await late.send(new Uint8Array([2]))
    assert.equal((await first.receive())?.bytes[0], 1)
    const other = (await second).value as Link
    assert.equal((await other.receive())?.bytes[0], 2)
    for (const link of [early, late, first, other]) await link.close()
  }
  await settled()
  assert.deepEqual(countResources(), before)
})

test('serveLinks: close() ends loops, removes the file, and says goodbye to links nobody took', async () => {
  await settled()
  const before = countResources()
  {
    using folder = new ScratchFolder()
    const listener = await serveLinks(folder.file('s'))
    const untaken = await connectLink(folder.file('s'))
    await new Promise(setImmediate)
    await listener.close()
    assert.equal(await untaken.receive(), undefined)
    assert.equal(untaken.end?.clean, true)
    await untaken.close()
    assert.deepEqual(readdirSync(folder.path), [])

    const again = await serveLinks(folder.file('s'))
    const iterator = again[Symbol.asyncIterator]()
    const waiting = [iterator.next(), iterator.next()]
    await again.close()
    await again.close()
    for (const result of await Promise.all(waiting)) assert.equal(result.done, true)
    assert.equal((await iterator.next()).done, true)
  }
  await settled()
  assert.deepEqual(countResources(), before)
})

test('serveLinks rejects where it cannot listen', async () => {
  using folder = new ScratchFolder()
  await using _listener = await serveLinks(folder.file('s'))
  await assert.rejects(serveLinks(folder.file('s')), { code: 'EADDRINUSE' })
  await assert.rejects(serveLinks(folder.file('none/s')), { code: 'ENOENT' })
  await assert.rejects(serveLinks(''), TypeError)
  await assert.rejects(serveLinks(folder.file('n'.repeat(108))), { code: 'ENAMETOOLONG' })
})
