// Goal: whatever the format, frames come once, the source closes itself at the end, and close() is polite.
// Method: a reader of frames by hand, which counts its close().
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FrameReader, FrameSource } from '#src/cli/media/frame-source.js'
import { InputError } from '#src/cli/media/input-error.js'
import type { SourceFormat, SourceFrame } from '#src/cli/media/media-source.js'

const FORMAT: SourceFormat = {
  width: 2,
  height: 2,
  frameRate: { numerator: 25, denominator: 1 },
  range: 'full',
  matrix: 'bt601',
}

function sourceOf(readFrame: FrameReader['readFrame']) {
  const seen = { closeCount: 0 }
  const close = async () => {
    seen.closeCount += 1
  }
  return { source: new FrameSource('y4m', FORMAT, { readFrame, close }), seen }
}

const frame = (index: number): SourceFrame => ({ index, writeTo: () => {} })
const threeFrames = async (index: number) => (index < 3 ? frame(index) : undefined)

async function indexesOf(source: FrameSource): Promise<number[]> {
  const indexes: number[] = []
  for await (const { index } of source.frames()) indexes.push(index)
  return indexes
}

test('FrameSource has the kind and the format it was made with', () => {
  const { source } = sourceOf(threeFrames)
  assert.equal(source.kind, 'y4m')
  assert.equal(source.format, FORMAT)
})

test('FrameSource.frames gives the frames in order and closes at the end', async () => {
  const { source, seen } = sourceOf(threeFrames)
  assert.deepEqual(await indexesOf(source), [0, 1, 2])
  assert.equal(seen.closeCount, 1)
})

test('FrameSource.frames closes when the loop is left early', async () => {
  const { source, seen } = sourceOf(threeFrames)
  for await (const { index } of source.frames()) if (index === 1) break
  assert.equal(seen.closeCount, 1)
})

test('FrameSource.frames closes when a frame is broken', async () => {
  const { source, seen } = sourceOf(() => Promise.reject(new InputError('broken')))
  await assert.rejects(indexesOf(source), { message: 'broken' })
  assert.equal(seen.closeCount, 1)
})

test('FrameSource.frames can be taken once', async () => {
  const { source } = sourceOf(threeFrames)
  source.frames()
  assert.throws(() => source.frames(), { message: /^Frames are taken already/ })
})

test('FrameSource.frames after close throws', async () => {
  const { source } = sourceOf(threeFrames)
  await source.close()
  assert.throws(() => source.frames(), { message: 'Source is closed' })
})

test('FrameSource.close ends a loop that waits for a frame', async () => {
  let deliver: (frame: SourceFrame) => void = () => {}
  const { source } = sourceOf(() => new Promise((resolve) => (deliver = resolve)))
  const next = source.frames().next()
  await source.close()
  deliver(frame(0))
  assert.deepEqual(await next, { done: true, value: undefined })
})

test('FrameSource.close turns the failure of a waiting read into the end', async () => {
  let fail: (error: Error) => void = () => {}
  const { source } = sourceOf(() => new Promise((_, reject) => (fail = reject)))
  const next = source.frames().next()
  await source.close()
  fail(new InputError('cut off in frame 0'))
  assert.deepEqual(await next, { done: true, value: undefined })
})

test('FrameSource.frames reads a frame only when it is asked for', async () => {
  const asked: number[] = []
  const { source } = sourceOf(async (index) => {
    asked.push(index)
    return frame(index)
  })
  const frames = source.frames()
  assert.deepEqual(asked, [])
  await frames.next()
  assert.deepEqual(asked, [0])
  await source.close()
})

test('FrameSource.frames says so when there is no frame at all', async () => {
  const { source } = sourceOf(async () => undefined)
  await assert.rejects(indexesOf(source), {
    name: 'InputError',
    message: 'no frames: only a header',
  })
})
