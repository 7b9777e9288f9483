// Goal: a file of debugfs that cannot be opened has the reason that holds on that machine.
// Method: machines in folders, and the errors that opening would give.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { explainDebugfs } from '#src/linux/probe/debugfs.js'
import { ANA, fakeMachine } from '../../helpers/fake-machine.js'

const file = { name: 'sw_sync', path: '/sys/kernel/debug/sync/sw_sync', option: 'CONFIG_SW_SYNC' }

test('explainDebugfs: a kernel without the option needs another kernel, whatever the error', () => {
  using machine = fakeMachine({ '/proc/config.gz': gzipSync('CONFIG_OTHER=y\n') })
  for (const code of ['ENOENT', 'EACCES']) {
    const { reason, fix } = explainDebugfs(file, code, machine.look())
    assert.match(reason ?? '', /built without CONFIG_SW_SYNC/)
    assert.match(fix ?? '', /boot a kernel that was built with CONFIG_SW_SYNC/)
  }
})

test('explainDebugfs: an ordinary user is told to be root, root that debugfs is locked', () => {
  using machine = fakeMachine()
  assert.match(explainDebugfs(file, 'EACCES', machine.look({ user: ANA })).fix ?? '', /sudo/)
  const locked = explainDebugfs(file, 'EPERM', machine.look())
  assert.match(locked.reason ?? '', /locked/)
  assert.equal(locked.fix, undefined)
})

test('explainDebugfs: an empty folder is mounted, in a container from outside', () => {
  using machine = fakeMachine()
  const { reason, fix } = explainDebugfs(file, 'ENOENT', machine.look())
  assert.match(reason ?? '', /not mounted$/)
  assert.equal(fix, 'sudo mount -t debugfs none /sys/kernel/debug')
  using docker = fakeMachine({ '/.dockerenv': '' })
  assert.match(explainDebugfs(file, 'ENOENT', docker.look()).fix ?? '', /docker run -v/)
})

test('explainDebugfs: where other files are there, the kernel lacks this one', () => {
  using machine = fakeMachine({ '/sys/kernel/debug/dma_buf/bufinfo': '' })
  const { reason, fix } = explainDebugfs(file, 'ENOENT', machine.look())
  assert.match(reason ?? '', /no \/sys\/kernel\/debug\/sync\/sw_sync/)
  assert.match(fix ?? '', /CONFIG_SW_SYNC/)
})

test('explainDebugfs names an error that it does not know', () => {
  using machine = fakeMachine()
  assert.match(explainDebugfs(file, 'EIO', machine.look()).reason ?? '', /EIO/)
})
