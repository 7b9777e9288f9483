// Goal: whoever uses the bytes of an access that has ended is found, with the place where it ended.
// Method: views over plain memory, guarded by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Access } from '#src/core/buffer/access.js'
import { copiedBytes } from '#src/core/buffer/copied-bytes.js'
import { checkStaleWrites, guardView } from '#src/core/buffer/stale-access.js'
import { setDebug } from '#src/core/debug.js'
import { collectWarnings } from '../../helpers/warnings.js'

interface Guarded {
  readonly memory: Uint8Array<ArrayBuffer>
  readonly bytes: Uint8Array
  readonly ends: number[]
  end(): void
}

function guarded(access: Access): Guarded {
  const memory = new Uint8Array([1, 2, 3, 4])
  const ends: number[] = []
  const inner = { bytes: memory, zeroCopy: true, end: () => ends.push(1) }
  const view = guardView(inner, access, 'frame-0')
  return { memory, bytes: view.bytes, ends, end: () => view.end() }
}

test('A guarded view shows the memory, and its writes reach the memory at the end [PROP-8]', () => {
  for (const access of ['write', 'readwrite'] as const) {
    const { memory, bytes, end, ends } = guarded(access)
    assert.deepEqual([...bytes], [1, 2, 3, 4])
    bytes[1] = 9
    end()
    assert.deepEqual([...memory], [1, 9, 3, 4])
    assert.equal(ends.length, 1)
  }
})

test('What a reader writes into its guarded view does not reach the memory [PROP-8]', () => {
  const { memory, bytes, end } = guarded('read')
  bytes[1] = 9
  end()
  assert.deepEqual([...memory], [1, 2, 3, 4])
})

test('Reading a property of an ended view is reported once, with both places [PROP-8]', () => {
  using _debug = setDebug({ staleAccess: 'report' })
  using warnings = collectWarnings()
  const { bytes, end } = guarded('read')
  assert.equal(bytes.length, 4)
  assert.deepEqual(warnings.list, [])
  function endsHere(): void {
    end()
  }
  endsHere()
  assert.equal(bytes.length, 4)
  assert.equal(bytes.byteOffset, 0)
  assert.equal(warnings.list.length, 1)
  const [{ rule, message, stack } = { rule: '', message: '', stack: '' }] = warnings.list
  assert.equal(rule, 'PROP-8')
  assert.match(message, /frame-0 were used \(length\)/)
  assert.match(message, /endsHere/)
  assert.match(stack ?? '', /stale-access\.test/)
})

test("Calling a method of an ended view throws EBADF with staleAccess 'throw' [PROP-8]", () => {
  using _debug = setDebug({ staleAccess: 'throw' })
  using warnings = collectWarnings()
  const { bytes, end } = guarded('write')
  end()
  for (let round = 0; round < 2; round++)
    assert.throws(() => bytes.fill(0), { code: 'EBADF', rule: 'PROP-8' })
  assert.equal(warnings.list.length, 1)
})

test('An element written after the end is reported at the next access, once, and stays out of the memory [PROP-8]', () => {
  using _debug = setDebug({ staleAccess: 'report' })
  using warnings = collectWarnings()
  const { memory, bytes, end } = guarded('write')
  end()
  bytes[3] = 7
  assert.equal(warnings.list.length, 0)
  guarded('read').end()
  checkStaleWrites()
  const messages = warnings.list.map(({ message }) => message)
  assert.equal(messages.length, 1)
  assert.match(messages[0] ?? '', /frame-0 were written after the access had ended/)
  assert.deepEqual([...memory], [1, 2, 3, 4])
})

test('A write after the end is noticed when another access begins, and when one ends [PROP-8]', () => {
  using _debug = setDebug({ staleAccess: 'report' })
  using warnings = collectWarnings()
  const [first, second] = [guarded('write'), guarded('write')]
  first.end()
  second.end()
  first.bytes[0] = 7
  const open = guarded('read')
  assert.equal(warnings.list.length, 1)
  second.bytes[0] = 7
  open.end()
  assert.equal(warnings.list.length, 2)
})

test('One view that was written after its end hides no other [PROP-8]', () => {
  using _debug = setDebug({ staleAccess: 'report' })
  using warnings = collectWarnings()
  const views = [guarded('write'), guarded('write')]
  for (const { end } of views) end()
  for (const [index, { bytes }] of views.entries()) {
    bytes[0] = 7
    checkStaleWrites()
    assert.equal(warnings.list.length, index + 1)
  }
})

test('Nothing is reported when staleAccess was switched off meanwhile [PROP-8]', () => {
  using warnings = collectWarnings()
  const { bytes, end } = guarded('write')
  end()
  using _debug = setDebug({ staleAccess: 'ignore' })
  assert.equal(typeof bytes.length, 'number')
  assert.deepEqual(warnings.list, [])
})

for (const [access, copies] of [
  ['read', 1],
  ['write', 2],
] as const)
  test(`A guarded view to ${access} is a copy, and counted ${copies} times`, () => {
    const before = copiedBytes()
    const memory = new Uint8Array(4)
    const view = guardView({ bytes: memory, zeroCopy: true, end() {} }, access, 'frame-0')
    assert.equal(view.zeroCopy, false)
    view.end()
    assert.equal(copiedBytes() - before, 4 * copies)
  })

test('An element read after the end is poison, not memory that others own now [PROP-8]', () => {
  using _debug = setDebug({ staleAccess: 'report' })
  const { bytes, end } = guarded('read')
  end()
  assert.equal(bytes[0], 0xdb)
})

test('Views that nobody touches are never reported, and only the latest 64 are looked after [PROP-8]', () => {
  using _debug = setDebug({ staleAccess: 'report' })
  using warnings = collectWarnings()
  const views = Array.from({ length: 66 }, () => guarded('write'))
  for (const { end } of views) end()
  views[1]!.bytes[0] = 1
  checkStaleWrites()
  assert.deepEqual(warnings.list, [])
  views[2]!.bytes[0] = 1
  checkStaleWrites()
  assert.equal(warnings.list.length, 1)
})
