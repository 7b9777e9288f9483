// What buffers cost by themselves, without memory behind them, many times.
//
//   buffers NAME CPU     answers rounds: nanoseconds for one
import { exportBuffer, type DmaBuf, type ExporterOps } from 'dmabuf'
import { findBuffer } from '#src/core/buffer/find-buffer.js'
import { answerBatches, type Batch, nowNs } from './rounds.js'

const OPS: ExporterOps<object> = {
  map() {
    throw new Error('Nobody is attached')
  },
  unmap() {},
  release() {},
}

const STATE = {}

function exportOne(): DmaBuf {
  return exportBuffer({ exporterName: 'bench', lengthBytes: 4096, ops: OPS, state: STATE })
}

/** Buffers that live as long as this process. */
const live: DmaBuf[] = []

function exportBeside(liveCount: number): () => Batch {
  return () => {
    while (live.length < liveCount) live.push(exportOne())
    return (count) => {
      const startNs = nowNs()
      for (let i = 0; i < count; i++) exportOne().close()
      return nowNs() - startNs
    }
  }
}

function findAmong(liveCount: number): () => Batch {
  return () => {
    while (live.length < liveCount) live.push(exportOne())
    const inodes = live.map(({ inode }) => inode)
    let next = 0
    return (count) => {
      const startNs = nowNs()
      for (let i = 0; i < count; i++) {
        // All over the list, in an order that is far from that of exporting.
        next = (next + 7919) % liveCount
        findBuffer(inodes[next]!)!.close()
      }
      return nowNs() - startNs
    }
  }
}

function dup(): Batch {
  const buffer = exportOne()
  return (count) => {
    const startNs = nowNs()
    for (let i = 0; i < count; i++) buffer.dup().close()
    return nowNs() - startNs
  }
}

const operations: Readonly<Record<string, () => Batch>> = {
  'buffer-export-1000': exportBeside(1000),
  'buffer-export-100000': exportBeside(100_000),
  'buffer-find-1000': findAmong(1000),
  'buffer-find-100000': findAmong(100_000),
  'buffer-dup': dup,
}

const BATCH = 1000
const [name = ''] = process.argv.slice(2)
const open = operations[name]
if (open === undefined) throw new RangeError(`No such operation: ${name}`)
const batch = open()
await answerBatches(batch, BATCH)
