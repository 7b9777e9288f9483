// Goal: whoever keeps statistics hears of every buffer before others can reach it, and can undo its export.
// Method: watches that write down names, and one that throws.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bufferCount, objectByInode } from '#src/core/buffer/buffer-list.js'
import { watchBuffers } from '#src/core/buffer/buffer-watch.js'
import { exportFake, FakeExporter, fakeBuffer } from '../../helpers/fake-exporter.js'
import { collectWarnings } from '../../helpers/warnings.js'

test('A watch is told before the buffer can be found, and before its memory goes [BUF-11, BUF-23]', () => {
  const steps: string[] = []
  using _watch = watchBuffers({
    exported: ({ inode }) => steps.push(`exported, found ${objectByInode(inode) !== undefined}`),
    released: ({ name }) => steps.push(`released ${name}`),
  })
  const exporter = new FakeExporter(16, { release: () => steps.push('memory') })
  exportFake(exporter, { name: 'frame' }).close()
  assert.deepEqual(steps, ['exported, found false', 'released frame', 'memory'])
})

test('A watch that throws undoes the whole export: the exporter keeps its memory [BUF-6, BUF-11, BUF-26]', () => {
  const steps: string[] = []
  const failure = new Error('no directory')
  using _first = watchBuffers({ released: () => steps.push('first released') })
  using _second = watchBuffers({
    exported: () => {
      throw failure
    },
    released: () => assert.fail('It was never told'),
  })
  const owner = { tryGet: () => steps.push('get') > 0, put: () => steps.push('put') }
  const exporter = new FakeExporter(16)
  const before = bufferCount()
  assert.throws(() => exportFake(exporter, { owner }), failure)
  assert.deepEqual(steps, ['get', 'first released', 'put'])
  assert.deepEqual(exporter.calls, [])
  assert.equal(bufferCount(), before)
})

test('A watch that throws at the end is reported, and stops nothing [PORT-4]', () => {
  using warnings = collectWarnings()
  using _watch = watchBuffers({
    released: () => {
      throw new Error('broken')
    },
  })
  const { buffer, exporter } = fakeBuffer()
  buffer.close()
  assert.equal(exporter.released, true)
  assert.deepEqual(warnings.rules, ['PORT-4'])
})

test('Disposing a watch, once or twice, takes no other watch away', () => {
  const told: string[] = []
  const watch = (name: string) => watchBuffers({ released: () => told.push(name) })
  const first = watch('first')
  using _second = watch('second')
  const third = watch('third')
  for (const gone of [first, third, third]) gone[Symbol.dispose]()
  fakeBuffer().buffer.close()
  assert.deepEqual(told, ['second'])
})

test('A watch that was disposed hears nothing any more', () => {
  const watch = watchBuffers({ exported: () => assert.fail('Told') })
  watch[Symbol.dispose]()
  watch[Symbol.dispose]()
  fakeBuffer().buffer.close()
})
