// Goal: the table of buffers reads as the kernel's does, byte for byte.
// Method: buffers of a fake exporter with fences and attachments, compared with text written by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exportBuffer, type DmaBuf } from '#src/core/buffer/buffer.js'
import { allocateContext } from '#src/core/fence/context.js'
import { Fence, signalFence } from '#src/core/fence/fence.js'
import { describeBuffers } from '#src/core/statistics/bufinfo.js'
import { FakeExporter } from '../../helpers/fake-exporter.js'

const HEAD =
  '\nDma-buf Objects:\nsize    \tflags   \tmode    \tcount   \texp_name\tino     \tname\n'

interface Wanted {
  readonly lengthBytes?: number
  readonly inode?: bigint
  readonly name?: string
  readonly flags?: number
}

function exported(wanted: Wanted = {}): DmaBuf {
  const exporter = new FakeExporter(16)
  const common = { exporterName: 'system', lengthBytes: 4096, inode: 2n }
  return exportBuffer({ ...common, ...wanted, ops: exporter, state: exporter })
}

function fenceOf(seqno: number, timelineName = 'job'): Fence {
  return new Fence({ driverName: 'sw_sync', timelineName }, allocateContext(), seqno)
}

async function rowOf(wanted: Wanted): Promise<readonly string[]> {
  using _buffer = exported(wanted)
  const [, , , row = ''] = (await describeBuffers()).split('\n')
  return row.split('\t')
}

test('Without buffers only the frame of the table is left [STAT-6, STAT-8]', async () => {
  assert.equal(await describeBuffers(), `${HEAD}\nTotal 0 objects, 0 bytes\n`)
})

test('A buffer with a writer and two devices is told as the kernel tells it [EX-2, STAT-6, STAT-7, STAT-8, PORT-12]', async () => {
  using buffer = exported({ lengthBytes: 1_048_576, name: 'frame' })
  {
    using held = await buffer.reservation.lock()
    held.reserve(1)
    held.add(fenceOf(5), 'write')
  }
  await using _gpu = await buffer.attach({ name: 'gpu0' })
  await using _display = await buffer.attach({ name: 'disp0' })
  const expected = [
    '01048576\t00000002\t00080007\t00000001\tsystem\t00000002\tframe',
    '\twrite fence:sw_sync job seq 5 unsignalled',
    '\tAttached Devices:',
    '\tdisp0',
    '\tgpu0',
    'Total 2 devices attached',
    '',
    '',
    'Total 1 objects, 1048576 bytes',
    '',
  ]
  assert.equal(await describeBuffers(), HEAD + expected.join('\n'))
})

test('The newest buffer comes first, and bytes are added up [BUF-13, STAT-7]', async () => {
  using _old = exported({ inode: 3n, name: 'old', lengthBytes: 5000 })
  using _new = exported({ inode: 4n, name: 'new', lengthBytes: 123_456_789 })
  const lines = (await describeBuffers()).split('\n')
  const names = lines
    .filter((line) => line.includes('system'))
    .map((line) => line.split('\t').at(-1))
  assert.deepEqual(names, ['new', 'old'])
  assert.equal(lines.at(-2), 'Total 2 objects, 123461789 bytes')
})

test('Mode bits follow the access mode, flags keep O_NONBLOCK [STAT-7, BUF-9]', async () => {
  const modes = [
    [0, '00000000', '00080005'],
    [1, '00000001', '00080006'],
    [2, '00000002', '00080007'],
    [3, '00000003', '00080004'],
    [0o4002, '00000802', '00080007'],
  ] as const
  for (const [flags, ...columns] of modes)
    assert.deepEqual((await rowOf({ flags })).slice(1, 3), columns)
})

test('A buffer without a name is <none>, one with an empty name has an empty one [STAT-7, BUF-53]', async () => {
  assert.equal((await rowOf({})).at(-1), '<none>')
  assert.equal((await rowOf({ name: '' })).at(-1), '')
})

test('The count is of all references, the reader not among them [STAT-7]', async () => {
  using buffer = exported()
  using _second = buffer.dup()
  using _access = buffer.tryBeginCpuAccess('read')
  const [, , , row = ''] = (await describeBuffers()).split('\n')
  assert.equal(row.split('\t')[3], '00000003')
})

test('Fences that keep books are left out, signalled ones are told [STAT-8, RESV-32]', async () => {
  using buffer = exported()
  const done = fenceOf(1, 'done')
  {
    using held = await buffer.reservation.lock()
    held.reserve(3)
    held.add(fenceOf(2, 'books'), 'bookkeep')
    held.add(fenceOf(3, 'move'), 'kernel')
    held.add(done, 'read')
  }
  signalFence(done)
  const lines = (await describeBuffers()).split('\n').filter((line) => line.includes('fence:'))
  assert.deepEqual(lines, [
    '\tkernel fence:sw_sync move seq 3 unsignalled',
    '\tread fence:sw_sync done seq 1 signalled',
  ])
})

test('A buffer whose lock is held makes the reader wait, and an interrupted one leaves nothing behind [STAT-9]', async () => {
  const exporter = new FakeExporter(16)
  const common = { exporterName: 'system', lengthBytes: 16, ops: exporter, state: exporter }
  const buffer = exportBuffer(common)
  const held = await buffer.reservation.lock()
  await assert.rejects(describeBuffers({ timeoutMs: 1 }), { code: 'ETIMEDOUT' })
  const reading = describeBuffers()
  held.release()
  assert.match(await reading, /Total 1 objects/)
  buffer.close()
  assert.equal(exporter.released, true)
})
