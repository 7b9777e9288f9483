// Goal: whatever a viewer sends and writes, the camera and its other viewers go on, the viewer gets one clear
// error, and nothing of it is left behind.
// Method: viewers of our own make that speak the protocol over a link, up to the point where they do not.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { DmaBufError, onWarning } from '#src/index.js'
import { signalFence } from '#src/core/fence/signal.js'
import { encodeHello, OUR_HELLO } from '#src/interprocess/hello.js'
import { encodeMessage, MessageType } from '#src/interprocess/link-message.js'
import { encodeJoin } from '#src/interprocess/queue-message.js'
import { CONSUMER_CLAIMS, CONSUMER_CURSOR } from '#src/interprocess/queue-page.js'
import { Doorbell } from '#src/linux/doorbell.js'
import { afterTurn } from '#src/frames/event-loop-turns.js'
import type { FrameQueue } from '#src/frames/frame-queue.js'
import { connectFrames } from '#src/linux/connect-frames.js'
import { connectLink } from '#src/linux/link-connect.js'
import { createMemfd } from '#src/linux/memfd.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import type { QueueOptions } from '#src/frames/queue-options.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import {
  blankPage,
  device,
  joinAsLiar,
  joinWith,
  regularFile,
  silentBell,
  unsealedMemory,
  ViewerPage,
} from '../helpers/hostile.js'
import { countResources, settled, until } from '../helpers/leaks.js'
import { mockFence } from '../helpers/mock-fence.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish, Viewer } from '../helpers/viewer.js'

/** A queue with an honest viewer in another process; `attack` must leave both well, and nothing behind. */
async function withstand(
  t: TestContext,
  attack: (path: string, queue: FrameQueue, honest: Viewer) => Promise<void>,
  options: QueueOptions = {},
): Promise<void> {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 6, ...options })
  await using honest = await Viewer.start(path)
  await publish(queue)
  assert.equal((await honest.read(1)).length, 1)
  await settled()
  const before = countResources()
  await attack(path, queue, honest)
  await until(() => queue.consumers.length === 1)
  // Soon, not only when a garbage collector comes.
  for (let turn = 0; turn < 5; turn++) await afterTurn(undefined)
  assert.ok(countResources().mappings <= before.mappings, 'What was refused is not mapped any more')
  const { queued } = queue.stats()
  for (let i = 0; i < 10; i++) {
    await publish(queue)
    assert.equal((await honest.read(1))[0]?.sequence, queued + i + 1)
  }
  await settled()
  assert.deepEqual(countResources(), before)
}

const wrongJoins: readonly [string, RegExp, () => OwnedFd[]][] = [
  ['no descriptors', /must send its page and its doorbell/, () => []],
  ['no doorbell', /must send its page and its doorbell/, () => [blankPage()]],
  [
    'an unsealed page',
    /a consumer page that is not sealed against shrinking/,
    () => [unsealedMemory(4096), silentBell()],
  ],
  [
    'a page that is too small',
    /a consumer page of 4095 bytes, too small for 4096/,
    () => [createMemfd('small', 4095), silentBell()],
  ],
  [
    'a page that is no page of a viewer',
    /a page that is no consumer page/,
    () => [createMemfd('empty', 4096), silentBell()],
  ],
  ['a file as page', /no memory as a consumer page/, () => [regularFile(), silentBell()]],
  ['a device as page', /no memory as a consumer page/, () => [device(), silentBell()]],
  ['a file as doorbell', /sent no doorbell/, () => [blankPage(), regularFile()]],
  [
    'a file as doorbell, and more descriptors',
    /sent no doorbell/,
    () => [blankPage(), regularFile(), device(), device()],
  ],
]

for (const [what, reason, make] of wrongJoins)
  test(`A viewer that sends ${what} is refused in words`, async (t) => {
    await withstand(t, async (path) => {
      const link = await joinWith(path, make())
      await assert.rejects(link.next(MessageType.queueWelcome), (error) => {
        assert.match(String(error), reason)
        return true
      })
      await link.close()
    })
  })

const wrongPayloads: readonly [string, Uint8Array<ArrayBuffer>][] = [
  ['an empty join', new Uint8Array(0)],
  ['a join that is too long', new Uint8Array(9)],
  ['an unknown mode', Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0)],
  ['a cap of 0', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0)],
  ['a cap of 63', Uint8Array.of(0, 0, 0, 0, 63, 0, 0, 0)],
]

for (const [what, payload] of wrongPayloads)
  test(`A viewer that sends ${what} is refused in words`, async (t) => {
    await withstand(t, async (path) => {
      const link = await joinWith(path, [blankPage(), silentBell()], payload)
      await assert.rejects(link.next(MessageType.queueWelcome), { code: 'EPROTO' })
      await link.close()
    })
  })

test('Surplus descriptors of a join are closed', async (t) => {
  await withstand(t, async (path) => {
    const link = await joinWith(path, [blankPage(), silentBell(), device(), device()])
    const welcome = await link.next(MessageType.queueWelcome)
    assert.equal(welcome?.fds.length, 8)
    for (const fd of welcome.fds) fd.close()
    await link.close()
  })
})

test('A peer that sends garbage instead of a join is dropped', async (t) => {
  await withstand(t, async (path) => {
    const fd = OwnedFd.adopt(native().connect(path))
    const garbage = new TextEncoder().encode('GET / HTTP/1.1\r\n\r\n')
    assert.equal(native().send(fd.number, garbage, garbage.length), garbage.length)
    const bytes = new Uint8Array(65_536)
    await until(() => {
      const received = native().receive(fd.number, bytes, new Int32Array(257))
      return received === 0 || received === -104
    })
    fd.close()
  })
})

test('A viewer that sends garbage after it joined is dropped', async (t) => {
  await withstand(t, async (path, queue) => {
    const page = new ViewerPage()
    const bell = new Doorbell()
    const fd = OwnedFd.adopt(native().connect(path))
    const hello = encodeMessage(MessageType.hello, 0, encodeHello(OUR_HELLO))
    const join = encodeMessage(MessageType.queueJoin, 0, encodeJoin({ mode: 'latest', maxHeld: 1 }))
    native().send(fd.number, hello, hello.length)
    const fds = Int32Array.of(page.fd.number, bell.set.number)
    native().send(fd.number, join, join.length, fds)
    await until(() => queue.consumers.length === 2)
    native().send(fd.number, new Uint8Array(3), 3)
    await until(() => queue.consumers.length === 1)
    fd.close()
    bell.close()
    page[Symbol.dispose]()
  })
})

test('A viewer that leaves before it joined leaves nothing behind', async (t) => {
  await withstand(t, async (path) => {
    const link = await connectLink(path)
    await link.close()
    const fd = OwnedFd.adopt(native().connect(path))
    fd.close()
  })
})

test('A viewer that claims more buffers than its cap is disconnected once it stalls the camera', async (t) => {
  const slowConsumer = { afterMs: 20, then: 'wait' as const }
  await withstand(
    t,
    async (path, queue) => {
      await using liar = await joinAsLiar(path, { mode: 'latest', maxHeld: 1 })
      liar.words.store(CONSUMER_CLAIMS, -1)
      liar.words.store(CONSUMER_CLAIMS + 1, -1)
      // No buffer is left: this waits until the liar is gone.
      const frame = await queue.dequeue({ timeoutMs: 10_000 })
      frame.cancel()
      await assert.rejects(liar.link.next(MessageType.user), {
        code: 'EPROTO',
        message: 'EPROTO: Disconnected: it claims 64 buffers, its cap is 1',
      })
    },
    { slowConsumer },
  )
})

test('A viewer that has read the future costs nobody a frame, and is disconnected at the next stall', async (t) => {
  const slowConsumer = { afterMs: 20, then: 'wait' as const }
  using _silence = onWarning(() => {})
  await withstand(
    t,
    async (path, queue, honest) => {
      await using liar = await joinAsLiar(path, { mode: 'fifo', maxHeld: 1 })
      liar.words.store(CONSUMER_CURSOR, 1_000_000)
      for (let i = 0; i < 6; i++) await publish(queue)
      const stalled = publish(queue)
      await assert.rejects(liar.link.next(MessageType.user), {
        code: 'EPROTO',
        message: 'EPROTO: Disconnected: it has read frames that were never published',
      })
      assert.equal((await honest.read(7)).length, 7)
      await stalled
    },
    { slowConsumer },
  )
})

test('A viewer that claims and unclaims without end, and takes nothing, is disconnected by policy', async (t) => {
  const slowConsumer = { afterMs: 50, then: 'disconnect' as const }
  await withstand(
    t,
    async (path, queue, honest) => {
      await using liar = await joinAsLiar(path, { mode: 'fifo', maxHeld: 3 })
      const reading = honest.read(queue.bufferCount + 1)
      let turn = 0
      // Never the same two claims again while the test lasts.
      const fidget = setInterval(() => {
        liar.words.store(CONSUMER_CLAIMS, 1 << (turn % 31))
        liar.words.store(CONSUMER_CLAIMS + 1, 1 << (Math.floor(turn++ / 31) % 31))
      }, 1)
      try {
        // As many as wait for it until the camera has no buffer left, and one more.
        for (let i = 0; i <= queue.bufferCount; i++) await publish(queue)
      } finally {
        clearInterval(fidget)
      }
      assert.equal((await reading).length, queue.bufferCount + 1)
      assert.deepEqual(
        queue.consumers.filter(({ evicted }) => evicted).map(({ lagFrames }) => lagFrames > 0),
        [true],
      )
    },
    { slowConsumer },
  )
})

test('A viewer whose cursor goes back keeps no more than it kept before', async (t) => {
  await withstand(t, async (path, queue) => {
    await using liar = await joinAsLiar(path, { mode: 'fifo', maxHeld: 1 })
    liar.words.store(CONSUMER_CURSOR, queue.stats().queued + 1)
    const [consumer] = queue.consumers.slice(-1)
    assert.equal(consumer?.lagFrames, 0)
    liar.words.store(CONSUMER_CURSOR, 0)
    assert.equal(consumer.lagFrames, 0)
  })
})

for (const error of [undefined, new DmaBufError('EIO', 'work', 'It failed')])
  test(`Whatever a viewer writes, the fence of a frame ${error === undefined ? 'signals' : 'fails'} when the camera says so, and another viewer is woken`, async (t) => {
    const path = socketPath(t)
    await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 6 })
    await using liar = await joinAsLiar(path, { mode: 'fifo', maxHeld: 1 })
    await using stream = await connectFrames(path, { fences: 'pass' })
    const fence = mockFence()
    const frame = await queue.dequeue()
    frame.queue({ fence })
    using seen = await stream.receive()
    const ended = seen!.fence!.wait({ timeoutMs: 20_000 }).then(
      () => undefined,
      (reason: unknown) => (reason as { code: unknown }).code,
    )
    for (const value of [1, -1, -5, 0x7fffffff, 0])
      for (let word = 0; word < liar.words.length; word++) {
        liar.words.store(word, value)
        if (word % 64 === 0) liar.bell.ring()
        if (word % 64 === 0) await afterTurn(undefined)
      }
    assert.deepEqual([fence.isSignaled(), seen!.fence!.isSignaled()], [false, false])
    signalFence(fence, error)
    assert.equal(await ended, error?.code)
    assert.deepEqual([fence.isSignaled(), fence.error], [true, error])
  })

test('A socket as doorbell neither blocks the camera nor keeps it busy', async (t) => {
  await withstand(t, async (path) => {
    const pair = new Int32Array(2)
    native().socketPair(pair)
    const [theirs, ours] = [OwnedFd.adopt(pair[0] ?? -1), OwnedFd.adopt(pair[1] ?? -1)]
    const page = new ViewerPage()
    const link = await joinWith(path, [page.fd, theirs])
    native().send(ours.number, new Uint8Array(8), 8)
    const welcome = await link.next(MessageType.queueWelcome)
    for (const fd of welcome?.fds ?? []) fd.close()
    const before = process.cpuUsage()
    const startMs = performance.now()
    await until(() => performance.now() - startMs > 100)
    const { user, system } = process.cpuUsage(before)
    const busy = (user + system) / 1000 / (performance.now() - startMs)
    assert.ok(busy < 0.5, `Busy for ${busy} of the time`)
    await link.close()
    ours.close()
    page[Symbol.dispose]()
  })
})
