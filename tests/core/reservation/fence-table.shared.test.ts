// Goal: fences of other processes come and go in a table without taking what was reserved for ours.
// Method: a table with fences of both; references counted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { putFence, signalFence } from '#src/core/fence/fence.js'
import { UnlockedCursor } from '#src/core/reservation/cursor.js'
import { FenceTable } from '#src/core/reservation/fence-table.js'
import { usageOrder } from '#src/core/reservation/usage.js'
import { mockFence } from '../../helpers/mock-fence.js'

const READ = usageOrder('read')

test('FenceTable.insert needs no reserved slot, and uses none up [RESV-6]', () => {
  const table = new FenceTable()
  const [ours, theirs] = [mockFence({}, 1), mockFence({}, 2)]
  table.insert(theirs, READ)
  assert.throws(() => table.add(ours, READ), { code: 'ERR_DMABUF_BUG' })
  table.reserve(1)
  const spare = table.list!.capacity - table.list!.fences.length
  table.insert(mockFence({}, 3), READ)
  assert.equal(table.list!.capacity - table.list!.fences.length, spare)
  table.add(ours, READ)
  assert.ok(table.list!.fences.includes(ours))
})

test('FenceTable.insert takes the place of a fence that has signalled', () => {
  const table = new FenceTable()
  const [first, second] = [mockFence({}, 1), mockFence({}, 2)]
  table.insert(first, READ)
  signalFence(first)
  table.insert(second, usageOrder('write'))
  assert.deepEqual(table.list!.fences, [second])
  assert.deepEqual(table.list!.usages, [usageOrder('write')])
})

test('FenceTable.remove takes a fence out wherever it stands, and a walk begins anew [RESV-19]', () => {
  const table = new FenceTable()
  let released = 0
  const release = (): void => {
    released++
  }
  const theirs = mockFence({ release }, 1)
  const other = mockFence({}, 2)
  table.insert(theirs, READ)
  table.insert(other, READ)
  table.insert(theirs, usageOrder('write'))
  putFence(theirs)
  const cursor = new UnlockedCursor(table, 'read')
  assert.equal(cursor.step(), theirs)
  table.remove(theirs)
  assert.deepEqual(table.list!.fences, [other])
  assert.equal(cursor.step(), other)
  assert.equal(cursor.isRestarted, true)
  cursor.end()
  assert.equal(released, 1)
  const { list } = table
  table.remove(theirs)
  assert.equal(table.list, list)
})
