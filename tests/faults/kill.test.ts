// Goal: anyone may be killed at any time; the others go on, or hear of it, within 100 ms.
// Method: kill -9 in mid-run, several times; the median must be below 100 ms and none above a second, so
// that a busy machine does not decide.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectFrames } from '#src/linux/connect-frames.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import { Camera } from '../helpers/camera.js'
import { countResources, settled, until } from '../helpers/leaks.js'
import { median, monotonicMs } from '../helpers/median.js'
import { Remote } from '../helpers/remote.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish, Viewer, type ViewerState } from '../helpers/viewer.js'

const KILLS = 5
const FRAME = { lengthBytes: 65_536 }

function assertQuick(times: readonly number[], what: string): void {
  const text = `${what}: ${times.map((ms) => ms.toFixed(1)).join(', ')} ms`
  assert.ok(median(times) < 100, text)
  assert.ok(Math.max(...times) < 1000, text)
}

test('kill -9 of a viewer gives its buffers back to the camera within 100 ms', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...FRAME, buffers: 5 })
  await using survivor = await Viewer.start(path, { mode: 'latest' })
  const times: number[] = []
  for (let i = 0; i < KILLS; i++) {
    await using victim = await Viewer.start(path, { maxHeld: 2 })
    for (let n = 0; n < 5; n++) await publish(queue)
    await victim.hold(2)
    // All five are held or unread: this waits for the victim's death.
    const waiting = queue.dequeue({ timeoutMs: 10_000 })
    await settled()
    assert.deepEqual(
      queue.stalledBy.map(({ pid, held }) => ({ pid, held })),
      [{ pid: victim.pid, held: 2 }],
    )
    const killedMs = monotonicMs()
    victim.remote.signal('SIGKILL')
    const frame = await waiting
    times.push(monotonicMs() - killedMs)
    frame.queue()
    const seen = await survivor.read(1)
    assert.equal(seen[0]?.sequence, queue.stats().queued)
  }
  assertQuick(times, 'A buffer was back after')
})

test('kill -9 of a viewer leaves nothing of it in the camera', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { ...FRAME, buffers: 4 })
  await settled()
  const before = countResources()
  for (let i = 0; i < KILLS; i++) {
    await using victim = await Viewer.start(path)
    await publish(queue)
    await victim.hold()
    await victim.remote.kill()
    await until(() => queue.consumers.length === 0)
  }
  await settled()
  assert.deepEqual(countResources(), before)
})

test('kill -9 of a viewer in the middle of everything, at random moments, never loses a buffer', async (t) => {
  const path = socketPath(t)
  const seed = Date.now() % 1e6
  t.diagnostic(`seed ${seed}`)
  let random = seed
  await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 5 })
  await using survivor = await Viewer.start(path)
  const reading = survivor.read()
  let isRunning = true
  const running = (async () => {
    while (isRunning) await publish(queue)
  })()
  for (let i = 0; i < 8; i++) {
    await using victim = await Viewer.start(path, {
      maxHeld: 2,
      mode: i % 2 === 0 ? 'fifo' : 'latest',
    })
    void victim.read().catch(() => {})
    random = (random * 1_103_515_245 + 12_345) & 0x7fffffff
    const soonMs = performance.now() + (random % 20)
    await until(() => performance.now() >= soonMs)
    victim.remote.signal('SIGKILL')
  }
  isRunning = false
  await running
  const { queued } = queue.stats()
  await until(() => queue.consumers.length === 1)
  await queue.close()
  const seen = await reading
  assert.equal(seen.length, queued)
  seen.forEach(({ sequence, value }, index) => {
    assert.equal(sequence, index + 1)
    assert.equal(value, (index + 1) & 255)
  })
})

test('kill -9 of the camera ends the iteration of every viewer with EOWNERDEAD within 100 ms', async (t) => {
  const path = socketPath(t)
  const times: number[] = []
  await using first = await Remote.start<ViewerState>()
  await using second = await Remote.start<ViewerState>()
  for (let i = 0; i < KILLS; i++) {
    await using camera = await Camera.start(path, { ...FRAME, buffers: 5 })
    const iterate = (viewer: Remote<ViewerState>, mode: 'fifo' | 'latest') =>
      viewer.run(
        async ({ linux, state }, at, how) => {
          state.stream = await linux.connectFrames(at, { mode: how })
          let count = 0
          try {
            for await (const frame of state.stream) {
              count++
              frame.release()
            }
            return { code: 'a clean end', message: '', atMs: 0, count }
          } catch (error) {
            const { code, message } = error as { code: string; message: string }
            return { code, message, atMs: Number(process.hrtime.bigint()) / 1e6, count }
          } finally {
            await state.stream.close()
          }
        },
        path,
        mode,
      )
    const iterations = [iterate(first, 'fifo'), iterate(second, 'latest')]
    await camera.untilJoined(2)
    await camera.run()
    await camera.remote.run(({ state, resources }) =>
      resources.until(() => {
        const { queued } = state.queue.stats()
        return queued > 50 && state.queue.consumers.every(({ lagFrames }) => lagFrames < queued)
      }),
    )
    const killedMs = monotonicMs()
    camera.remote.signal('SIGKILL')
    for (const { code, message, atMs, count } of await Promise.all(iterations)) {
      assert.equal(code, 'EOWNERDEAD')
      assert.match(message, new RegExp(`The peer \\(pid ${camera.pid}\\)`))
      assert.ok(count > 0)
      times.push(atMs - killedMs)
    }
  }
  assertQuick(times, 'A viewer heard of it after')
})

test('A camera that is killed and started again finds its viewers, and no frame is mixed', async (t) => {
  const path = socketPath(t)
  await using viewer = await Remote.start<{
    seen: { generation: number; sequence: number; isWhole: boolean }[]
    done: Promise<void>
  }>()
  // Before its camera.
  await viewer.run(({ linux, state }, at) => {
    state.seen = []
    const iterate = async (): Promise<void> => {
      const stream = await linux.connectFrames(at, { waitForServer: true })
      for await (const frame of stream) {
        const { bytes, sequence } = frame
        const generation = bytes[0] ?? 0
        state.seen.push({ generation, sequence, isWhole: bytes.every((b) => b === generation) })
        frame.release()
      }
      await stream.close()
    }
    state.done = iterate()
  }, path)
  const done = viewer.run(({ state }) => state.done)
  done.catch(() => {})
  for (const generation of [1, 2, 3, 4]) {
    await using camera = await Camera.start(path, { ...FRAME, buffers: 4 })
    await Promise.race([camera.untilJoined(1), done.then(() => assert.fail('The viewer ended'))])
    await camera.remote.run(async ({ state }, value) => {
      for (let i = 0; i < 20; i++) {
        const frame = await state.queue.dequeue()
        frame.bytes.fill(value)
        frame.queue()
      }
    }, generation)
    if (generation === 4) await camera.close()
    else await camera.remote.kill()
  }
  await done
  const seen = await viewer.run(({ state }) => state.seen)
  assert.ok(seen.every(({ isWhole }) => isWhole))
  for (const generation of [1, 2, 3, 4]) {
    const own = seen.filter((frame) => frame.generation === generation)
    // Whoever is killed takes unread frames along, but never one out of the middle.
    own.forEach(({ sequence }, index) => assert.equal(sequence, index + 1))
    assert.ok(own.length >= 16 && own.length <= 20, `${own.length} of generation ${generation}`)
  }
  const order = seen.map(({ generation }) => generation)
  assert.deepEqual(order, [...order].sort())
  assert.equal(seen.filter(({ generation }) => generation === 4).length, 20)
})

test('The stale socket of a killed camera does not stop the next one; a live one does', async (t) => {
  const path = socketPath(t)
  await using first = await Camera.start(path, FRAME)
  await assert.rejects(serveFrames(path, FRAME), { code: 'EADDRINUSE' })
  await first.remote.kill()
  await using queue = await serveFrames(path, FRAME)
  await using stream = await connectFrames(path)
  await publish(queue)
  using frame = await stream.receive()
  assert.equal(frame?.sequence, 1)
})

test('A clean end and a death are told apart in every order', async (t) => {
  // What the camera does before it is killed, and how the viewer's reading must end.
  const orders: readonly [string, boolean, boolean, 'end' | 'EOWNERDEAD'][] = [
    ['killed at once', false, false, 'EOWNERDEAD'],
    ['killed with frames unread', true, false, 'EOWNERDEAD'],
    ['closed, then killed', false, true, 'end'],
    ['closed with frames unread, then killed', true, true, 'end'],
  ]
  for (const isReading of [false, true])
    for (const [what, doesPublish, doesClose, expected] of orders) {
      const path = socketPath(t)
      await using camera = await Camera.start(path, { lengthBytes: 4096, buffers: 4 })
      await using stream = await connectFrames(path)
      const readAll = async (): Promise<string> => {
        let count = 0
        try {
          for await (using _frame of stream) count++
        } catch (error) {
          return (error as { code: string }).code
        }
        // A clean end comes after every frame.
        assert.equal(count, doesPublish ? 2 : 0)
        return 'end'
      }
      const early = isReading ? readAll() : undefined
      await camera.remote
        .run(
          async ({ state }, publishes, closes) => {
            for (let i = 0; publishes && i < 2; i++) (await state.queue.dequeue()).queue()
            if (closes) await state.queue.close()
            process.kill(process.pid, 'SIGKILL')
          },
          doesPublish,
          doesClose,
        )
        .catch(() => {})
      await camera.remote.exited
      assert.equal(await (early ?? readAll()), expected, `${what}, reading ${isReading}`)
    }
})

test('A viewer that leaves cleanly and one that is killed are both gone from the camera', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 6 })
  for (const leave of ['close', 'exit', 'kill'] as const) {
    await using viewer = await Viewer.start(path)
    for (let i = 0; i < 3; i++) await publish(queue)
    await viewer.hold()
    assert.equal(queue.consumers.length, 1)
    if (leave === 'close') await viewer.close()
    else if (leave === 'exit') await viewer.remote.leave()
    else await viewer.remote.kill()
    await until(() => queue.consumers.length === 0)
    // All but the newest are free.
    const free = Array.from({ length: 6 }, () => queue.tryDequeue()).filter(Boolean)
    assert.equal(free.length, 5, `After ${leave}`)
    for (const frame of free) frame?.cancel()
  }
})
