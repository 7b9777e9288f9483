// Goal: a buffer behind a descriptor does what the kernel's file does, each cause of failure in its order.
// Method: fake exporters that note their calls; each row of an order breaks its own check and all later ones.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { DmaBufError } from '#src/core/errors.js'
import { signalFence } from '#src/core/fence/fence.js'
import { DescriptorTable } from '#src/syscalls/descriptor-table.js'
import { bufferOfDescriptor, descriptorForBuffer } from '#src/syscalls/open-buffer.js'
import { OpenFile } from '#src/syscalls/open-file.js'
import * as uapi from '#src/uapi/dma-buf.js'
import {
  O_CLOEXEC,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_WRONLY,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
} from '#src/uapi/file.js'
import { IOC_NONE, ioctlCommand } from '#src/uapi/ioctl.js'
import { errorCode, thrownCode } from '../helpers/error-code.js'
import { fakeBuffer } from '../helpers/fake-exporter.js'
import { addFence, countOf, gpuFence, openBuffer } from '../helpers/open-buffers.js'
import { Program } from '../helpers/program.js'
import { BAD_ADDRESS } from '../helpers/user-memory.js'

async function sync(program: Program, fd: number, flags: bigint): Promise<void> {
  await program.ioctl(fd, uapi.DMA_BUF_IOCTL_SYNC, uapi.encodeSync(flags))
}

function stringAt(program: Program, text: string): bigint {
  return program.memory.map(new TextEncoder().encode(text))
}

test('descriptorForBuffer moves the handle’s reference: closing the descriptor releases [BUF-15, MIS-1]', () => {
  using table = new DescriptorTable()
  const { buffer, exporter } = fakeBuffer()
  const fd = descriptorForBuffer(table, buffer, O_CLOEXEC)
  assert.deepEqual([buffer.closed, exporter.released], [true, false])
  table.close(fd)
  assert.equal(exporter.released, true)
})

test('descriptorForBuffer takes nothing of its flags but O_CLOEXEC [BUF-15]', () => {
  using table = new DescriptorTable()
  const marked = descriptorForBuffer(table, fakeBuffer().buffer, O_CLOEXEC)
  const plain = descriptorForBuffer(table, fakeBuffer().buffer, O_NONBLOCK | O_WRONLY)
  assert.deepEqual([table.closeOnExec(marked), table.closeOnExec(plain)], [true, false])
  assert.equal(table.file(plain).flags, O_RDWR)
})

test('descriptorForBuffer is EINVAL without a buffer, also into a full table [BUF-15]', () => {
  using full = new DescriptorTable({ limit: 0 })
  assert.equal(
    thrownCode(() => descriptorForBuffer(full, null)),
    'EINVAL',
  )
  using table = new DescriptorTable()
  for (const nothing of [null, undefined])
    assert.equal(
      thrownCode(() => descriptorForBuffer(table, nothing)),
      'EINVAL',
    )
  assert.equal(table.takenCount, 0)
})

test('descriptorForBuffer of a handle that was moved is EBADF, and takes no number', () => {
  using table = new DescriptorTable()
  const { buffer } = fakeBuffer()
  descriptorForBuffer(table, buffer)
  assert.equal(
    thrownCode(() => descriptorForBuffer(table, buffer)),
    'EBADF',
  )
  assert.equal(table.takenCount, 1)
})

test('descriptorForBuffer leaves the handle its owner’s where the table is full [BUF-15, BUF-16]', () => {
  using table = new DescriptorTable({ limit: 0 })
  const { buffer, exporter } = fakeBuffer()
  assert.equal(
    thrownCode(() => descriptorForBuffer(table, buffer)),
    'EMFILE',
  )
  assert.deepEqual([buffer.closed, exporter.released], [false, false])
  buffer.close()
  assert.equal(exporter.released, true)
})

test('A second descriptor needs a second handle first [BUF-18]', () => {
  using table = new DescriptorTable()
  const { buffer, exporter } = fakeBuffer()
  const copy = buffer.dup()
  table.close(descriptorForBuffer(table, buffer))
  assert.equal(exporter.released, false)
  table.close(descriptorForBuffer(table, copy))
  assert.equal(exporter.released, true)
})

test('bufferOfDescriptor is the same buffer, one reference more [BUF-17]', () => {
  using program = new Program()
  const { fd, exporter, file } = openBuffer(program)
  const handle = bufferOfDescriptor(program.table, fd)
  assert.equal(handle.inode, file.fstat().inode)
  program.table.close(fd)
  assert.equal(exporter.released, false)
  handle.close()
  assert.equal(exporter.released, true)
})

test('bufferOfDescriptor is EBADF where nothing is open, O_PATH included, EINVAL for another file [BUF-17]', () => {
  class PathFile extends OpenFile {
    protected override release(): void {}
  }
  using program = new Program()
  for (const fd of [0, -1, 99])
    assert.equal(
      thrownCode(() => bufferOfDescriptor(program.table, fd)),
      'EBADF',
    )
  const path = program.table.open(new PathFile(O_PATH))
  assert.equal(
    thrownCode(() => bufferOfDescriptor(program.table, path)),
    'EBADF',
  )
  const timeline = program.openTimeline()
  assert.equal(
    thrownCode(() => bufferOfDescriptor(program.table, timeline)),
    'EINVAL',
  )
})

test('A buffer goes from one program to another by its descriptor [BUF-17, BUF-20]', () => {
  using sender = new Program()
  using receiver = new Program()
  const { fd, exporter } = openBuffer(sender)
  const received = sender.table.pass(fd, receiver.table)
  sender.table.close(fd)
  using handle = bufferOfDescriptor(receiver.table, received)
  receiver.table.close(received)
  assert.equal(exporter.released, false)
  assert.equal(handle.lengthBytes, 8192)
})

const seeks = [
  { whence: SEEK_END, offset: 0n, result: 5000n },
  { whence: SEEK_SET, offset: 0n, result: 0n },
  { whence: SEEK_CUR, offset: 0n, rule: 'Whence' },
  { whence: 3, offset: 0n, rule: 'Whence' },
  { whence: -1, offset: 1n, rule: 'Whence' },
  { whence: SEEK_SET, offset: 1n, rule: 'Offset' },
  { whence: SEEK_END, offset: -1n, rule: 'Offset' },
]
for (const { whence, offset, result, rule } of seeks)
  test(`lseek(${offset}, ${whence}) is ${result ?? `EINVAL for its ${rule}`} [BUF-28]`, () => {
    using program = new Program()
    const { file } = openBuffer(program, { lengthBytes: 5000 })
    if (result !== undefined) assert.equal(file.lseek(offset, whence), result)
    else
      assert.throws(() => file.lseek(offset, whence), { code: 'EINVAL', message: new RegExp(rule) })
  })

test('lseek never moves the position that fdinfo shows [BUF-29]', () => {
  using program = new Program()
  const { file } = openBuffer(program)
  file.lseek(0n, SEEK_END)
  assert.match(file.fdinfo({ closeOnExec: false, mountId: 1 }), /^pos:\t0\n/)
})

const modes = [
  { flags: O_RDONLY, read: 'EINVAL', write: 'EBADF' },
  { flags: O_WRONLY, read: 'EBADF', write: 'EINVAL' },
  { flags: O_RDWR, read: 'EINVAL', write: 'EINVAL' },
]
for (const { flags, read, write } of modes)
  test(`read and write of a buffer with mode ${flags} are ${read} and ${write} [BUF-30]`, () => {
    using program = new Program()
    const { file } = openBuffer(program, { flags })
    assert.deepEqual([thrownCode(() => file.read()), thrownCode(() => file.write())], [read, write])
  })

test('fstat and statfs of a buffer [BUF-14]', () => {
  using program = new Program()
  const { file } = openBuffer(program, { lengthBytes: 5000 })
  const { inode } = file.fstat()
  assert.deepEqual(file.fstat(), { inode, sizeBytes: 5000, blockCount: 9, mode: 0o600 })
  assert.ok(inode > 0n)
  assert.deepEqual(file.statfs(), { type: 0x444d4142, name: 'dmabuf' })
})

test('The path of a buffer is its name behind /dmabuf: [BUF-14]', async () => {
  using program = new Program()
  const { fd, file } = openBuffer(program)
  assert.equal(file.path, '/dmabuf:')
  await program.ioctlAt(fd, uapi.DMA_BUF_SET_NAME_B, stringAt(program, 'frame\0'))
  assert.equal(file.path, '/dmabuf:frame')
})

const syncs = [
  { flags: 1n, calls: ['begin from-device'] },
  { flags: 2n, calls: ['begin to-device'] },
  { flags: 3n, calls: ['begin bidirectional'] },
  { flags: 5n, calls: ['end from-device'] },
  { flags: 6n, calls: ['end to-device'] },
  { flags: 7n, calls: ['end bidirectional'] },
]
for (const { flags, calls } of syncs)
  test(`SYNC ${flags} reaches the exporter as ${calls.join()}, paired or not [BUF-50, EX-19, PROP-10]`, async () => {
    using program = new Program()
    const { fd, exporter } = openBuffer(program, { begin: () => {} })
    await sync(program, fd, flags)
    await sync(program, fd, flags)
    assert.deepEqual(exporter.calls, [...calls, ...calls])
  })

for (const flags of [0n, 4n, 8n, 9n, 1n << 63n, (1n << 63n) | 3n])
  test(`SYNC ${flags} is EINVAL and reaches nobody [BUF-49, EX-19, PROP-3]`, async () => {
    using program = new Program()
    const { fd, exporter } = openBuffer(program, { begin: () => {} })
    assert.equal(await errorCode(() => sync(program, fd, flags)), 'EINVAL')
    assert.deepEqual(exporter.calls, [])
  })

test('SYNC with a bad pointer is EFAULT [BUF-49]', async () => {
  using program = new Program()
  const { fd, exporter } = openBuffer(program, { begin: () => {} })
  assert.equal(await program.refused(fd, uapi.DMA_BUF_IOCTL_SYNC, BAD_ADDRESS), 'EFAULT')
  assert.deepEqual(exporter.calls, [])
})

test('SYNC passes what the exporter says on, at both ends [BUF-50]', async () => {
  using program = new Program()
  const fail = (code: string) => () => {
    throw new DmaBufError(code, 'exporter', 'Not now')
  }
  const { fd, file } = openBuffer(program, { begin: fail('EIO'), end: fail('EAGAIN') })
  assert.equal(await errorCode(() => sync(program, fd, 1n)), 'EIO')
  assert.equal(await errorCode(() => sync(program, fd, 5n)), 'EAGAIN')
  assert.equal(countOf(file), 1)
})

test('SYNC START tells what the exporter says before it tells of a signal, and bad flags before both [BUF-49, BUF-50, BUF-51]', async () => {
  using program = new Program({ signal: AbortSignal.abort('enough') })
  let isBroken = true
  const { fd } = openBuffer(program, {
    begin: () => {
      if (isBroken) throw new DmaBufError('EIO', 'exporter', 'Gone')
    },
  })
  const fence = gpuFence()
  await addFence(program, fd, fence, 'write')
  assert.equal(await program.refused(fd, uapi.DMA_BUF_IOCTL_SYNC, BAD_ADDRESS), 'EFAULT')
  assert.equal(await errorCode(() => sync(program, fd, 8n)), 'EINVAL')
  assert.equal(await errorCode(() => sync(program, fd, 1n)), 'EIO')
  isBroken = false
  assert.equal(await errorCode(() => sync(program, fd, 1n)), 'EINTR')
  assert.equal(await errorCode(() => sync(program, fd, 5n)), 'none', 'an end never waits')
  signalFence(fence)
})

test('SYNC START waits for what is pending, and a signal ends the wait with EINTR [BUF-51, CPU-3, C-1]', async () => {
  const controller = new AbortController()
  using program = new Program({ signal: controller.signal })
  const { fd, exporter, file } = openBuffer(program, { begin: () => {} })
  const fence = gpuFence()
  await addFence(program, fd, fence, 'write')
  const waiting = sync(program, fd, 1n)
  await new Promise((resolve) => setImmediate(resolve))
  controller.abort('enough')
  await assert.rejects(
    waiting,
    (error) => DmaBufError.is(error, 'EINTR') && error.cause === 'enough',
  )
  assert.deepEqual(exporter.calls, ['begin from-device'])
  assert.equal(countOf(file), 1)
  signalFence(fence)
})

test('SYNC START ends when the fence signals; closing the descriptor meanwhile changes nothing [CPU-2]', async () => {
  using program = new Program()
  const { fd, exporter } = openBuffer(program)
  const fence = gpuFence()
  await addFence(program, fd, fence, 'read')
  await sync(program, fd, 1n)
  const waiting = sync(program, fd, 2n)
  program.table.close(fd)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(exporter.released, false)
  signalFence(fence)
  await waiting
  assert.equal(exporter.released, true)
})

for (const command of [uapi.DMA_BUF_SET_NAME_A, uapi.DMA_BUF_SET_NAME_B])
  test(`SET_NAME 0x${command.toString(16)} replaces the name, at any time [BUF-52, BUF-53, BUF-60]`, async () => {
    using program = new Program()
    const { fd } = openBuffer(program)
    using handle = bufferOfDescriptor(program.table, fd)
    using _attachment = await handle
      .attach({ name: 'gpu0' })
      .then((attachment) => ({ [Symbol.dispose]: () => void attachment.detach() }))
    for (const name of ['frame', 'x'.repeat(31), '']) {
      await program.ioctlAt(fd, command, stringAt(program, `${name}\0`))
      assert.equal(handle.name, name)
    }
  })

test('SET_NAME fails with EFAULT, then EINVAL for 32 bytes, and keeps the old name [BUF-52]', async () => {
  using program = new Program()
  const { fd, file } = openBuffer(program)
  const command = uapi.DMA_BUF_SET_NAME_B
  await program.ioctlAt(fd, command, stringAt(program, 'old\0'))
  assert.equal(await program.refused(fd, command, BAD_ADDRESS), 'EFAULT')
  assert.equal(await program.refused(fd, command, stringAt(program, 'x'.repeat(31))), 'EFAULT')
  assert.equal(await program.refused(fd, command, stringAt(program, 'x'.repeat(32))), 'EINVAL')
  assert.equal(
    await program.refused(fd, command, stringAt(program, `${'x'.repeat(32)}\0`)),
    'EINVAL',
  )
  assert.equal(file.path, '/dmabuf:old')
})

test('SET_NAME without memory is ENOMEM, after EFAULT and EINVAL, and keeps the old name [BUF-52]', async () => {
  using program = new Program()
  const { fd, file } = openBuffer(program)
  const command = uapi.DMA_BUF_SET_NAME_B
  using _debug = setDebug({ failAllocations: true })
  assert.equal(await program.refused(fd, command, BAD_ADDRESS), 'EFAULT')
  assert.equal(await program.refused(fd, command, stringAt(program, 'x'.repeat(32))), 'EINVAL')
  assert.equal(await program.refused(fd, command, stringAt(program, 'new\0')), 'ENOMEM')
  assert.equal(file.path, '/dmabuf:')
})

const unknown = [
  {
    name: 'Z 0',
    command: ioctlCommand({ direction: IOC_NONE, magic: 'Z', number: 0, sizeBytes: 0 }),
  },
  {
    name: 'Z 1',
    command: ioctlCommand({ direction: IOC_NONE, magic: 'Z', number: 1, sizeBytes: 0 }),
  },
  { name: 'SYNC without its direction', command: uapi.DMA_BUF_IOCTL_SYNC & 0x3fffffff },
  { name: 'SYNC of another size', command: uapi.DMA_BUF_IOCTL_SYNC + (8 << 16) },
  { name: 'SET_NAME of another size', command: uapi.DMA_BUF_SET_NAME_B + (8 << 16) },
  {
    name: 'number 4',
    command: ioctlCommand({ direction: 1, magic: 'b', number: 4, sizeBytes: 8 }),
  },
]
for (const { name, command } of unknown)
  test(`ioctl ${name} on a buffer is ENOTTY [PROP-1, PROP-2, MIS-14]`, async () => {
    using program = new Program()
    const { fd } = openBuffer(program)
    for (const argument of [stringAt(program, '\0'.repeat(32)), BAD_ADDRESS])
      assert.equal(await program.refused(fd, command, argument), 'ENOTTY')
  })

test('fdinfo has its lines in order, the name last and only where there is one [BUF-61]', async () => {
  using program = new Program()
  const { fd, file } = openBuffer(program, { flags: O_RDWR | O_NONBLOCK | O_CLOEXEC })
  const { inode } = file.fstat()
  const text = `pos:\t0
flags:\t04002
mnt_id:\t15
ino:\t${inode}
size:\t8192
count:\t1
exp_name:\tfake
`
  assert.equal(file.fdinfo({ closeOnExec: false, mountId: 15 }), text)
  await program.ioctlAt(fd, uapi.DMA_BUF_SET_NAME_B, stringAt(program, '\0'))
  assert.equal(file.fdinfo({ closeOnExec: false, mountId: 15 }), `${text}name:\t\n`)
})

test('fdinfo writes the flags in octal with a 0 before them, close-on-exec included [BUF-9, BUF-61]', () => {
  using program = new Program()
  const { file } = openBuffer(program, { flags: O_RDONLY | O_CLOEXEC })
  assert.match(file.fdinfo({ closeOnExec: false, mountId: 1 }), /^flags:\t00$/m)
  assert.match(file.fdinfo({ closeOnExec: true, mountId: 1 }), /^flags:\t02000000$/m)
})

test('count is 1 for one descriptor; dup, pass and handles add one each, attaching none [BUF-62]', async () => {
  using program = new Program()
  using other = new Program()
  const { fd, file } = openBuffer(program)
  const counts = [countOf(file)]
  program.table.dup(fd)
  counts.push(countOf(file))
  program.table.pass(fd, other.table)
  counts.push(countOf(file))
  using handle = bufferOfDescriptor(program.table, fd)
  counts.push(countOf(file))
  const attachment = await handle.attach({ name: 'gpu0' })
  counts.push(countOf(file))
  await attachment.detach()
  program.table.close(fd)
  counts.push(countOf(file))
  assert.deepEqual(counts, [1, 2, 3, 4, 4, 3])
})

test('fdinfo and path answer while the lock is held and inside a fence callback [BUF-54]', async () => {
  using program = new Program()
  const { fd, file } = openBuffer(program)
  await program.ioctlAt(fd, uapi.DMA_BUF_SET_NAME_B, stringAt(program, 'frame\0'))
  const seen: string[] = []
  const fence = gpuFence()
  fence.addCallback(() => seen.push(file.path, file.fdinfo({ closeOnExec: false, mountId: 1 })))
  {
    using handle = file.handle()
    using _held = await handle.reservation.lock()
    signalFence(fence)
  }
  assert.equal(seen[0], '/dmabuf:frame')
  assert.match(seen[1]!, /name:\tframe\n$/)
})
