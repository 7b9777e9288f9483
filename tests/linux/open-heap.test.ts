// Goal: a heap for what it is needed for, or words that say why there is none.
// Method: a machine without device nodes; the nodes themselves are tests/kernel's.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import type { HeapKind } from '#src/core/heap/heap.js'
import { openHeap } from '#src/linux/open-heap.js'

const HAS_NODES = existsSync('/dev/dma_heap') || existsSync('/dev/udmabuf')
const skip = HAS_NODES ? 'this machine has the nodes' : false

test('openHeap is a memfd heap where nothing is asked for', () => {
  using heap = openHeap()
  assert.equal(heap.kind, 'memfd')
  assert.match(heap.losses.join(' '), /No device can import it/)
  using buffer = heap.allocate(1)
  assert.equal(buffer.lengthBytes, 4096)
})

test(
  'openHeap for devices is never a memfd: ENODEV says what was tried, and what to do',
  { skip },
  () => {
    assert.throws(
      () => openHeap({ need: 'device' }),
      (error: unknown) => {
        assert.ok(DmaBufError.is(error, 'ENODEV'))
        for (const what of [
          '/dev/dma_heap/system',
          '/dev/dma_heap/linux,cma',
          '/dev/udmabuf',
          'dmabuf doctor',
        ])
          assert.ok(error.message.includes(what), `${what} is not in: ${error.message}`)
        assert.equal((error.details['reasons'] as string[]).length, 5)
        return true
      },
    )
  },
)

test('openHeap tries only the kinds and the name it is given', { skip }, () => {
  const messageOf = (options: Parameters<typeof openHeap>[0]): string => {
    try {
      openHeap(options).close()
      return 'opened'
    } catch (error) {
      return (error as Error).message
    }
  }
  assert.doesNotMatch(messageOf({ need: 'device', kinds: ['udmabuf'] }), /dma_heap\//)
  assert.doesNotMatch(messageOf({ need: 'device', kinds: ['dma-heap'] }), /udmabuf/)
  const named = messageOf({ need: 'device', name: 'mine' })
  assert.match(named, /dma_heap\/mine/)
  assert.doesNotMatch(named, /system|udmabuf/)
})

test('openHeap is memory of JavaScript only where it is named', () => {
  using heap = openHeap({ kinds: ['memory'] })
  assert.equal(heap.kind, 'memory')
})

for (const [what, options] of [
  ['an unknown need', { need: 'gpu' as 'cpu' }],
  ['an unknown kind', { kinds: ['ion' as HeapKind] }],
  ['kinds that cannot serve the need', { need: 'device', kinds: ['memfd'] }],
  ['a name without its kind', { name: 'system', kinds: ['memfd'] }],
  ['no kinds', { kinds: [] }],
  ['kinds that are no list', { kinds: 'memfd' as unknown as HeapKind[] }],
] as const)
  test(`openHeap refuses ${what}`, () => {
    assert.throws(() => openHeap(options), {
      name: 'TypeError',
      message: /^(need must|kinds (are|must)|Nothing is left)/,
    })
  })

for (const name of ['', '.', '..', 'a/b', '../null', 'a\0b'])
  test(`openHeap takes no path for a name: ${JSON.stringify(name)}`, () => {
    assert.throws(() => openHeap({ need: 'device', name }), RangeError)
  })

test('maxLengthBytes limits a buffer, of any kind', () => {
  for (const kinds of [['memfd'], ['memory']] as const) {
    using heap = openHeap({ kinds, maxLengthBytes: 8192 })
    heap.allocate(8192).close()
    assert.throws(() => heap.allocate(8193), { code: 'ENOMEM' })
  }
})
