// Goal: what Debian's kernel leaves out works as well, where a kernel has it: npm run test:kernel -- --custom.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { BufferDirectory } from '#src/core/statistics/buffer-directory.js'
import { openHeap } from '#src/linux/index.js'
import { heapCases } from '#src/testing/index.js'
import { attached, openDriver } from '../helpers/drm.js'

const CMA_HEAP = 'reserved'
const STATISTICS = '/sys/kernel/dmabuf/buffers'
const noCma = existsSync(`/dev/dma_heap/${CMA_HEAP}`) ? false : 'this kernel has no CMA heap'
const noStatistics = existsSync(STATISTICS) ? false : 'this kernel has no statistics in sysfs'

for (const { name, run } of heapCases)
  void test(`CMA heap: ${name} [HEAP-18]`, { skip: noCma }, async () => {
    using heap = openHeap({ need: 'device', name: CMA_HEAP })
    assert.equal(heap.name, CMA_HEAP)
    await run(heap)
  })

void test(
  'What the area of a CMA heap has no room for is ENOMEM, and kills nobody',
  { skip: noCma },
  () => {
    using heap = openHeap({ need: 'device', name: CMA_HEAP, maxLengthBytes: 2 ** 40 })
    assert.throws(() => heap.allocate(1 << 30), { code: 'ENOMEM' })
    using buffer = heap.allocate(1 << 20)
    assert.equal(buffer.exporterName, CMA_HEAP)
  },
)

// A mount namespace of its own, in which /dev/dma_heap has this heap only.
const ONLY_CMA = `
  id=$(stat -c '%Hr %Lr' /dev/dma_heap/${CMA_HEAP})
  mount -t tmpfs heaps /dev/dma_heap && mknod /dev/dma_heap/${CMA_HEAP} c $id && exec "$@"`

void test(
  'Where a CMA heap is the only one it is taken for devices [HEAP-18]',
  { skip: noCma },
  () => {
    const program = `
    import { openHeap } from '${import.meta.resolve('#src/linux/index.js')}'
    const heap = openHeap({ need: 'device' })
    const buffer = heap.allocate(1)
    console.log(heap.kind, heap.name, buffer.exporterName, heap.losses[0])`
    const node = [process.execPath, '--input-type=module', '-e', program]
    const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', ONLY_CMA, 'sh', ...node], {
      encoding: 'utf8',
    })
    assert.match(stdout, /^dma-heap reserved reserved It is limited to an area/, stderr)
  },
)

/** What the kernel says of all its buffers, by inode: exporter and size. */
function kernelsBuffers(): ReadonlyMap<string, string> {
  const read = (inode: string, fact: string): string =>
    readFileSync(`${STATISTICS}/${inode}/${fact}`, 'utf8')
  const inodes = readdirSync(STATISTICS)
  return new Map(inodes.map((inode) => [inode, read(inode, 'exporter_name') + read(inode, 'size')]))
}

void test(
  'sysfs says of each buffer what we say, until it is closed [STAT-1, STAT-2, STAT-3]',
  { skip: noStatistics },
  () => {
    using ours = new BufferDirectory()
    const before = kernelsBuffers()
    const heaps = [
      openHeap({ need: 'device', name: 'system' }),
      openHeap({ need: 'device', name: CMA_HEAP }),
      openHeap({ need: 'device', kinds: ['udmabuf'] }),
    ]
    using device = openDriver('vgem')
    const buffers = [
      ...heaps.map((heap, index) => heap.allocate((index + 1) * 4096)),
      device.createDumb({ width: 100, height: 100 }).buffer,
    ]
    const imported = device.import(buffers[0]!)
    const now = kernelsBuffers()
    assert.equal(now.size, before.size + buffers.length)
    for (const { inode } of buffers) {
      const said = ours.open(inode, 'exporter_name')() + ours.open(inode, 'size')()
      assert.equal(now.get(String(inode)), said)
      // Not even an importer shows there: only debugfs knows who is attached.
      assert.deepEqual(readdirSync(`${STATISTICS}/${inode}`).sort(), ['exporter_name', 'size'])
    }
    assert.deepEqual(attached(buffers[0]!), ['vgem'])
    imported.close()
    for (const closeable of [...buffers, ...heaps]) closeable.close()
    assert.deepEqual(kernelsBuffers(), before)
    for (const { inode } of buffers)
      assert.throws(() => ours.open(inode, 'size'), { code: 'ENOENT' })
  },
)
