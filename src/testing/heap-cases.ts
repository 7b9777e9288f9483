import type { Heap } from '../core/heap/heap.js'
import { check, checkSame, type ContractCase } from './contract.js'
import { exporterCases } from './exporter-cases.js'

const PAGE_BYTES = 4096

const ownCases: readonly ContractCase<Heap>[] = [
  {
    name: 'Lengths are rounded up to whole pages',
    rules: ['HEAP-9', 'EX-17'],
    async run(heap) {
      for (const lengthBytes of [1, PAGE_BYTES, PAGE_BYTES + 1]) {
        using buffer = heap.allocate(lengthBytes)
        check(buffer.lengthBytes >= lengthBytes, `Less than was asked for: ${buffer.lengthBytes}`)
        checkSame(buffer.lengthBytes % PAGE_BYTES, 0, 'Bytes of the last page')
      }
    },
  },
  {
    name: 'Lengths that are none are refused before anything is allocated',
    rules: ['HEAP-9'],
    async run(heap) {
      for (const lengthBytes of [0, -1, 0.5, Number.NaN, 2 ** 53]) {
        let refused = false
        try {
          heap.allocate(lengthBytes).close()
        } catch {
          refused = true
        }
        check(refused, `Allocated ${lengthBytes} bytes`)
      }
    },
  },
  {
    name: 'New memory is zeroed, also where other buffers were before',
    rules: ['HEAP-12'],
    async run(heap) {
      for (let round = 0; round < 3; round++) {
        using buffer = heap.allocate(4 * PAGE_BYTES)
        using access = await buffer.beginCpuAccess('readwrite')
        check(
          access.bytes.every((byte) => byte === 0),
          'New memory is not zero',
        )
        access.bytes.fill(0xff)
      }
    },
  },
  {
    name: "Buffers bear the heap's name as their exporter's, and their own if one was given",
    rules: ['HEAP-11', 'BUF-10'],
    async run(heap) {
      using plain = heap.allocate(1)
      using named = heap.allocate(1, { name: 'contract' })
      checkSame(plain.exporterName, heap.name, "Exporter's name")
      checkSame(plain.name, undefined, 'Name')
      checkSame(named.name, 'contract', 'Name')
    },
  },
  {
    name: 'Two buffers share neither memory nor inode',
    rules: ['BUF-12'],
    async run(heap) {
      using one = heap.allocate(1)
      using two = heap.allocate(1)
      check(one.inode !== two.inode, 'Two buffers have one inode')
      using write = await one.beginCpuAccess('write')
      write.bytes.fill(9)
      write.end()
      using read = await two.beginCpuAccess('read')
      checkSame(read.bytes[0], 0, 'First byte of the other buffer')
    },
  },
]

/** What every heap must keep; among them all that its buffers' exporter must. */
export const heapCases: readonly ContractCase<Heap>[] = [
  ...ownCases,
  ...exporterCases.map((one) => ({
    name: one.name,
    rules: one.rules,
    run: (heap: Heap) => one.run(() => heap.allocate(3 * PAGE_BYTES)),
  })),
]
