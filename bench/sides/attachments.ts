// What attachments and mappings cost, many times.
//
//   attachments NAME CPU     answers rounds: nanoseconds for one
import { openMemoryHeap } from '#src/core/heap/memory-heap.js'
import { answerBatches, type Batch, nowNs } from './rounds.js'

const DEVICE = {
  name: 'npu',
  constraints: { addressMask: 2 ** 40, maxSegmentBytes: 2 ** 24, alignBytes: 4096 },
}

async function attachAndMap(): Promise<Batch> {
  const buffer = openMemoryHeap().allocate(1 << 20)
  return async (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) {
      const attachment = await buffer.attach(DEVICE)
      const table = await attachment.map('to-device')
      await attachment.unmap(table, 'to-device')
      await attachment.detach()
    }
    return nowNs() - startNs
  }
}

async function map(): Promise<Batch> {
  const buffer = openMemoryHeap().allocate(1 << 20)
  const attachment = await buffer.attach(DEVICE)
  return async (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) {
      const table = await attachment.map('to-device')
      await attachment.unmap(table, 'to-device')
    }
    return nowNs() - startNs
  }
}

/** A static importer of memory that moves is mapped when it attaches, and keeps that. */
async function mapCached(): Promise<Batch> {
  const buffer = openMemoryHeap({ movable: true }).allocate(1 << 20)
  const attachment = await buffer.attach(DEVICE)
  return async (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) await attachment.map('to-device')
    return nowNs() - startNs
  }
}

const operations: Readonly<Record<string, () => Promise<Batch>>> = {
  'attach-map': attachAndMap,
  'map-unmap': map,
  'map-cached': mapCached,
}

const BATCH = 1000
const [name = ''] = process.argv.slice(2)
const open = operations[name]
if (open === undefined) throw new RangeError(`No such operation: ${name}`)
const batch = await open()
await answerBatches(batch, BATCH)
