// Goal: fdinfo of the second buffer of a system, byte for byte.
// Method: a file, and so a process, of its own: inode numbers count from its start.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { descriptorForBuffer, OpenBuffer } from '#src/syscalls/open-buffer.js'
import { DMA_BUF_SET_NAME_B } from '#src/uapi/dma-buf.js'
import { O_CLOEXEC, O_RDWR } from '#src/uapi/file.js'
import { exportFake, FakeExporter } from '../helpers/fake-exporter.js'
import { Program } from '../helpers/program.js'

test('fdinfo of a named 1 MiB buffer of the system heap, byte for byte [EX-1, BUF-61, BUF-62, PORT-12]', async () => {
  using program = new Program()
  const info = { exporterName: 'system', lengthBytes: 1048576, flags: O_RDWR }
  using _first = exportFake(new FakeExporter(0), info)
  const fd = descriptorForBuffer(program.table, exportFake(new FakeExporter(0), info), O_CLOEXEC)
  const file = program.table.file(fd)
  assert(file instanceof OpenBuffer)
  const show = (): string =>
    file.fdinfo({ closeOnExec: program.table.closeOnExec(fd), mountId: 15 })
  const unnamed = `pos:\t0
flags:\t02000002
mnt_id:\t15
ino:\t2
size:\t1048576
count:\t1
exp_name:\tsystem
`
  assert.equal(show(), unnamed)
  const name = program.memory.map(new TextEncoder().encode('frame\0'))
  await program.ioctlAt(fd, DMA_BUF_SET_NAME_B, name)
  assert.equal(show(), `${unnamed}name:\tframe\n`)
  program.table.dup(fd)
  assert.equal(show(), `${unnamed.replace('count:\t1', 'count:\t2')}name:\tframe\n`)
})
