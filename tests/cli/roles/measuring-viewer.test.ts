import assert from 'node:assert/strict'
import { test } from 'node:test'
import { measuringViewer } from '#src/cli/roles/measuring-viewer.js'
import type { Frame } from '#src/linux/index.js'

function frameOf(luma: number, released: number[]): Frame {
  const bytes = new Uint8Array(24).fill(luma)
  const planes = [
    { offsetBytes: 0, strideBytes: 4, rowCount: 4 },
    { offsetBytes: 16, strideBytes: 2, rowCount: 2 },
    { offsetBytes: 20, strideBytes: 2, rowCount: 2 },
  ]
  const format = { fourcc: 'YU12', width: 4, height: 4, planes }
  return { bytes, format, release: () => released.push(luma) } as unknown as Frame
}

test('measuringViewer holds the frame before, and no other', async () => {
  const released: number[] = []
  const role = measuringViewer()
  assert.equal(role.maxHeld, 2)
  role.look(frameOf(1, released))
  assert.deepEqual(released, [])
  role.look(frameOf(2, released))
  assert.deepEqual(released, [1])
  role.look(frameOf(3, released))
  assert.deepEqual(released, [1, 2])
  await role.end()
  assert.deepEqual(released, [1, 2, 3])
})
