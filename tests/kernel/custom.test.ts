// Goal: what Debian's kernel leaves out works as well, where a kernel has it: npm run test:kernel -- --custom.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { openHeap } from '#src/linux/index.js'
import { heapCases } from '#src/testing/index.js'

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
  'sysfs has a folder for each buffer while it is open [STAT-1]',
  { skip: noStatistics },
  () => {
    using heap = openHeap({ need: 'device' })
    const buffer = heap.allocate(3 * 4096)
    const folder = `${STATISTICS}/${buffer.inode}`
    assert.equal(readFileSync(`${folder}/exporter_name`, 'utf8'), 'system\n')
    assert.equal(readFileSync(`${folder}/size`, 'utf8'), `${3 * 4096}\n`)
    buffer.close()
    assert.equal(existsSync(folder), false)
  },
)
