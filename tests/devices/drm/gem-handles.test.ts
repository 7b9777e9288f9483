// Goal: a handle that a device gives twice is closed once, by the last.
// Method: a driver that gives the same handle for the same memory, as the kernel does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DrmNode } from '#src/devices/drm/drm-node.js'
import { GemHandles } from '#src/devices/drm/gem-handles.js'
import { createMemfd } from '#src/linux/memfd.js'
import { thrownCode } from '../../helpers/error-code.js'
import { FAKE_NODE, FakeDrm } from '../../helpers/fake-drm.js'

test('GemHandles closes a handle with the last import of it, and no other', () => {
  using fake = new FakeDrm()
  using node = new DrmNode(FAKE_NODE)
  const handles = new GemHandles(node)
  using one = createMemfd('one', 4096)
  using two = createMemfd('two', 4096)
  const first = handles.import(one)
  assert.equal(handles.import(one), first)
  const other = handles.import(two)
  assert.notEqual(other, first)
  handles.release(first)
  assert.deepEqual(fake.closed, [])
  handles.release(first)
  assert.deepEqual(fake.closed, [first])
  // What was given back is not ours any more: the device may use the number again.
  handles.release(first)
  assert.deepEqual(fake.closed, [first])
  handles.release(other)
  assert.deepEqual(fake.closed, [first, other])
})

test('GemHandles.export gives a descriptor, and refuses what the driver does', () => {
  using _fake = new FakeDrm()
  using node = new DrmNode(FAKE_NODE)
  const handles = new GemHandles(node)
  using memory = createMemfd('one', 4096)
  using fd = handles.export(handles.import(memory))
  assert.ok(fd.number > 0)
  assert.equal(
    thrownCode(() => handles.export(99)),
    'EINVAL',
  )
})

test('GemHandles.release asks no closed device', () => {
  using fake = new FakeDrm()
  const node = new DrmNode(FAKE_NODE)
  const handles = new GemHandles(node)
  using memory = createMemfd('one', 4096)
  const handle = handles.import(memory)
  node.close()
  handles.release(handle)
  assert.deepEqual(fake.closed, [])
})
