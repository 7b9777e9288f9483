// Goal: an import holds its handle until it is closed, once.
// Method: a driver that gives the same handle for the same memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DrmBuffer } from '#src/devices/drm/drm-buffer.js'
import { DrmNode } from '#src/devices/drm/drm-node.js'
import { GemHandles } from '#src/devices/drm/gem-handles.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { thrownCode } from '../../helpers/error-code.js'
import { FAKE_NODE, FakeDrm } from '../../helpers/fake-drm.js'
import { openFds } from '../../helpers/leaks.js'

test('DrmBuffer shares its handle with other imports of the buffer, and gives it back once', () => {
  using fake = new FakeDrm()
  using node = new DrmNode(FAKE_NODE)
  const handles = new GemHandles(node)
  using heap = openMemfdHeap()
  using buffer = heap.allocate(4096)
  const before = openFds().length
  const one = new DrmBuffer(handles, buffer)
  const two = new DrmBuffer(handles, buffer)
  assert.equal(one.handle, two.handle)
  {
    using out = two.export()
    assert.equal(out.lengthBytes, 4096)
  }
  one.close()
  one.close()
  assert.deepEqual(fake.closed, [])
  assert.equal(
    thrownCode(() => one.handle),
    'EBADF',
  )
  assert.equal(
    thrownCode(() => one.export()),
    'EBADF',
  )
  two[Symbol.dispose]()
  assert.equal(fake.closed.length, 1)
  using three = new DrmBuffer(handles, buffer)
  node.close()
  assert.equal(
    thrownCode(() => three.handle),
    'EBADF',
  )
  assert.equal(openFds().length, before)
})
