// Goal: coming and going, and coming in crowds, leaves nothing behind and nobody without an answer.
// Method: counts of descriptors and mappings on both sides.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serveFrames } from '#src/linux/serve-frames.js'
import { countResources, settled, until } from '../helpers/leaks.js'
import { Remote } from '../helpers/remote.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish } from '../helpers/viewer.js'

test('1,000 connections and disconnections leave both sides with what they started with', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 4 })
  await using viewer = await Remote.start()
  const cycle = (count: number) =>
    viewer.run(
      async ({ linux, resources }, at, times) => {
        // A function of its own: what a finished call held cannot be kept from the collector.
        const visit = async (i: number): Promise<void> => {
          const stream = await linux.connectFrames(at, { mode: i % 2 === 0 ? 'fifo' : 'latest' })
          if (i % 2 === 1) {
            const frame = await stream.receive()
            if (frame?.bytes[0] !== 1) throw new Error(`Frame of cycle ${i}`)
            // Every other one is left to close().
            if (i % 4 === 1) frame.release()
          }
          await stream.close()
        }
        for (let i = 0; i < times; i++) await visit(i)
        // Views of frames that were left to close() go with their frames, whenever those are collected.
        for (let turn = 0; turn < 50; turn++) {
          await resources.settled()
          if (resources.countResources().mappings === 0) break
        }
        return resources.countResources()
      },
      path,
      count,
    )
  await publish(queue, 1)
  const { fds } = await cycle(20)
  await until(() => queue.consumers.length === 0)
  await settled()
  const ours = countResources()
  assert.deepEqual(await cycle(980), { fds, mappings: 0 })
  await until(() => queue.consumers.length === 0)
  await settled()
  assert.deepEqual(countResources(), ours)
})

test('1,000 refused viewers leave both sides with what they started with', async (t) => {
  const path = socketPath(t)
  await using _queue = await serveFrames(path, { lengthBytes: 4096, buffers: 2 })
  await using viewer = await Remote.start()
  const knock = (count: number) =>
    viewer.run(
      async ({ linux, resources }, at, times) => {
        for (let i = 0; i < times; i++) {
          const error = await linux.connectFrames(at).then(
            () => undefined,
            (thrown: unknown) => thrown as { code: string },
          )
          if (error?.code !== 'EBUSY') throw new Error(`Not refused but ${error?.code}`)
        }
        await resources.settled()
        return resources.countResources()
      },
      path,
      count,
    )
  const { fds } = await knock(10)
  await settled()
  const ours = countResources()
  assert.deepEqual(await knock(990), { fds, mappings: 0 })
  await settled()
  assert.deepEqual(countResources(), ours)
})

test('200 viewers that connect at once all get in or are refused in words', async (t) => {
  const path = socketPath(t)
  await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 64 })
  const crowds: Remote<{ streams: AsyncDisposable[] }>[] = []
  for (let i = 0; i < 4; i++) crowds.push(await Remote.start())
  t.after(async () => {
    for (const crowd of crowds) await crowd[Symbol.asyncDispose]()
  })
  const answers = await Promise.all(
    crowds.map((crowd) =>
      crowd.run(async ({ linux, state }, at) => {
        const connecting = Array.from({ length: 50 }, () => linux.connectFrames(at))
        const results = await Promise.allSettled(connecting)
        state.streams = []
        return results.map((result) => {
          if (result.status === 'rejected') return (result.reason as Error).message
          state.streams.push(result.value)
          return 'in'
        })
      }, path),
    ),
  )
  const all = answers.flat()
  const refusals = all.filter((answer) => answer !== 'in')
  for (const refusal of refusals) assert.match(refusal, /^EBUSY: .* 64 buffers.*\{ buffers: 65 \}/)
  assert.equal(refusals.length, 138)
  assert.equal(all.filter((answer) => answer === 'in').length, 62)
  assert.equal(queue.consumers.length, 62)
  // Those who are in are served: none has read, so each would stall the camera now.
  for (let i = 0; i < 64; i++) await publish(queue)
  await assert.rejects(queue.dequeue({ timeoutMs: 10 }), { code: 'ETIMEDOUT' })
  for (const crowd of crowds) await crowd.kill()
  await until(() => queue.consumers.length === 0)
  await publish(queue)
})

test('Viewers that wait for their server in a crowd all get in when it starts', async (t) => {
  const path = socketPath(t)
  await using crowd = await Remote.start()
  const connecting = crowd.run(async ({ linux }, at) => {
    const streams = await Promise.all(
      Array.from({ length: 30 }, () => linux.connectFrames(at, { waitForServer: true })),
    )
    const frames = await Promise.all(streams.map((stream) => stream.receive()))
    return frames.map((frame) => frame?.sequence)
  }, path)
  await using queue = await serveFrames(path, { lengthBytes: 4096, buffers: 40 })
  await until(() => queue.consumers.length === 30)
  await publish(queue)
  assert.deepEqual(new Set(await connecting), new Set([1]))
})
