// Goal: an access to a buffer of the kernel's waits for the fences that others put into it, and stops no event loop.
// Method: fences of vgem, put into buffers of the system heap.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { DmaBuf } from '#src/core/buffer/buffer.js'
import type { Fence } from '#src/core/fence/fence.js'
import { putFence, signalFence } from '#src/core/fence/fence.js'
import { exportFd } from '#src/linux/buffer-fd.js'
import { connectFrames } from '#src/linux/connect-frames.js'
import { native } from '#src/linux/native.js'
import { openHeap } from '#src/linux/open-heap.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { serveDomain } from '#src/linux/serve-domain.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import { importSyncFile } from '#src/linux/sync-file-fd.js'
import { ScratchFolder } from '../helpers/fixture.js'
import { openFds, settled } from '../helpers/leaks.js'
import { mockFence } from '../helpers/mock-fence.js'
import { Remote } from '../helpers/remote.js'
import { Vgem, type VgemFence } from './vgem.js'

const FORMS = ['loop', 'thread'] as const
let vgem: Vgem

before(() => {
  vgem = new Vgem()
})

after(() => vgem.close())

/** A buffer with a pending fence of the kernel's. */
async function busyBuffer(
  access: 'read' | 'write',
): Promise<Disposable & { readonly buffer: DmaBuf; readonly fence: VgemFence }> {
  using heap = openHeap({ need: 'device' })
  const buffer = heap.allocate(4096)
  const fence = await addPending(buffer, access)
  return { buffer, fence, [Symbol.dispose]: () => buffer.close() }
}

async function addPending(buffer: DmaBuf, access: 'read' | 'write'): Promise<VgemFence> {
  const fence = vgem.fence()
  using file = importSyncFile(OwnedFd.adopt(fence.fd))
  await buffer.addFence(file.fence, access)
  return fence
}

/** Whether the event loop turns while a promise is pending. */
async function turnsWhile(promise: Promise<unknown>): Promise<number> {
  let turns = 0
  const timer = setInterval(() => turns++, 5)
  try {
    await promise
  } finally {
    clearInterval(timer)
  }
  return turns
}

void test('A kernel’s fence goes into the kernel, not into our reservation [BUF-57]', async () => {
  using busy = await busyBuffer('write')
  assert.equal(busy.buffer.reservation.isSignaled('bookkeep'), true)
  const fence = busy.buffer.fence('read')
  assert.equal(fence.status, 'pending')
  await busy.fence.signal()
  await fence.wait()
  putFence(fence)
})

void test('A fence of our own stays out of the kernel, and is waited for all the same [FENCE-41]', async () => {
  using heap = openHeap({ need: 'device' })
  using buffer = heap.allocate(4096)
  const fence: Fence = mockFence()
  await buffer.addFence(fence, 'write')
  using fd = exportFd(buffer)
  const POLLOUT = 4
  assert.equal(native().pollNow(fd.number, POLLOUT), POLLOUT)
  assert.equal(buffer.tryBeginCpuAccess('read'), undefined)
  await assert.rejects(buffer.ready('read', { timeoutMs: 1 }), { code: 'ETIMEDOUT' })
  signalFence(fence)
  buffer.tryBeginCpuAccess('write')!.end()
})

for (const blocking of FORMS) {
  void test(`A writer's fence keeps readers and writers waiting, on ${blocking} [CPU-2, BUF-38]`, async () => {
    using busy = await busyBuffer('write')
    const { buffer } = busy
    assert.equal(buffer.tryBeginCpuAccess('read'), undefined)
    assert.equal(buffer.tryBeginCpuAccess('write'), undefined)
    const late = { blocking, timeoutMs: 20 }
    await assert.rejects(buffer.beginCpuAccess('read', late), { code: 'ETIMEDOUT' })
    const begun = Promise.all(
      (['read', 'write'] as const).map((access) => buffer.beginCpuAccess(access, { blocking })),
    )
    const turns = turnsWhile(begun)
    await busy.fence.signalOnThread(50)
    for (const access of await begun) access.end()
    assert.ok((await turns) > 2)
  })

  void test(`A reader's fence keeps only writers waiting, on ${blocking} [CPU-2, BUF-38]`, async () => {
    using busy = await busyBuffer('read')
    const { buffer } = busy
    buffer.tryBeginCpuAccess('read')!.end()
    ;(await buffer.beginCpuAccess('read', { blocking })).end()
    assert.equal(buffer.tryBeginCpuAccess('write'), undefined)
    const begun = buffer.beginCpuAccess('write', { blocking })
    await busy.fence.signal()
    ;(await begun).end()
  })

  void test(`A wait for an access ends with its signal, on ${blocking} [CPU-3]`, async () => {
    using busy = await busyBuffer('write')
    const stop = new AbortController()
    const begun = busy.buffer.beginCpuAccess('read', { blocking, signal: stop.signal })
    stop.abort(new Error('enough'))
    await assert.rejects(begun, /enough/)
    await busy.fence.signal()
    ;(await busy.buffer.beginCpuAccess('write', { blocking })).end()
  })
}

void test('ready waits for the kernel’s fences, for readers and writers apart [BUF-38]', async () => {
  using busy = await busyBuffer('read')
  await busy.buffer.ready('read')
  await assert.rejects(busy.buffer.ready('write', { timeoutMs: 10 }), { code: 'ETIMEDOUT' })
  const ready = busy.buffer.ready('write')
  await busy.fence.signal()
  await ready
})

// The kernel looks once more in the call itself. What is added between our look and that call stops the thread
// that makes it until it signals.
void test('A fence that comes between the look and the call stops the loop until it signals', async () => {
  using heap = openHeap({ need: 'device' })
  using buffer = heap.allocate(4096)
  const pending = vgem.fence()
  using file = importSyncFile(OwnedFd.adopt(pending.fd))
  const calls = native()
  const { sync } = calls
  calls.sync = (call) => {
    calls.sync = sync
    // Synchronous, as far as the kernel is concerned: it is there when this returns.
    void buffer.addFence(file.fence, 'write')
    return sync(call)
  }
  const signalled = pending.signalOnThread(300)
  const started = performance.now()
  const begun = buffer.beginCpuAccess('read', { blocking: 'loop' })
  const stoodStillMs = performance.now() - started
  assert.ok(stoodStillMs > 100, `it returned after ${stoodStillMs} ms`)
  assert.ok(stoodStillMs < 9000, 'longer than the fence was pending')
  ;(await begun).end()
  await signalled
})

void test('On another thread such a fence stops only that one', async () => {
  using heap = openHeap({ need: 'device' })
  using buffer = heap.allocate(4096)
  const pending = vgem.fence()
  using file = importSyncFile(OwnedFd.adopt(pending.fd))
  const calls = native()
  const { ioctlOnThread } = calls
  calls.ioctlOnThread = (fd, request, argument) => {
    calls.ioctlOnThread = ioctlOnThread
    void buffer.addFence(file.fence, 'write')
    return ioctlOnThread(fd, request, argument)
  }
  const signalled = pending.signalOnThread(300)
  const begun = buffer.beginCpuAccess('read', { blocking: 'thread' })
  assert.ok((await turnsWhile(begun)) > 5)
  ;(await begun).end()
  await signalled
})

void test('An access that is given up on a thread is ended when the thread is done', async () => {
  using heap = openHeap({ need: 'device' })
  using buffer = heap.allocate(4096)
  const pending = vgem.fence()
  using file = importSyncFile(OwnedFd.adopt(pending.fd))
  const calls = native()
  const { ioctlOnThread, sync } = calls
  const ends: number[] = []
  calls.ioctlOnThread = (fd, request, argument) => {
    calls.ioctlOnThread = ioctlOnThread
    void buffer.addFence(file.fence, 'write')
    return ioctlOnThread(fd, request, argument)
  }
  calls.sync = (call) => {
    ends.push(call & 15)
    return sync(call)
  }
  try {
    const begun = buffer.beginCpuAccess('write', { blocking: 'thread', timeoutMs: 20 })
    await assert.rejects(begun, { code: 'ETIMEDOUT' })
    assert.deepEqual(ends, [])
    await pending.signal()
    while (ends.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.deepEqual(ends, [6])
  } finally {
    calls.sync = sync
  }
})

void test('A buffer that others have a descriptor of is accessed on a thread, unless it is said otherwise', async () => {
  using heap = openHeap({ need: 'device' })
  using buffer = heap.allocate(4096)
  const calls = native()
  const { ioctlOnThread } = calls
  let threads = 0
  calls.ioctlOnThread = (...call) => {
    threads++
    return ioctlOnThread(...call)
  }
  try {
    ;(await buffer.beginCpuAccess('read')).end()
    assert.equal(threads, 0)
    exportFd(buffer).close()
    ;(await buffer.beginCpuAccess('read')).end()
    assert.equal(threads, 1)
    ;(await buffer.beginCpuAccess('read', { blocking: 'loop' })).end()
    assert.equal(threads, 1)
  } finally {
    calls.ioctlOnThread = ioctlOnThread
  }
})

// One process for both: it takes seconds to start here.
void test('Queues and domains carry the kernel’s buffers to another process, without a copy', async () => {
  await using remote = await Remote.start<{ timeline: { signal(seqno: number): void } }>()
  await settled()
  const before = openFds()
  using folder = new ScratchFolder()
  await carryFrames(remote, join(folder.path, 'frames.sock'))
  await shareInDomain(remote, join(folder.path, 'domain.sock'))
  await settled()
  assert.deepEqual(openFds(), before)
})

type Peer = Remote<{ timeline: { signal(seqno: number): void } }>

async function carryFrames(remote: Peer, path: string): Promise<void> {
  using heap = openHeap({ need: 'device' })
  await using queue = await serveFrames(path, { lengthBytes: 8192, buffers: 5, heap })
  const reading = remote.run(async ({ linux }, at: string) => {
    const frames = await linux.connectFrames(at)
    const seen: unknown[] = []
    for await (const frame of frames) {
      seen.push([frame.bytes[0], frame.bytes.length, frame.zeroCopy, frame.buffer.exporterName])
      frame.release()
      if (seen.length === 3) break
    }
    await frames.close()
    return seen
  }, path)
  await using local = await connectFrames(path, { mode: 'latest' })
  while (queue.consumers.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  for (const shade of [1, 2, 3]) {
    using frame = await queue.dequeue()
    frame.bytes.fill(shade)
    frame.queue()
  }
  assert.deepEqual(
    await reading,
    [1, 2, 3].map((shade) => [shade, 8192, true, 'system']),
  )
  using newest = await local.receive()
  assert.equal(newest?.bytes[0], 3)
}

async function shareInDomain(remote: Peer, path: string): Promise<void> {
  using heap = openHeap({ need: 'device' })
  using buffer = heap.allocate(4096)
  await using domain = await serveDomain(path)
  await domain.share(buffer, 'pool')
  await remote.run(async ({ core, linux, state }, at: string) => {
    const joined = await linux.joinDomain(at)
    const shared = await joined.open('pool')
    const timeline = core.createTimeline('work')
    await shared.addFence(timeline.fence(1), 'write')
    state.timeline = timeline
  }, path)
  await assert.rejects(buffer.beginCpuAccess('read', { timeoutMs: 20 }), { code: 'ETIMEDOUT' })
  const begun = buffer.beginCpuAccess('read')
  await remote.run(({ state }) => state.timeline.signal(1))
  ;(await begun).end()
}
