// Goal: cameras are listed for people; where there is none, one line says so and the status is 1.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { deviceLines } from '#src/cli/commands/cameras.js'
import { scratchFolder, startDmabuf, type Ended } from '../../helpers/dmabuf-command.js'

async function run(args: readonly string[]): Promise<Ended> {
  using folder = scratchFolder()
  return await startDmabuf(args, folder.path).ended
}

const size = (maxWidth: number, maxHeight: number) => ({
  minWidth: maxWidth,
  maxWidth,
  stepWidth: 1,
  minHeight: maxHeight,
  maxHeight,
  stepHeight: 1,
})

test('A camera has a line for each format with its largest sizes', () => {
  const sizes = [size(320, 240), size(1920, 1080), size(640, 480), size(800, 600), size(160, 120)]
  const format = {
    fourcc: 'YUYV',
    v4l2Fourcc: 'YUYV',
    description: 'YUYV 4:2:2',
    compressed: false,
  }
  const text = deviceLines({
    path: '/dev/video0',
    name: 'Webcam',
    kind: 'camera',
    driver: 'uvcvideo',
    bus: 'usb-1',
    formats: [
      { ...format, sizes },
      { ...format, sizes },
    ],
    problem: undefined,
  })
  assert.equal(
    text,
    '/dev/video0  Webcam (uvcvideo)\n' +
      '    YUYV  YUYV 4:2:2: 1920x1080, 800x600, 640x480, 320x240 and 1 smaller\n',
  )
})

test('What makes pictures of pictures is no camera', () => {
  const nothing = { driver: 'vim2m', bus: undefined, formats: [], problem: undefined }
  const text = deviceLines({ path: '/dev/video2', name: 'vim2m', kind: 'converter', ...nothing })
  assert.equal(text, '/dev/video2  vim2m: converter\n')
})

test('A node that cannot be used says why', () => {
  const nothing = { driver: undefined, bus: undefined, formats: [] }
  const text = deviceLines({
    path: '/dev/video1',
    name: 'Webcam',
    kind: undefined,
    ...nothing,
    problem: 'EACCES: no',
  })
  assert.equal(text, '/dev/video1  Webcam: unknown: EACCES: no\n')
})

test('Without a camera `play --camera` says so in one line, and fails', async (t) => {
  if (existsSync('/dev/video0')) {
    t.skip('this machine has a camera')
    return
  }
  const { code, stdout, stderr } = await run(['play', '--camera'])
  assert.equal(code, 1)
  assert.equal(stdout, '')
  assert.match(stderr, /^dmabuf: no camera here: [^\n]*\n$/)
})

test('What is no camera is refused in one line', async () => {
  const { code, stderr } = await run(['play', '--camera', '/dev/null', '--json'])
  assert.equal(code, 1)
  assert.match(stderr, /\/dev\/null is no video device/)
})
