// Goal: udmabuf is asked for the parts that were named, and what it gives is ours.
// Method: /dev/null in the place of its node, answered by the test; tests/kernel has the real one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemfd } from '#src/linux/memfd.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { native, type Native } from '#src/linux/native.js'
import type { OwnedFd } from '#src/linux/owned-fd.js'
import { createUdmabuf, openUdmabufHeap } from '#src/linux/udmabuf.js'
import {
  decodeUdmabufCreateList,
  UDMABUF_CREATE_LIST,
  type UdmabufCreateList,
} from '#src/uapi/udmabuf.js'
import { FakeKernelBuffers } from '../helpers/fake-kernel-buffers.js'
import { countResources, settled } from '../helpers/leaks.js'

interface Rig extends Disposable {
  readonly fakes: FakeKernelBuffers
  readonly asked: UdmabufCreateList[]
}

function rig(): Rig {
  const fakes = new FakeKernelBuffers()
  const calls: Pick<Native, 'openFile'> = native()
  const { openFile } = calls
  const asked: UdmabufCreateList[] = []
  calls.openFile = (path, flags) => {
    assert.equal(path, '/dev/udmabuf')
    return openFile('/dev/null', flags)
  }
  fakes.answer = (request, argument) => {
    if (request !== UDMABUF_CREATE_LIST) return -25
    asked.push(decodeUdmabufCreateList(argument))
    return fakes.make().fd.release()
  }
  return {
    fakes,
    asked,
    [Symbol.dispose]() {
      calls.openFile = openFile
      fakes[Symbol.dispose]()
    },
  }
}

test('Parts are whole, from an offset on, or of a length [UDM-2, UDM-3]', () => {
  using memory = createMemfd('frame', 3 * 4096)
  using one = rig()
  createUdmabuf([
    { memory },
    { memory, offsetBytes: 4096 },
    { memory, offsetBytes: 8192, lengthBytes: 4096 },
    { memory, offsetBytes: 4 * 4096 },
  ]).close()
  const memfd = memory.number
  assert.deepEqual(one.asked, [
    {
      flags: 1,
      items: [
        { memfd, offsetBytes: 0n, lengthBytes: 12288n },
        { memfd, offsetBytes: 4096n, lengthBytes: 8192n },
        { memfd, offsetBytes: 8192n, lengthBytes: 4096n },
        { memfd, offsetBytes: 16384n, lengthBytes: 0n },
      ],
    },
  ])
})

test('A buffer of a memfd heap is a part as well, and has a name', () => {
  using memory = openMemfdHeap().allocate(4096)
  using one = rig()
  using buffer = createUdmabuf([{ memory }], { name: 'parts' })
  assert.deepEqual(
    [buffer.exporterName, buffer.name, one.fakes.names],
    ['udmabuf', 'parts', ['parts']],
  )
  assert.equal(one.asked[0]?.items[0]?.lengthBytes, 4096n)
})

for (const part of [
  { offsetBytes: -1 },
  { offsetBytes: 0.5 },
  { lengthBytes: NaN },
  { offsetBytes: NaN },
])
  test(`createUdmabuf refuses ${JSON.stringify(part)}, before anybody is asked`, () => {
    using memory = createMemfd('frame', 4096)
    using one = rig()
    assert.throws(() => createUdmabuf([{ memory, ...part }]), RangeError)
    assert.equal(one.asked.length, 0)
  })

for (const memory of [5, undefined, {}] as unknown as OwnedFd[])
  test(`createUdmabuf says what memory is: not ${JSON.stringify(memory)}`, () => {
    using one = rig()
    assert.throws(() => createUdmabuf([{ memory }]), { name: 'TypeError', message: /OwnedFd/ })
    assert.equal(one.asked.length, 0)
  })

test('What udmabuf needs is said where it refuses the memory, not where something else is missing', () => {
  using memory = createMemfd('frame', 4096)
  using one = rig()
  const refused = (errno: number): unknown => {
    one.fakes.answer = () => errno
    try {
      return createUdmabuf([{ memory }])
    } catch (error) {
      return (error as Error).message
    }
  }
  assert.match(String(refused(-22)), /^EINVAL: .* sealed against shrinking/)
  assert.match(String(refused(-77)), /^EBADFD: .* sealed against shrinking/)
  assert.match(String(refused(-24)), /^EMFILE: Cannot make a buffer: this process has too many/)
})

test('Memory that cannot be touched before makes no buffer: the kernel would clear it later [UDM-8]', async () => {
  await settled()
  const before = countResources()
  {
    using memory = createMemfd('frame', 4096)
    using one = rig()
    using heap = openUdmabufHeap()
    const calls: Pick<Native, 'map'> = native()
    const { map } = calls
    calls.map = () => -12
    try {
      assert.throws(() => createUdmabuf([{ memory }]), { code: 'ENOMEM' })
      assert.throws(() => heap.allocate(4096), { code: 'ENOMEM' })
    } finally {
      calls.map = map
    }
    assert.equal(one.asked.length, 0)
  }
  await settled()
  assert.deepEqual(countResources(), before)
})

test('A name that is too long for a buffer is refused before there is one [BUF-52]', () => {
  using one = rig()
  using heap = openUdmabufHeap()
  for (const length of [32, 300])
    assert.throws(() => heap.allocate(1, { name: 'x'.repeat(length) }), { code: 'EINVAL' })
  assert.equal(one.asked.length, 0)
})

test('The heap makes a memfd for each buffer, and keeps none open', async () => {
  await settled()
  const before = countResources()
  {
    using one = rig()
    using heap = openUdmabufHeap({ maxLengthBytes: 8192 })
    const buffer = heap.allocate(4097, { name: 'frame' })
    assert.equal(one.asked[0]?.items[0]?.lengthBytes, 8192n)
    buffer.close()
    assert.throws(() => heap.allocate(8193), { code: 'ENOMEM' })
    one.fakes.answer = () => -22
    assert.throws(() => heap.allocate(1), {
      code: 'EINVAL',
      message: /4096 bytes: udmabuf makes up to .*size_limit_mb MiB$/,
    })
  }
  await settled()
  assert.deepEqual(countResources(), before)
})
