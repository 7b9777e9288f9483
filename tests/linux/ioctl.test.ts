// Goal: a call to a driver that fails throws, on this thread and from another.
// Method: requests that no driver here knows.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ioctl, ioctlOnThread } from '#src/linux/ioctl.js'
import { openNode } from '#src/linux/open-node.js'
import { DMA_BUF_IOCTL_SYNC, encodeSync } from '#src/uapi/dma-buf.js'

const PURPOSE = { operation: 'test', message: () => 'Cannot do this' }

test('ioctl throws what the driver says', () => {
  using node = openNode('/dev/null')
  const expected = { code: 'ENOTTY', operation: 'test', message: 'ENOTTY: Cannot do this' }
  assert.throws(() => ioctl(node, DMA_BUF_IOCTL_SYNC, encodeSync(0n), PURPOSE), expected)
})

test('ioctlOnThread rejects with it, also where the descriptor is closed meanwhile', async () => {
  const node = openNode('/dev/null')
  const call = ioctlOnThread(node, DMA_BUF_IOCTL_SYNC, encodeSync(0n), PURPOSE)
  node.close()
  await assert.rejects(call, { code: 'ENOTTY', operation: 'test' })
  const late = ioctlOnThread(node, DMA_BUF_IOCTL_SYNC, encodeSync(0n), PURPOSE)
  await assert.rejects(late, { code: 'EBADF' })
})
