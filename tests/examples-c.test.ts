// Goal: a program in C that was written from docs/wire-format.md alone is a full consumer of a queue.
// Method: examples/c/join-queue.c is compiled and joins real queues; what it prints of each frame is compared
// with what was written into it.
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test, type TestContext } from 'node:test'
import { signalFence } from '#src/core/fence/signal.js'
import { DmaBufError, type Fence } from '#src/index.js'
import type { FrameQueue, QueueOptions } from '#src/linux/index.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import { Camera } from './helpers/camera.js'
import { checksumOf, compileViewer, CViewer, type SeenFrame } from './helpers/c-viewer.js'
import { countResources, settled, until } from './helpers/leaks.js'
import { mockFence } from './helpers/mock-fence.js'
import { Random } from './helpers/random.js'
import { socketPath } from './helpers/socket-path.js'

const { EBUSY, EIO, ENOENT, ETIMEDOUT } = constants.errno
/** Node has no name for it. */
const EOWNERDEAD = 130
const LENGTH = 5000

/** A queue at a path of its own, and viewers of it; all gone after the test. */
class Rig implements AsyncDisposable {
  readonly queue: FrameQueue
  readonly path: string
  readonly #program: string
  readonly #viewers: CViewer[] = []
  readonly #written = new Map<number, SeenFrame>()
  readonly #random = new Random(7)

  private constructor(program: string, path: string, queue: FrameQueue) {
    this.#program = program
    this.path = path
    this.queue = queue
  }

  static async open(
    t: TestContext,
    options: QueueOptions = {},
    variant: Parameters<typeof compileViewer>[1] = 'plain',
  ): Promise<Rig | undefined> {
    const program = compileViewer(t, variant)
    if (program === undefined) return undefined
    const path = socketPath(t)
    const queue = await serveFrames(path, { lengthBytes: LENGTH, buffers: 3, ...options })
    return new Rig(program, path, queue)
  }

  /** Starts a viewer and waits until it has joined. */
  async join(...options: readonly string[]): Promise<CViewer> {
    const wanted = this.queue.consumers.length + 1
    const viewer = this.start(...options)
    await until(() => this.queue.consumers.length === wanted)
    return viewer
  }

  start(...options: readonly string[]): CViewer {
    const viewer = new CViewer(this.#program, this.path, ...options)
    this.#viewers.push(viewer)
    return viewer
  }

  /** Publishes a frame of random length with random bytes. */
  async publish(fence?: Fence): Promise<SeenFrame> {
    const frame = await this.queue.dequeue({ timeoutMs: 20_000 })
    const lengthBytes = 1 + this.#random.below(frame.bytes.length)
    for (let i = 0; i < lengthBytes; i++) frame.bytes[i] = this.#random.below(256)
    const checksum = checksumOf(frame.bytes.subarray(0, lengthBytes))
    frame.queue({ lengthBytes, ...(fence === undefined ? {} : { fence }) })
    const seen = { ticket: this.queue.stats().queued, lengthBytes, checksum }
    this.#written.set(seen.ticket, seen)
    return seen
  }

  async publishMany(count: number): Promise<readonly SeenFrame[]> {
    const frames: SeenFrame[] = []
    for (let i = 0; i < count; i++) frames.push(await this.publish())
    return frames
  }

  /** What was written into the frames that a viewer saw. */
  written(seen: readonly SeenFrame[]): readonly (SeenFrame | undefined)[] {
    return seen.map(({ ticket }) => this.#written.get(ticket))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const viewer of this.#viewers) viewer[Symbol.dispose]()
    await this.queue.close()
  }
}

test('a C viewer reads every frame in order, byte for byte, and leaves with a goodbye', async (t) => {
  await using rig = await Rig.open(t)
  if (rig === undefined) return
  const left: number[] = []
  rig.queue.watchConsumers(({ change, heldAtEnd }) => {
    if (change === 'left') left.push(heldAtEnd)
  })
  const viewer = await rig.join('mode=fifo', 'frames=300')
  const frames = await rig.publishMany(300)
  assert.equal(await viewer.ended(), 'end left')
  assert.deepEqual(viewer.frames, frames)
  await until(() => left.length === 1)
  assert.deepEqual(left, [0])
})

test('a C viewer in mode latest sees whole frames only, and the newest at last', async (t) => {
  await using rig = await Rig.open(t)
  if (rig === undefined) return
  const viewer = await rig.join('mode=latest')
  const frames = await rig.publishMany(300)
  await until(() => viewer.frames.at(-1)?.ticket === 300)
  await rig.queue.close()
  assert.equal(await viewer.ended(), 'end clean')
  assert.deepEqual(viewer.frames, rig.written(viewer.frames))
  assert.deepEqual(viewer.frames.at(-1), frames.at(-1))
  const tickets = viewer.frames.map(({ ticket }) => ticket)
  assert.deepEqual(
    tickets,
    [...new Set(tickets)].sort((a, b) => a - b),
  )
})

test('a C viewer in mode latest gives back a slot that was refilled before it had claimed it', async (t) => {
  await using rig = await Rig.open(t, {}, 'stopping')
  if (rig === undefined) return
  const viewer = await rig.join('mode=latest', 'frames=1')
  await rig.publish()
  // It has seen the first frame, and is about to claim its slot.
  await viewer.stopped()
  const newest = (await rig.publishMany(6)).at(-1)
  viewer.kill('SIGCONT')
  await viewer.stopped()
  viewer.kill('SIGCONT')
  assert.equal(await viewer.ended(), 'end left')
  assert.deepEqual(viewer.frames, [newest])
})

test('a C viewer reads what is published before the end of a queue that closes', async (t) => {
  await using rig = await Rig.open(t, { buffers: 6 })
  if (rig === undefined) return
  const viewer = await rig.join('hold=20')
  const frames = await rig.publishMany(4)
  await rig.queue.close()
  assert.equal(await viewer.ended(), 'end clean')
  assert.deepEqual(viewer.frames, frames)
})

test('a C viewer that the queue has no buffers for prints the refusal', async (t) => {
  await using rig = await Rig.open(t, { buffers: 3 })
  if (rig === undefined) return
  await rig.join()
  const second = rig.start('held=2')
  assert.match(
    await second.ended(),
    new RegExp(`^end ${EBUSY} The queue has 3 buffers, this viewer and those before it need 5`),
  )
})

test('a C viewer that is told to leave stops, and prints why', async (t) => {
  await using rig = await Rig.open(t, { slowConsumer: { afterMs: 100, then: 'disconnect' } })
  if (rig === undefined) return
  const slow = await rig.join('hold=1500')
  await rig.publishMany(4)
  assert.match(await slow.ended(), new RegExp(`^end ${ETIMEDOUT} Consumer .* disconnected$`))
  assert.deepEqual(slow.frames, rig.written(slow.frames))
})

test('a C viewer whose producer is killed says that it died', async (t) => {
  const program = compileViewer(t)
  if (program === undefined) return
  const path = socketPath(t)
  await using camera = await Camera.start(path, { lengthBytes: LENGTH })
  using viewer = new CViewer(program, path)
  await camera.untilJoined(1)
  await camera.publish(3)
  await viewer.printed(3)
  await camera.remote.kill()
  assert.equal(await viewer.ended(), `end ${EOWNERDEAD} the producer died`)
})

test('a C viewer that is killed gives back what it held', async (t) => {
  await settled()
  const before = countResources()
  {
    await using rig = await Rig.open(t)
    if (rig === undefined) return
    const viewer = await rig.join('hold=60000')
    await rig.publish()
    await until(() => rig.queue.consumers[0]?.held === 1)
    viewer.kill('SIGKILL')
    await viewer.ended()
    await until(() => rig.queue.consumers.length === 0)
    const free = [rig.queue.tryDequeue(), rig.queue.tryDequeue()]
    assert.deepEqual(
      free.map((frame) => frame !== undefined),
      [true, true],
    )
    for (const frame of free) frame?.cancel()
  }
  await settled()
  assert.deepEqual(countResources(), before)
})

test('a C viewer that waits for fences takes a frame once its fence has signalled', async (t) => {
  await using rig = await Rig.open(t, { buffers: 5 })
  if (rig === undefined) return
  const waits = await rig.join('fences=wait')
  const passes = await rig.join('fences=pass')
  const fence = mockFence()
  const pending = await rig.publish(fence)
  const [waiting, passing] = rig.queue.consumers
  // Both are rung at once, and one of them has taken it.
  await until(() => passing?.held === 1)
  assert.equal(waiting?.held, 0)
  assert.deepEqual([waits.lines, passes.lines], [[], []])
  signalFence(fence)
  await waits.printed(1)
  await passes.printed(1)
  assert.deepEqual([waits.frames, passes.frames], [[pending], [pending]])
})

test('a C viewer in mode latest shows the newest frame that is ready', async (t) => {
  await using rig = await Rig.open(t, { buffers: 5 })
  if (rig === undefined) return
  const viewer = await rig.join('mode=latest')
  const fence = mockFence()
  await rig.publish(fence)
  const ready = await rig.publish()
  await viewer.printed(1)
  signalFence(fence)
  const last = await rig.publish()
  await viewer.printed(2)
  assert.deepEqual(viewer.frames, [ready, last])
})

for (const how of ['wait', 'pass'])
  test(`a C viewer with fences=${how} is told with which error a frame has failed`, async (t) => {
    await using rig = await Rig.open(t)
    if (rig === undefined) return
    const viewer = await rig.join(`fences=${how}`)
    const fence = mockFence()
    await rig.publish(fence)
    signalFence(fence, new DmaBufError('EIO', 'render', 'The GPU hung'))
    const next = await rig.publish()
    await viewer.printed(2)
    assert.equal(viewer.lines[0], `frame 1 failed ${EIO}`)
    assert.deepEqual(viewer.frames, [next])
  })

test('a C viewer that gives buffers back before it has finished still reads them whole', async (t) => {
  await using rig = await Rig.open(t)
  if (rig === undefined) return
  const viewer = await rig.join('release=late', 'frames=300')
  const frames = await rig.publishMany(300)
  assert.equal(await viewer.ended(), 'end left')
  assert.deepEqual(viewer.frames, frames)
})

test('a buffer that a C viewer still uses after giving it back is not refilled', async (t) => {
  await using rig = await Rig.open(t)
  if (rig === undefined) return
  const viewer = await rig.join('mode=latest', 'release=late', 'hold=60000')
  await rig.publish()
  const [consumer] = rig.queue.consumers
  // It had it, and holds nothing any more.
  await until(() => consumer?.lagFrames === 0 && consumer.held === 0)
  await rig.publish()
  const free = [rig.queue.tryDequeue(), rig.queue.tryDequeue()]
  assert.deepEqual(
    free.map((frame) => frame !== undefined),
    [true, false],
  )
  free[0]?.cancel()
  viewer.kill('SIGKILL')
  await until(() => rig.queue.consumers.length === 0)
  const again = [rig.queue.tryDequeue(), rig.queue.tryDequeue()]
  assert.ok(again.every((frame) => frame !== undefined))
  for (const frame of again) frame?.cancel()
})

test('a C viewer follows a queue whose frames get larger and smaller again', async (t) => {
  await using rig = await Rig.open(t)
  if (rig === undefined) return
  const viewer = await rig.join()
  const frames: SeenFrame[] = []
  for (const lengthBytes of [LENGTH, 100_000, 10, 20_000]) {
    await rig.queue.resize(lengthBytes)
    frames.push(...(await rig.publishMany(10)))
  }
  await viewer.printed(frames.length)
  assert.deepEqual(viewer.frames, frames)
})

test('a C viewer that finds nobody at the path says so', async (t) => {
  const program = compileViewer(t)
  if (program === undefined) return
  const viewer = new CViewer(program, socketPath(t))
  assert.match(await viewer.ended(), new RegExp(`^end ${ENOENT} cannot connect`))
})
