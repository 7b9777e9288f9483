// Goal: what opening says on Linux, where our emulation has no files to open.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { errnoName } from '#src/core/errors.js'
import { openHeap } from '#src/linux/index.js'
import { native } from '#src/linux/native.js'
import { fdOf } from '#src/linux/memory-of-fd.js'
import { DMA_BUF_IOCTL_SYNC, encodeSync } from '#src/uapi/dma-buf.js'
import { O_PATH, O_RDWR, SEEK_END } from '#src/uapi/file.js'

/** The error of opening; `none`, and closed again. */
function openError(path: string, flags = O_RDWR): string {
  const fd = native().openFile(path, flags)
  if (fd < 0) return errnoName(-fd)
  native().close(fd)
  return 'none'
}

void test('A node whose number no heap has is ENXIO; a name that no heap has is ENOENT [HEAP-4]', () => {
  const folder = mkdtempSync(join(tmpdir(), 'nodes-'))
  const { rdev } = statSync('/dev/dma_heap/system')
  const major = String((rdev >> 8) & 0xfff)
  try {
    for (const minor of ['77', '127', '200']) {
      const path = join(folder, minor)
      execFileSync('mknod', [path, 'c', major, minor])
      assert.equal(openError(path), 'ENXIO', minor)
    }
    const own = join(folder, 'own')
    execFileSync('mknod', [own, 'c', major, String(rdev & 0xff)])
    assert.equal(openError(own), 'none')
    assert.equal(openError('/dev/dma_heap/nobody'), 'ENOENT')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

void test('A buffer is not opened again by its path; named only (O_PATH) it counts as closed [BUF-17]', () => {
  using heap = openHeap({ need: 'device' })
  using buffer = heap.allocate(4096)
  const path = `/proc/self/fd/${fdOf(buffer, 'test').number}`
  assert.equal(openError(path), 'ENXIO')
  const named = native().openFile(path, O_PATH)
  assert.ok(named >= 0)
  const codes = [
    native().ioctl(named, DMA_BUF_IOCTL_SYNC, encodeSync(3n)),
    native().seek(named, 0, SEEK_END),
  ]
  native().close(named)
  assert.deepEqual(
    codes.map((code) => errnoName(-code)),
    ['EBADF', 'EBADF'],
  )
})
