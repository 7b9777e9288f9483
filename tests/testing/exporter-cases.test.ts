// Goal: the contract of exporters holds for ours, and finds out those that break it.
// Method: runs every case on every exporter we have, then on exporters broken in one way each.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mapForDma, unmapForDma } from '#src/core/buffer/dma-mapping.js'
import { exportBuffer, type DmaBuf } from '#src/core/buffer/buffer.js'
import type { ExporterOps } from '#src/core/buffer/exporter.js'
import { SgTable } from '#src/core/buffer/sg-table.js'
import { openMemoryHeap } from '#src/core/heap/memory-heap.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { assertNoLeaks, exporterCases, type BufferMaker } from '#src/testing/index.js'
import { collectWarnings } from '../helpers/warnings.js'

const LENGTH = 3 * 4096

const MAKERS: Readonly<Record<string, BufferMaker>> = {
  'memory heap': () => openMemoryHeap().allocate(LENGTH),
  'movable memory heap': () => openMemoryHeap({ movable: true }).allocate(LENGTH),
  'shared memory heap': () => openMemoryHeap({ shared: true }).allocate(LENGTH),
  'memfd heap': () => openMemfdHeap().allocate(LENGTH),
}

for (const [kind, make] of Object.entries(MAKERS))
  for (const { name, rules, run } of exporterCases)
    test(`${kind}: ${name} (${rules.join(', ')})`, async () => {
      using _leaks = assertNoLeaks()
      await run(make)
    })

interface Memory {
  readonly bytes: Uint8Array<ArrayBuffer>
}

function mapPages(...pages: readonly number[]): ExporterOps<Memory>['map'] {
  return ({ device }, direction) => {
    const table = SgTable.fromPages(pages)
    mapForDma(table, device, direction)
    return table
  }
}

const WHOLE: ExporterOps<Memory> = {
  map: mapPages(10, 11, 12),
  unmap: ({ device }, table, direction) => unmapForDma(table, device, direction),
  openView: (_access, _lifetime, lengthBytes, { bytes }) => ({
    bytes: bytes.subarray(0, lengthBytes),
    zeroCopy: true,
    end() {},
  }),
  release() {},
}

function makerOf(broken: Partial<ExporterOps<Memory>>): () => DmaBuf {
  return () => {
    const state = { bytes: new Uint8Array(LENGTH) }
    const ops = { ...WHOLE, ...broken }
    return exportBuffer({ exporterName: 'broken', lengthBytes: LENGTH, ops, state })
  }
}

async function failuresOf(make: BufferMaker): Promise<readonly string[]> {
  using _warnings = collectWarnings()
  const failed: string[] = []
  for (const { name, run } of exporterCases)
    await run(make).catch((error: unknown) => {
      assert.ok(error instanceof Error)
      failed.push(name)
    })
  return failed
}

test('An exporter in a few lines keeps the contract [BUF-2]', async () => {
  assert.deepEqual(await failuresOf(makerOf({})), [])
})

const BROKEN: readonly (readonly [string, Partial<ExporterOps<Memory>>, RegExp])[] = [
  ['maps too little', { map: mapPages(10, 11) }, /covers the whole buffer/],
  [
    'maps parts of pages',
    {
      map({ device }, direction) {
        const table = SgTable.fromPages([10, 11, 12, 13], { offsetBytes: 8, lengthBytes: LENGTH })
        mapForDma(table, device, direction)
        return table
      },
    },
    /covers the whole buffer/,
  ],
  ['forgets to map for the device', { map: () => SgTable.fromPages([1, 2, 3]) }, /whole buffer/],
  [
    'forgets what was written',
    {
      openView: (_access, _lifetime, lengthBytes) => ({
        bytes: new Uint8Array(lengthBytes),
        zeroCopy: true,
        end() {},
      }),
    },
    /What one access writes/,
  ],
  [
    'gives the CPU half of it',
    {
      openView: (_access, _lifetime, lengthBytes, { bytes }) => ({
        bytes: bytes.subarray(0, lengthBytes / 2),
        zeroCopy: true,
        end() {},
      }),
    },
    /What one access writes/,
  ],
  [
    'warns about itself',
    {
      release() {
        throw new Error('Cannot let go')
      },
    },
    /warns of nothing/,
  ],
]

for (const [what, broken, expected] of BROKEN)
  test(`The contract finds an exporter that ${what}`, async () => {
    const failed = await failuresOf(makerOf(broken))
    assert.match(failed.join('\n'), expected)
  })
