// Goal: heaps get their names and numbers in the kernel's order of checks.
// Method: a registry per test, fakes for the heaps; both sides of the 128 numbers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import type { DmaBuf } from '#src/core/buffer/buffer.js'
import { DmaBufError } from '#src/core/errors.js'
import { HeapRegistry, type HeapInfo } from '#src/core/heap/registry.js'
import { thrownCode } from '../../helpers/error-code.js'

function info(name: unknown, ops: unknown = { allocate: () => assert.fail() }): HeapInfo<string> {
  return { name, ops, driverData: `data of ${String(name)}` } as HeapInfo<string>
}

const refused = [
  { name: 'no name', heap: info(undefined) },
  { name: 'a null name', heap: info(null) },
  { name: 'an empty name', heap: info('') },
  { name: 'no ops', heap: { name: 'a', ops: null, driverData: '' } as unknown as HeapInfo<string> },
  { name: 'no allocate op', heap: info('a', {}) },
]
for (const { name, heap } of refused)
  test(`HeapRegistry.add refuses a heap with ${name} and takes the next [HEAP-1]`, () => {
    const registry = new HeapRegistry()
    assert.equal(
      thrownCode(() => registry.add(heap)),
      'EINVAL',
    )
    assert.deepEqual(registry.heaps, [])
    assert.equal(registry.add(info('good')).minor, 0)
  })

test('HeapRegistry.add gives the numbers 0 to 127 and then EBUSY [HEAP-1]', () => {
  const registry = new HeapRegistry()
  const minors = Array.from({ length: 128 }, (_, i) => registry.add(info(`heap${i}`)).minor)
  assert.deepEqual(minors, [...Array(128).keys()])
  assert.equal(
    thrownCode(() => registry.add(info('one more'))),
    'EBUSY',
  )
  assert.equal(
    thrownCode(() => registry.add(info('heap0'))),
    'EBUSY',
    'numbers before names',
  )
  assert.equal(
    thrownCode(() => registry.add(info(''))),
    'EINVAL',
    'the name itself before numbers',
  )
})

test('HeapRegistry.add without memory is ENOMEM, between EINVAL and EBUSY [HEAP-1]', () => {
  const registry = new HeapRegistry()
  for (let i = 0; i < 128; i++) registry.add(info(`heap${i}`))
  using _debug = setDebug({ failAllocations: true })
  assert.equal(
    thrownCode(() => registry.add(info(''))),
    'EINVAL',
  )
  assert.equal(
    thrownCode(() => registry.add(info('one more'))),
    'ENOMEM',
  )
})

test('HeapRegistry.add refuses a name twice and loses no number [HEAP-2]', () => {
  const registry = new HeapRegistry()
  registry.add(info('system'))
  assert.equal(
    thrownCode(() => registry.add(info('system'))),
    'EINVAL',
  )
  assert.equal(registry.add(info('other')).minor, 1)
})

test('RegisteredHeap.path is the node below /dev/dma_heap [HEAP-3]', () => {
  const registry = new HeapRegistry()
  const heap = registry.add(info('system'))
  assert.equal(heap.path, '/dev/dma_heap/system')
  assert.equal(registry.find('system'), heap)
  assert.equal(registry.find('systems'), undefined)
})

test('HeapRegistry.open finds a heap by its number, ENODEV without one [HEAP-4]', () => {
  const registry = new HeapRegistry()
  const heap = registry.add(info('system'))
  assert.equal(registry.open(0), heap)
  assert.equal(
    thrownCode(() => registry.open(1)),
    'ENODEV',
  )
  assert.equal(
    thrownCode(() => registry.open(-1)),
    'ENODEV',
  )
})

test('RegisteredHeap tells its name and the data it was registered with [API-6]', () => {
  const heap = new HeapRegistry().add(info('system'))
  assert.deepEqual([heap.name, heap.driverData], ['system', 'data of system'])
})

test('RegisteredHeap.allocate passes the request and the heap, and returns what the op does', async () => {
  const seen: unknown[] = []
  const buffer = {} as unknown as DmaBuf
  const ops = {
    allocate(...all: unknown[]) {
      seen.push(...all)
      return buffer
    },
  }
  const heap = new HeapRegistry().add(info('system', ops))
  const request = { lengthBytes: 4096, flags: 2 }
  assert.equal(await heap.allocate(request), buffer)
  assert.deepEqual(seen, [request, heap])
})

test('RegisteredHeap.allocate rejects where the op throws', async () => {
  const ops = {
    allocate(): DmaBuf {
      throw new DmaBufError('ENOMEM', 'allocate', 'Free memory first')
    },
  }
  const heap = new HeapRegistry().add(info('system', ops))
  await assert.rejects(heap.allocate({ lengthBytes: 4096, flags: 0 }), { code: 'ENOMEM' })
})
