// Goal: numbers and layouts of linux/dma-buf.h.
// Method: whole numbers from the specification, and the C compiler's view of the system's header.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as uapi from '#src/uapi/dma-buf.js'
import { assertLayout, offsetsOf, uapiLayout } from '../helpers/uapi-layout.js'

test('The ioctl numbers of a buffer are those of every Linux', () => {
  assert.equal(uapi.DMA_BUF_IOCTL_SYNC, 0x40086200)
  assert.equal(uapi.DMA_BUF_SET_NAME_A, 0x40046201)
  assert.equal(uapi.DMA_BUF_SET_NAME_B, 0x40086201)
  assert.equal(uapi.DMA_BUF_IOCTL_EXPORT_SYNC_FILE, 0xc0086202)
  assert.equal(uapi.DMA_BUF_IOCTL_IMPORT_SYNC_FILE, 0x40086203)
})

test('DMA_BUF_MAGIC spells DMAB [BUF-14]', () => {
  const letters = [24, 16, 8, 0].map((shift) => (uapi.DMA_BUF_MAGIC >>> shift) & 0xff)
  assert.equal(String.fromCharCode(...letters), 'DMAB')
})

test('Numbers and layouts are those of linux/dma-buf.h', (t) => {
  const layout = uapiLayout(t)
  if (layout === undefined) return
  const newer = {
    DMA_BUF_IOCTL_EXPORT_SYNC_FILE: uapi.DMA_BUF_IOCTL_EXPORT_SYNC_FILE,
    DMA_BUF_IOCTL_IMPORT_SYNC_FILE: uapi.DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
    dma_buf_export_sync_file: uapi.DMA_BUF_SYNC_FILE_BYTES,
    dma_buf_import_sync_file: uapi.DMA_BUF_SYNC_FILE_BYTES,
  }
  assertLayout(layout, newer, Object.keys(newer))
  assertLayout(layout, {
    DMA_BUF_SYNC_READ: uapi.DMA_BUF_SYNC_READ,
    DMA_BUF_SYNC_WRITE: uapi.DMA_BUF_SYNC_WRITE,
    DMA_BUF_SYNC_RW: uapi.DMA_BUF_SYNC_RW,
    DMA_BUF_SYNC_START: uapi.DMA_BUF_SYNC_START,
    DMA_BUF_SYNC_END: uapi.DMA_BUF_SYNC_END,
    DMA_BUF_SYNC_VALID_FLAGS_MASK: uapi.DMA_BUF_SYNC_VALID_FLAGS_MASK,
    DMA_BUF_NAME_LEN: uapi.DMA_BUF_NAME_LEN,
    DMA_BUF_IOCTL_SYNC: uapi.DMA_BUF_IOCTL_SYNC,
    DMA_BUF_SET_NAME_A: uapi.DMA_BUF_SET_NAME_A,
    DMA_BUF_SET_NAME_B: uapi.DMA_BUF_SET_NAME_B,
    dma_buf_sync: uapi.DMA_BUF_SYNC_BYTES,
  })
  const { flags, fd } = offsetsOf(uapi.encodeSyncFileArgument, { flags: 0, fd: 0 })
  const placed = {
    'dma_buf_export_sync_file.flags': flags,
    'dma_buf_export_sync_file.fd': fd,
    'dma_buf_import_sync_file.flags': flags,
    'dma_buf_import_sync_file.fd': fd,
  }
  assertLayout(layout, placed, Object.keys(placed))
})

test('encodeSync and decodeSync keep all 64 bits', () => {
  assert.equal(uapi.decodeSync(uapi.encodeSync((2n ** 63n) | 5n)), (2n ** 63n) | 5n)
})

test('decodeSyncFileArgument returns what was encoded, a negative descriptor too', () => {
  const argument = { flags: 0xffffffff, fd: -1 }
  assert.deepEqual(uapi.decodeSyncFileArgument(uapi.encodeSyncFileArgument(argument)), argument)
})
