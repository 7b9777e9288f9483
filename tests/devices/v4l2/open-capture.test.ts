// Goal: absurd wishes are refused before any device is opened; what is no camera after that.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openCapture, type CaptureOptions } from '#src/devices/v4l2/index.js'
import { openFds } from '../../helpers/leaks.js'

for (const [what, options, error] of [
  ['no buffers', { buffers: 0 }, RangeError],
  ['too many buffers', { buffers: 33 }, RangeError],
  ['half a buffer', { buffers: 1.5 }, RangeError],
  ['no frames', { framesPerSecond: 0 }, RangeError],
  ['an absurd rate', { framesPerSecond: Number.NaN }, RangeError],
  ['an absurd width', { format: { width: 0 } }, RangeError],
  ['an absurd height', { format: { height: 16_385 } }, RangeError],
  ['a name of three letters', { format: { fourcc: 'YUY' } }, TypeError],
  ['a format that is only a name', { format: 'YUYV' }, TypeError],
  ['memory of another kind', { memory: 'copied' }, TypeError],
] as const)
  test(`openCapture refuses ${what}`, async () => {
    await assert.rejects(openCapture('/nonexistent', options as unknown as CaptureOptions), error)
  })

test('openCapture refuses what is no camera, and leaves nothing open', async () => {
  const before = openFds().length
  await assert.rejects(openCapture('/dev/null'), { code: 'EINVAL', message: /no video device/ })
  await assert.rejects(openCapture('/nonexistent'), { code: 'ENOENT' })
  await assert.rejects(openCapture(7 as unknown as string), TypeError)
  assert.equal(openFds().length, before)
})
