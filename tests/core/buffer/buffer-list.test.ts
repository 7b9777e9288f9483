// Goal: the list of all buffers has the newest first, and each goes in and out at once, however many there are.
// Method: exports and closes in turn, next to a model that is an array.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  bufferCount,
  bufferObjects,
  linkBuffer,
  objectByInode,
  unlinkBuffer,
} from '#src/core/buffer/buffer-list.js'
import { BufferObject } from '#src/core/buffer/buffer-object.js'
import { bufferObject } from '#src/core/buffer/buffer.js'
import { exportFake, FakeExporter, fakeBuffer } from '../../helpers/fake-exporter.js'
import { collectWarnings } from '../../helpers/warnings.js'

function objectWith(inode?: bigint): BufferObject {
  const state = new FakeExporter(1)
  return new BufferObject({ exporterName: 'fake', lengthBytes: 1, ops: state, state, inode })
}

/** The buffers of a test among all there are. */
function among(objects: readonly BufferObject[]): readonly BufferObject[] {
  return [...bufferObjects()].filter((object) => objects.includes(object))
}

test('exportBuffer puts the buffer at the head of the list [BUF-13]', () => {
  using first = fakeBuffer().buffer
  using second = fakeBuffer().buffer
  const [newest, next] = bufferObjects()
  assert.equal(newest, bufferObject(second, 'test'))
  assert.equal(next, bufferObject(first, 'test'))
})

test('close() of the last handle takes the buffer out of the list, of others not [BUF-13, BUF-22]', () => {
  const before = bufferCount()
  assert.equal([...bufferObjects()].length, before)
  const { buffer } = fakeBuffer()
  const object = bufferObject(buffer, 'test')
  const second = buffer.dup()
  assert.equal(bufferCount(), before + 1)
  buffer.close()
  assert.equal(bufferCount(), before + 1)
  second.close()
  assert.equal(bufferCount(), before)
  assert.equal([...bufferObjects()].includes(object), false)
})

test('objectByInode finds the buffer of an inode as long as it is there [BUF-12]', () => {
  const { buffer } = fakeBuffer()
  const object = bufferObject(buffer, 'test')
  assert.equal(objectByInode(buffer.inode), object)
  buffer.close()
  assert.equal(objectByInode(buffer.inode), undefined)
})

test('objectByInode finds the newest of buffers that share their memory, whichever goes first', () => {
  const inode = 2n ** 62n
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
    [1, 2, 0],
  ]) {
    const buffers = [0, 1, 2].map(() => exportFake(new FakeExporter(1), { inode }))
    const open = new Set([0, 1, 2])
    for (const index of order) {
      assert.equal(
        objectByInode(inode),
        bufferObject(buffers[Math.max(...open)]!, 'test'),
        `order ${order.join()}`,
      )
      buffers[index]!.close()
      open.delete(index)
    }
    assert.equal(objectByInode(inode), undefined)
  }
})

test('unlinkBuffer does nothing for a buffer that was never in the list [BUF-26]', () => {
  const before = bufferCount()
  using other = fakeBuffer().buffer
  unlinkBuffer(objectWith(other.inode))
  assert.equal(bufferCount(), before + 1)
  assert.equal(objectByInode(other.inode), bufferObject(other, 'test'))
})

test('A walk over the list goes on when the buffer it stands on goes, and skips what went', () => {
  const objects = [0, 1, 2, 3].map(() => objectWith())
  objects.forEach(linkBuffer)
  const seen: number[] = []
  for (const object of bufferObjects()) {
    const index = objects.indexOf(object)
    if (index < 0) continue
    seen.push(index)
    unlinkBuffer(object)
    if (index === 3) unlinkBuffer(objects[2]!)
  }
  assert.deepEqual(seen, [3, 1, 0])
})

test('linkBuffer and unlinkBuffer agree with an array in any order [BUF-13]', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(9), fc.nat(2))), (steps) => {
      const before = bufferCount()
      const model: BufferObject[] = []
      for (const [adds, place, inode] of steps) {
        if (adds) {
          const object = objectWith(2n ** 61n + BigInt(inode))
          linkBuffer(object)
          model.unshift(object)
        } else if (model.length > 0) unlinkBuffer(model.splice(place % model.length, 1)[0]!)
        assert.deepEqual(among(model), model)
        assert.equal(bufferCount(), before + model.length)
        for (let twin = 0; twin < 3; twin++) {
          const id = 2n ** 61n + BigInt(twin)
          assert.equal(
            objectByInode(id),
            model.find((object) => object.inode === id),
          )
        }
      }
      model.forEach(unlinkBuffer)
    }),
  )
})

test('A buffer that was forgotten open is not kept by the list, and leaves it once it is collected', async () => {
  using _warnings = collectWarnings()
  const inode = 2n ** 61n
  const forgotten = ((): WeakRef<BufferObject> => {
    const object = objectWith(inode)
    linkBuffer(object)
    assert.equal(objectByInode(inode), object)
    return new WeakRef(object)
  })()
  const before = bufferCount()
  for (let round = 0; round < 50 && forgotten.deref() !== undefined; round++) {
    await new Promise((resolve) => setImmediate(resolve))
    gc!()
  }
  assert.equal(forgotten.deref(), undefined)
  assert.equal(objectByInode(inode), undefined)
  assert.equal(bufferCount(), before - 1)
})
