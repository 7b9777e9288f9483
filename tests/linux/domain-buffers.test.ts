// Goal: a hub's list of buffers gives names and indices out once, and back when nobody uses them.
// Method: a list with room for two buffers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DomainBuffers } from '#src/linux/domain-buffers.js'
import { createMemfd } from '#src/linux/memfd.js'
import type { OwnedFd } from '#src/linux/owned-fd.js'
import { thrownCode } from '../helpers/error-code.js'
import { countResources, settled } from '../helpers/leaks.js'

const memory = (): OwnedFd => createMemfd('buffer', 4096)
const place = { lengthBytes: 4096, user: 1 }

test('DomainBuffers gives each buffer the lowest free index, until there is none', () => {
  using buffers = new DomainBuffers(2)
  assert.equal(buffers.add('a', memory(), place).index, 0)
  assert.equal(buffers.add('b', memory(), place).index, 1)
  assert.equal(
    thrownCode(() => buffers.add('c', memory(), place)),
    'ENOSPC',
  )
  buffers.release(0, 1)
  assert.equal(buffers.add('c', memory(), place).index, 0)
  assert.equal(buffers.count, 2)
})

test('DomainBuffers keeps a buffer until the last of its users has released it', () => {
  using buffers = new DomainBuffers(2)
  const { memory: kept } = buffers.add('a', memory(), place)
  assert.equal(buffers.use('a', 2), undefined)
  assert.equal(buffers.announce(0, 2), undefined)
  assert.equal(buffers.announce(1, 1), undefined)
  assert.equal(buffers.announce(0, 1)?.name, 'a')
  assert.equal(buffers.use('a', 2)?.index, 0)
  assert.equal(buffers.use('b', 2), undefined)
  buffers.release(0, 1)
  buffers.release(0, 1)
  buffers.release(0, 3)
  assert.equal(buffers.count, 1)
  buffers.releaseAll(2)
  assert.equal(buffers.count, 0)
  assert.equal(kept.closed, true)
  assert.equal(buffers.use('a', 2), undefined)
})

test('DomainBuffers refuses a name twice, and memory that is none or too small', async () => {
  await settled()
  const before = countResources()
  {
    using buffers = new DomainBuffers(2)
    buffers.add('a', memory(), place)
    assert.equal(
      thrownCode(() => buffers.add('a', memory(), place)),
      'EEXIST',
    )
    const long = { ...place, lengthBytes: 4097 }
    assert.equal(
      thrownCode(() => buffers.add('b', memory(), long)),
      'EPROTO',
    )
  }
  await settled()
  assert.deepEqual(countResources(), before)
})
