// Goal: names are what the kernel takes, counted in bytes.
// Method: names on both sides of the limit, in characters of one to four bytes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkName } from '#src/core/buffer/buffer-name.js'
import { signalFence } from '#src/core/fence/fence.js'
import { BufferRig } from '../../helpers/buffer-rig.js'
import { exportFake, FakeExporter, fakeBuffer } from '../../helpers/fake-exporter.js'

const RIGHT = [
  '',
  'x',
  'x'.repeat(31),
  'é'.repeat(15),
  '€'.repeat(10),
  '🙂'.repeat(7) + 'abc',
  '\x7f'.repeat(31),
  '\u07ff'.repeat(15),
  '\uffff'.repeat(10),
]
const WRONG = [
  'x'.repeat(32),
  'é'.repeat(16),
  '€'.repeat(11),
  '🙂'.repeat(8),
  'a\0',
  '\x80'.repeat(16),
  '\u0800'.repeat(11),
  '\u{10000}'.repeat(8),
]

test('checkName takes 0 to 31 bytes of UTF-8 without NUL [BUF-52]', () => {
  for (const name of RIGHT) checkName(name, 'test')
  for (const name of WRONG)
    assert.throws(() => checkName(name, 'test'), {
      code: 'EINVAL',
      operation: 'test',
      rule: 'BUF-52',
    })
  for (const name of [5, null, undefined])
    assert.throws(() => checkName(name as unknown as string, 'test'), TypeError)
})

test('DmaBuf.setName and exportBuffer refuse what is no name, which changes nothing [BUF-52]', () => {
  const { buffer: named } = fakeBuffer()
  using buffer = named
  for (const name of RIGHT) {
    buffer.setName(name)
    assert.equal(buffer.name, name)
    exportFake(new FakeExporter(1), { name }).close()
  }
  for (const name of WRONG) {
    assert.throws(() => buffer.setName(name), { code: 'EINVAL', operation: 'setName' })
    assert.throws(() => exportFake(new FakeExporter(1), { name }), {
      code: 'EINVAL',
      operation: 'exportBuffer',
    })
  }
  assert.equal(buffer.name, RIGHT.at(-1))
})

test('DmaBuf.setName renames at any time, also to nothing, with a device attached and an access open [BUF-53]', async () => {
  using rig = new BufferRig()
  const attachment = await rig.buffer.attach({ name: 'gpu' })
  using access = rig.buffer.tryBeginCpuAccess('write')
  assert.ok(access)
  for (const name of ['frame', '', 'frame-2']) {
    rig.buffer.setName(name)
    assert.equal(rig.buffer.name, name)
  }
  await attachment.detach()
})

test('DmaBuf.name is told at once where nobody may wait: in a fence callback, with the lock held [BUF-54]', () => {
  using rig = new BufferRig({ info: { name: 'frame' } })
  const fence = rig.fences.fence()
  const names: unknown[] = []
  fence.addCallback(() => names.push(rig.buffer.name))
  using _held = rig.buffer.reservation.tryLock()
  rig.buffer.setName('locked')
  signalFence(fence)
  assert.deepEqual(names, ['locked'])
})
