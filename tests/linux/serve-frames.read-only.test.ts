// Goal: consumers of a read-only queue cannot change its frames, whatever they try, and still see new ones.
// Method: a viewer in a process of its own that tries, with the descriptors that it has.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openMemoryHeap } from '#src/index.js'
import { connectFrames } from '#src/linux/connect-frames.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import { countResources, settled } from '../helpers/leaks.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish, Viewer } from '../helpers/viewer.js'

const QUEUE = { lengthBytes: 4096, buffers: 4, readOnlyConsumers: true }

/** What a viewer gets when it tries to write to every frame buffer that it has a descriptor of. */
async function attack(viewer: Viewer): Promise<Record<string, number>> {
  return viewer.remote.run(({ node: { fs }, native }) => {
    const outcomes: Record<string, number> = {}
    const count = (what: string): void => {
      outcomes[what] = (outcomes[what] ?? 0) + 1
    }
    const attempt = (what: string, act: () => unknown): void => {
      try {
        act()
        count(`${what} worked`)
      } catch (error) {
        count(`${what} ${(error as { code?: string }).code}`)
      }
    }
    for (const name of fs.readdirSync('/proc/self/fd')) {
      const path = `/proc/self/fd/${name}`
      let target = ''
      try {
        target = fs.readlinkSync(path)
      } catch {
        continue
      }
      if (!target.startsWith('/memfd:dmabuf:frame')) continue
      const fd = fs.openSync(path, 'r+')
      attempt('write', () => fs.writeSync(fd, Buffer.from('mine'), 0, 4, 0))
      attempt('truncate', () => {
        fs.ftruncateSync(fd, 0)
      })
      const mapped = native.native().map(fd, 4096, native.MapMode.shared)
      count(typeof mapped === 'number' ? `map ${mapped}` : 'map worked')
      fs.closeSync(fd)
    }
    return outcomes
  })
}

test('A consumer of a read-only queue can neither map, write nor cut its buffers', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, QUEUE)
  await using viewer = await Viewer.start(path)
  await publish(queue)
  await viewer.hold()
  assert.deepEqual(await attack(viewer), { 'write EPERM': 4, 'truncate EPERM': 4, 'map -1': 4 })
})

test('A consumer of a queue that is not read-only can, which is what it may ask for', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...QUEUE, readOnlyConsumers: false })
  await using viewer = await Viewer.start(path)
  assert.equal((await attack(viewer))['map worked'], 4)
  await using filter = await connectFrames(path, { access: 'readwrite' })
  assert.equal(queue.consumers.length, 2)
  await filter.close()
})

test('After 1,000 frames a viewer of a read-only queue sees new ones, and no page of them is its own', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, QUEUE)
  await using viewer = await Viewer.start(path)
  const reading = viewer.read(1000)
  for (let i = 0; i < 1000; i++) await publish(queue)
  assert.deepEqual(
    (await reading).filter(({ sequence, value }) => value !== (sequence & 255)),
    [],
  )
  await publish(queue, 77)
  assert.equal((await viewer.hold())[0]?.value, 77)
  const dirty = await viewer.remote.run(({ node: { fs } }) => {
    const sections = fs.readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)
    const frames = sections.filter((text) => text.includes('/memfd:dmabuf:frame'))
    return frames.map((text) => Number(/^Private_Dirty: +(\d+) kB/m.exec(text)?.[1]))
  })
  assert.ok(dirty.length > 0)
  assert.deepEqual(
    dirty.filter((kilobytes) => kilobytes !== 0),
    [],
  )
})

test("access 'readwrite' to a read-only queue is refused with EPERM and what to ask for", async (t) => {
  const path = socketPath(t)
  await using _queue = await serveFrames(path, QUEUE)
  await settled()
  const before = countResources()
  await assert.rejects(connectFrames(path, { access: 'readwrite' }), {
    code: 'EPERM',
    message: /read-only for everybody but its owner: ask for access 'read'/,
  })
  await settled()
  assert.deepEqual(countResources(), before)
})

test('The producer of a read-only queue writes as ever, after a resize too', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, QUEUE)
  await queue.resize(9000)
  await using viewer = await Viewer.start(path)
  for (let i = 0; i < 10; i++) {
    await publish(queue, 50 + i)
    assert.deepEqual(
      (await viewer.read(1)).map(({ value, lengthBytes }) => [value, lengthBytes]),
      [[50 + i, 9000]],
    )
  }
  assert.equal((await attack(viewer))['map worked'], undefined)
})

test('readOnlyConsumers with a heap that cannot be sealed is refused in words, and leaves nothing', async (t) => {
  const path = socketPath(t)
  await settled()
  const before = countResources()
  await assert.rejects(serveFrames(path, { ...QUEUE, heap: openMemfdHeap({ name: 'open' }) }), {
    code: 'EPERM',
    message: /heap open can write to them: use openMemfdHeap\({ readOnlyForOthers: true }\)/,
  })
  await assert.rejects(serveFrames(path, { ...QUEUE, heap: openMemoryHeap() }), { code: 'EINVAL' })
  await settled()
  assert.deepEqual(countResources(), before)
  const heap = openMemfdHeap({ readOnlyForOthers: true })
  await using queue = await serveFrames(path, { ...QUEUE, heap })
  assert.equal(queue.bufferCount, 4)
})

test('A heap says who can write to its memory', () => {
  assert.match(openMemfdHeap().losses.join(), /Whoever gets a descriptor of a buffer can write/)
  const sealed = openMemfdHeap({ readOnlyForOthers: true }).losses.join()
  assert.match(sealed, /Nobody but the process that allocates it can write/)
  assert.doesNotMatch(sealed, /Whoever gets/)
})
