// Goal: memory is taken late, bracket views die where nobody can still use them, and nothing is ever copied.
// Method: views of all kinds that overlap, each looked at after the others ended.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { copiedBytes } from '#src/core/buffer/copied-bytes.js'
import { DmaBufError } from '#src/core/errors.js'
import { HeapBytes } from '#src/core/heap/heap-bytes.js'

const open = (bytes: HeapBytes, access: 'read' | 'readwrite' = 'readwrite') =>
  bytes.openView(access, 'bracket', bytes.lengthBytes)

test('HeapBytes takes memory when it is first wanted, zeroed', () => {
  const bytes = new HeapBytes(4096, false)
  assert.equal(bytes.allocated, false)
  const view = open(bytes)
  assert.equal(bytes.allocated, true)
  assert.ok(view.bytes.every((byte) => byte === 0))
  view.end()
})

test('HeapBytes is ENOMEM where the runtime has no such memory', () => {
  const bytes = new HeapBytes(Number.MAX_SAFE_INTEGER, false)
  assert.throws(
    () => open(bytes),
    (error) => DmaBufError.is(error, 'ENOMEM'),
  )
  assert.equal(bytes.allocated, false)
})

test('A bracket view dies at its end, and what it wrote stays', () => {
  const bytes = new HeapBytes(4096, false)
  const before = copiedBytes()
  const first = open(bytes)
  assert.equal(first.zeroCopy, true)
  first.bytes[5] = 7
  first.end()
  assert.equal(first.bytes.length, 0)
  const second = open(bytes)
  assert.equal(second.bytes[5], 7)
  second.end()
  assert.equal(copiedBytes(), before)
})

test('A view shows the first bytes that were asked for', () => {
  const bytes = new HeapBytes(4096, false)
  assert.equal(bytes.openView('read', 'bracket', 10).bytes.length, 10)
})

test('Views that overlap die when the last of them ends', () => {
  const bytes = new HeapBytes(4096, false)
  const [first, second] = [open(bytes), open(bytes)]
  first.end()
  first.bytes[0] = 1
  assert.equal(second.bytes[0], 1)
  second.end()
  assert.deepEqual([first.bytes.length, second.bytes.length], [0, 0])
})

test('A view whose ArrayBuffer was taken stays readable', () => {
  const bytes = new HeapBytes(4096, false)
  const view = open(bytes)
  const buffer = view.bytes.buffer
  view.end()
  assert.equal(buffer.byteLength, 4096)
  assert.equal(view.bytes.length, 4096)
})

test('A loan stays readable after its end, and so does what overlaps it', () => {
  const bytes = new HeapBytes(4096, false)
  const loan = bytes.openView('readwrite', 'loan', 4096)
  loan.bytes[1] = 9
  loan.end()
  assert.equal(loan.bytes[1], 9)
  const view = open(bytes)
  view.end()
  assert.equal(loan.bytes.length, 4096)
})

test('A kernel map keeps the memory where it is until it is dropped', () => {
  const bytes = new HeapBytes(4096, false)
  const map = bytes.vmap()
  const view = open(bytes)
  view.bytes[2] = 3
  view.end()
  assert.equal(map.read('u8', 2), 3)
  bytes.drop()
  assert.equal(view.bytes.length, 0)
})

test('A mapped device keeps its bytes until it is unmapped', () => {
  const bytes = new HeapBytes(8192, false)
  bytes.hold()
  const device = bytes.deviceBytes(4096, 16)
  device[0] = 1
  const view = open(bytes)
  assert.equal(view.bytes[4096], 1)
  view.end()
  device[0] = 2
  assert.equal(bytes.deviceBytes(4096, 1)[0], 2)
  bytes.drop()
  assert.equal(device.length, 0)
  assert.equal(bytes.deviceBytes(4096, 1)[0], 2)
})

test('A held view keeps the memory alive though nobody else has it', async () => {
  const { setFlagsFromString } = await import('node:v8')
  setFlagsFromString('--expose-gc')
  const state: { bytes: HeapBytes | undefined } = { bytes: new HeapBytes(4096, false) }
  const weak = new WeakRef(state.bytes!)
  const view = open(state.bytes!)
  // As fs.read() does, before it goes on with the address on another thread.
  assert.equal(view.bytes.byteLength, 4096)
  view.end()
  state.bytes = undefined
  await new Promise((resolve) => setImmediate(resolve))
  globalThis.gc?.()
  assert.notEqual(weak.deref(), undefined)
  assert.equal(view.bytes.length, 0)
})

test('Shared memory is one SharedArrayBuffer for good', () => {
  const bytes = new HeapBytes(4096, true)
  const view = open(bytes)
  assert.ok((view.bytes.buffer as unknown) instanceof SharedArrayBuffer)
  view.bytes[3] = 4
  view.end()
  assert.equal(view.bytes[3], 4)
  assert.equal(bytes.memory, view.bytes.buffer)
})

test('Without transfer() the memory moves with structuredClone(), or not at all', () => {
  const prototype = ArrayBuffer.prototype as { transfer?: unknown }
  const { transfer } = prototype
  const { structuredClone: clone } = globalThis
  try {
    Reflect.deleteProperty(prototype, 'transfer')
    const bytes = new HeapBytes(4096, false)
    const first = open(bytes)
    first.bytes[0] = 1
    first.end()
    assert.equal(first.bytes.length, 0)
    Reflect.deleteProperty(globalThis, 'structuredClone')
    const second = open(bytes)
    assert.equal(second.bytes[0], 1)
    second.end()
    assert.equal(second.bytes[0], 1)
  } finally {
    if (transfer !== undefined) Object.assign(prototype, { transfer })
    Object.assign(globalThis, { structuredClone: clone })
  }
})
