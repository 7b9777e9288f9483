// Goal: a viewer that stops costs the others nothing that the policy does not allow, and never sees a frame
// change under its eyes.
// Method: SIGSTOP and SIGCONT.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { onWarning } from '#src/index.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import { until } from '../helpers/leaks.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish, Viewer } from '../helpers/viewer.js'

/** Stops a viewer as Ctrl-Z would; resolves once it stands still. */
async function stop(viewer: Viewer): Promise<void> {
  viewer.remote.signal('SIGSTOP')
  const state = (): string | undefined =>
    readFileSync(`/proc/${viewer.pid}/stat`, 'utf8').split(') ')[1]?.[0]
  await until(() => state() === 'T')
}

test('A FIFO viewer that stands still stalls the camera, which says who, until it goes on', async (t) => {
  const path = socketPath(t)
  const slowConsumer = { afterMs: 30, then: 'wait' as const }
  await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 4, slowConsumer })
  await using viewer = await Viewer.start(path)
  await using other = await Viewer.start(path)
  const reading = viewer.read(20)
  const others = other.read(20)
  for (let i = 0; i < 5; i++) await publish(queue)
  await until(() => queue.consumers.every(({ lagFrames }) => lagFrames === 0))
  await stop(viewer)
  const messages: string[] = []
  using _hook = onWarning(({ message }) => messages.push(message))
  const publishing = (async () => {
    for (let i = 0; i < 15; i++) await publish(queue)
  })()
  await until(() => messages.length > 0)
  assert.deepEqual(
    queue.stalledBy.map(({ pid }) => pid),
    [viewer.pid],
  )
  assert.match(messages[0] ?? '', new RegExp(`pid ${viewer.pid}\\) has not moved for 30 ms`))
  viewer.remote.signal('SIGCONT')
  await publishing
  assert.deepEqual(queue.stalledBy, [])
  for (const seen of [await reading, await others])
    assert.deepEqual(
      seen.map(({ value }) => value),
      Array.from({ length: 20 }, (_, i) => i + 1),
    )
})

test('A latest viewer that stands still stalls nobody', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 4 })
  await using still = await Viewer.start(path, { mode: 'latest' })
  await using other = await Viewer.start(path)
  await publish(queue)
  await still.hold()
  const reading = other.read()
  await stop(still)
  for (let i = 0; i < 200; i++) await publish(queue)
  await queue.close()
  assert.equal((await reading).length, 201)
  still.remote.signal('SIGCONT')
})

test('A stopped FIFO viewer is disconnected by policy; others go on, and its frame keeps its bytes', async (t) => {
  const path = socketPath(t)
  const slowConsumer = { afterMs: 300, then: 'disconnect' as const }
  await using queue = await serveFrames(path, { lengthBytes: 65_536, buffers: 5, slowConsumer })
  await using victim = await Viewer.start(path)
  await using fifo = await Viewer.start(path)
  await using latest = await Viewer.start(path, { mode: 'latest' })
  await publish(queue, 111)
  assert.equal((await victim.hold())[0]?.value, 111)
  await stop(victim)
  const reading = fifo.read()
  for (let i = 2; i <= 300; i++) await publish(queue, i & 63)
  assert.deepEqual(
    queue.consumers.map(({ pid, evicted }) => ({ pid, evicted })),
    [
      { pid: victim.pid, evicted: true },
      { pid: fifo.pid, evicted: false },
      { pid: latest.pid, evicted: false },
    ],
  )
  assert.equal(queue.consumers[0]?.held, 1)
  victim.remote.signal('SIGCONT')
  const looked = await victim.remote.run(async ({ state }) => {
    const [frame] = state.held
    const values = new Set(frame?.bytes)
    const error = await state.stream.receive().then(
      () => undefined,
      (thrown: unknown) => thrown as { code: string; message: string },
    )
    return { values: [...values], code: error?.code, message: error?.message }
  })
  assert.deepEqual(looked, {
    values: [111],
    code: 'ETIMEDOUT',
    message: `ETIMEDOUT: Consumer 1 (pid ${victim.pid}) has not moved for 300 ms: disconnected`,
  })
  await victim.release()
  await until(() => queue.consumers.length === 2)
  await queue.close()
  assert.equal((await reading).length, 300)
})

test('A FIFO viewer that is evicted between two reads never gets a frame that is being refilled', async (t) => {
  const path = socketPath(t)
  const slowConsumer = { afterMs: 5, then: 'disconnect' as const }
  await using queue = await serveFrames(path, { lengthBytes: 262_144, buffers: 4, slowConsumer })
  for (let round = 0; round < 4; round++) {
    await using victim = await Viewer.start(path)
    const reading = victim.remote.run(async ({ state }) => {
      const torn: number[] = []
      try {
        for await (const frame of state.stream) {
          const { bytes } = frame
          if (!bytes.every((byte) => byte === bytes[0])) torn.push(frame.sequence)
          frame.release()
        }
      } catch (error) {
        return { torn, code: (error as { code: string }).code }
      }
      return { torn, code: undefined }
    })
    for (let i = 0; i < 10; i++) await publish(queue)
    await stop(victim)
    for (let i = 0; i < 40; i++) await publish(queue)
    victim.remote.signal('SIGCONT')
    for (let i = 0; i < 40; i++) await publish(queue)
    const { torn, code } = await reading
    assert.deepEqual(torn, [])
    assert.equal(code, 'ETIMEDOUT')
    await until(() => queue.consumers.length === 0)
  }
})
