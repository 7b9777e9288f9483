// An exporter of one's own memory in a page, and the contract that every exporter has to keep.
import assert from 'node:assert/strict'
import { exportBuffer } from 'dmabuf'
import { mapForDma, SgTable, unmapForDma } from 'dmabuf/framework'
import { assertNoLeaks, exporterCases } from 'dmabuf/testing'

/**
 * Memory of a device with its own page frames.
 *
 * @typedef {{ firstFrame: number, bytes: Uint8Array<ArrayBuffer> }} Board
 */

/** @type {import('dmabuf').ExporterOps<Board>} */
const ops = {
  map({ device }, direction, { firstFrame, bytes }) {
    const frames = Array.from({ length: bytes.length / 4096 }, (_, index) => firstFrame + index)
    const table = SgTable.fromPages(frames)
    mapForDma(table, device, direction)
    return table
  },
  unmap({ device }, table, direction) {
    unmapForDma(table, device, direction)
  },
  openView(_access, _lifetime, lengthBytes, { bytes }) {
    return { bytes: bytes.subarray(0, lengthBytes), zeroCopy: true, end() {} }
  },
  release() {},
}

function exportBoard() {
  const state = { firstFrame: 0x100, bytes: new Uint8Array(8192) }
  return exportBuffer({ exporterName: 'board', lengthBytes: 8192, ops, state })
}

// With a test runner: for (const { name, run } of exporterCases) test(name, () => run(exportBoard))
/** @type {string[]} */
const failed = []
for (const part of exporterCases) {
  const leaks = assertNoLeaks()
  try {
    await part.run(exportBoard)
  } catch (error) {
    failed.push(`${part.name} (${part.rules.join()}): ${String(error)}`)
  }
  leaks[Symbol.dispose]()
}
assert.deepEqual(failed, [])
console.log(`the board's exporter keeps all ${exporterCases.length} parts of the contract`)
