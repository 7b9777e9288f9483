// Goal: a device with a display and no hardware (vkms) gives buffers and takes them, as vgem does.
// Method: only the custom kernel has it: npm run test:kernel -- --custom.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DmaBuf } from '#src/core/buffer/buffer.js'
import { openHeap } from '#src/linux/open-heap.js'
import { attached, hasDriver, inodeOf, openDriver } from '../helpers/drm.js'
import { thrownCode } from '../helpers/error-code.js'
import { pendingOf, syncFileOf } from '../helpers/kernel-fences.js'
import { countResources, settled } from '../helpers/leaks.js'

const WITH_VKMS = { skip: hasDriver('vkms') ? false : 'this kernel has no vkms (--custom has)' }
const SIZE = { width: 64, height: 32 }

async function fill(buffer: DmaBuf, value: number): Promise<void> {
  using access = await buffer.beginCpuAccess('write')
  access.bytes.fill(value)
}

async function everyByteIs(buffer: DmaBuf, value: number): Promise<boolean> {
  using access = await buffer.beginCpuAccess('read')
  return access.bytes.every((byte) => byte === value)
}

void test('vkms shares buffers, and has no syncobjs', WITH_VKMS, () => {
  using device = openDriver('vkms')
  const shares = { imports: true, exports: true }
  assert.deepEqual(device.capabilities, { ...shares, syncobj: false, syncobjTimeline: false })
})

void test(
  'A dumb buffer of vkms is an ordinary buffer, which another device imports',
  WITH_VKMS,
  async () => {
    await settled()
    const before = countResources()
    {
      using vkms = openDriver('vkms')
      using vgem = openDriver('vgem')
      const { buffer, pitchBytes, lengthBytes } = vkms.createDumb(SIZE)
      using _buffer = buffer
      assert.deepEqual([pitchBytes, lengthBytes, buffer.exporterName], [256, 8192, 'drm'])
      await fill(buffer, 7)
      using imported = vgem.import(buffer)
      assert.deepEqual(attached(buffer), ['vgem'])
      using back = imported.export()
      assert.equal(inodeOf(back), inodeOf(buffer))
      assert.ok(await everyByteIs(back, 7))
    }
    assert.deepEqual(countResources(), before)
  },
)

void test(
  'vkms imports buffers of a heap and of vgem, and gives them back as they were',
  WITH_VKMS,
  async () => {
    using vkms = openDriver('vkms')
    using vgem = openDriver('vgem')
    using heap = openHeap({ need: 'device', kinds: ['dma-heap'] })
    for (const made of [heap.allocate(8192), vgem.createDumb(SIZE).buffer]) {
      using buffer = made
      await fill(buffer, 9)
      const imported = vkms.import(buffer)
      assert.deepEqual(attached(buffer), ['vkms'])
      using back = imported.export()
      assert.equal(back.inode, buffer.inode)
      assert.ok(await everyByteIs(back, 9))
      imported.close()
      assert.deepEqual(attached(buffer), [])
    }
  },
)

void test(
  'Work of another device on a buffer of vkms is waited for; vkms itself leaves none [BUF-55]',
  WITH_VKMS,
  async () => {
    using vkms = openDriver('vkms')
    using vgem = openDriver('vgem')
    using buffer = vkms.createDumb(SIZE).buffer
    assert.equal(pendingOf(buffer, 'write'), undefined)
    assert.equal(
      thrownCode(() => vkms.attachVgemFence(buffer)),
      'ENOTTY',
    )
    using work = vgem.attachVgemFence(buffer, { write: true })
    using file = syncFileOf(buffer)
    assert.equal(file.fence.driverName, 'vgem')
    assert.equal(buffer.tryBeginCpuAccess('read'), undefined)
    work.signal()
    await file.fence.wait()
    assert.ok(await everyByteIs(buffer, 0))
  },
)
