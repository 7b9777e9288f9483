// Goal: a clip says what its frames are, and plays them into a queue; what is wrong with it is one line.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openClip } from '#src/cli/roles/clip-feed.js'
import { createFrameQueue } from '#src/linux/index.js'
import { scratchFolder, y4mClip } from '../../helpers/dmabuf-command.js'

const options = { fast: true, loop: false, frames: undefined }

test('openClip says what the frames of a clip are', async () => {
  using folder = scratchFolder()
  const input = join(folder.path, 'clip.y4m')
  writeFileSync(input, y4mClip({ width: 8, height: 4, frames: 2 }))
  const feed = await openClip({ input, ...options })
  assert.equal(feed.name, input)
  assert.ok((feed.framesPerSecond ?? 0) > 0)
  const { fourcc, width, height } = feed.queue.format ?? {}
  assert.deepEqual([fourcc, width, height], ['YU12', 8, 4])
  assert.deepEqual(feed.progress(), {})
  assert.equal(feed.memory, undefined)
  await using queue = createFrameQueue({ ...feed.queue, buffers: 4 })
  await feed.play(queue, new AbortController().signal)
  assert.equal(queue.stats().queued, 2)
  await feed.close()
})

test('openClip says in one line what is wrong with the input', async () => {
  await assert.rejects(openClip({ input: '/nonexistent/clip', ...options }), {
    name: 'InputError',
    message: 'no such file: /nonexistent/clip',
  })
})
