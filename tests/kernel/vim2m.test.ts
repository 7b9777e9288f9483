// Goal: a device that makes one picture of another (vim2m) reads from our buffers and writes into our buffers.
// Method: both of its queues are fed with dma-bufs, and every byte of the result is compared. Our capture knows cameras
// only, so the two queues are driven by what is below it. Only the custom kernel has it: npm run test:kernel -- --custom.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { DmaBuf } from '#src/core/buffer/buffer.js'
import { BufferQueue } from '#src/devices/v4l2/buffer-queue.js'
import { listCameras } from '#src/devices/v4l2/index.js'
import { VideoNode } from '#src/devices/v4l2/video-node.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { fdOf } from '#src/linux/memory-of-fd.js'
import { openHeap } from '#src/linux/open-heap.js'
import { Struct } from '#src/uapi/struct.js'
import { V4L2_BUF_TYPE_VIDEO_CAPTURE, fourccNumber } from '#src/uapi/videodev2.js'
import {
  decodePixFormat,
  encodeFormatType,
  encodePixFormat,
  V4L2_FIELD_NONE,
  VIDIOC_G_FMT,
  VIDIOC_S_FMT,
} from '#src/uapi/videodev2-formats.js'
import { thrownCode } from '../helpers/error-code.js'
import { countResources, settled } from '../helpers/leaks.js'

/** V4L2_BUF_TYPE_VIDEO_OUTPUT: what goes into the device. */
const OUTPUT = 2
const CLASS = '/sys/class/video4linux'
const WIDTH = 320
const HEIGHT = 240
const PICTURE_BYTES = WIDTH * HEIGHT * 3

function findNode(): string | undefined {
  const names = existsSync(CLASS) ? readdirSync(CLASS) : []
  const name = names.find((one) => readFileSync(`${CLASS}/${one}/name`, 'utf8').includes('vim2m'))
  return name === undefined ? undefined : `/dev/${name}`
}

const path = findNode() ?? ''
const WITH_VIM2M = { skip: path === '' ? 'this kernel has no vim2m (--custom has)' : false }

function setFormat(node: VideoNode, type: number, fourcc: string): void {
  const now = encodeFormatType(type)
  node.call(VIDIOC_G_FMT, now, 'ask')
  const size = { width: WIDTH, height: HEIGHT, pixelFormat: fourccNumber(fourcc) }
  const wanted = { ...decodePixFormat(now), ...size, field: V4L2_FIELD_NONE }
  const bytes = encodePixFormat({ ...wanted, bytesPerLine: 0, sizeImageBytes: 0 })
  // The codec is for what gives pictures; the queue is the first member.
  new Struct(bytes).setU32(0, type)
  node.call(VIDIOC_S_FMT, bytes, 'set the format of')
  const { width, height, sizeImageBytes, pixelFormat } = decodePixFormat(bytes)
  assert.deepEqual(
    [width, height, sizeImageBytes, pixelFormat],
    [WIDTH, HEIGHT, PICTURE_BYTES, fourccNumber(fourcc)],
  )
}

function openQueue(node: VideoNode, type: number, fourcc: string): BufferQueue {
  setFormat(node, type, fourcc)
  const queue = new BufferQueue(node, type, 1)
  assert.ok(queue.request('import', 2) >= 2)
  return queue
}

function pieceOf(buffer: DmaBuf): { fd: number; lengthBytes: number } {
  return { fd: fdOf(buffer, 'test').number, lengthBytes: buffer.lengthBytes }
}

/** Some picture: no two neighbours are the same. */
const pixel = (at: number, seed: number): number => (at * 7 + (at >> 8) + seed) & 0xff

async function draw(buffer: DmaBuf, seed: number): Promise<void> {
  using access = await buffer.beginCpuAccess('write')
  const { bytes } = access
  for (let at = 0; at < PICTURE_BYTES; at++) bytes[at] = pixel(at, seed)
}

/** How many bytes of a picture are not the drawn ones, taken from there. */
async function wrongBytes(
  buffer: DmaBuf,
  seed: number,
  from: (at: number) => number,
): Promise<number> {
  using access = await buffer.beginCpuAccess('read')
  let wrong = 0
  const { bytes } = access
  for (let at = 0; at < PICTURE_BYTES; at++) if (bytes[at] !== pixel(from(at), seed)) wrong++
  return wrong
}

/** One picture through the device. */
async function convert(
  [input, source]: readonly [BufferQueue, DmaBuf],
  [output, target]: readonly [BufferQueue, DmaBuf],
): Promise<void> {
  input.give(0, [pieceOf(source)])
  output.give(0, [pieceOf(target)])
  await output.ready()
  const made = output.take()
  assert.deepEqual([made?.index, made?.damaged, made?.bytesUsed], [0, false, [PICTURE_BYTES]])
  assert.equal(input.take()?.index, 0)
}

for (const [fourcc, what, from] of [
  ['RGB3', 'the same', (at: number) => at],
  ['BGR3', 'with red and blue exchanged', (at: number) => at + 2 - 2 * (at % 3)],
] as const)
  void test(`vim2m reads one of our buffers and writes another: ${what}`, WITH_VIM2M, async () => {
    await settled()
    const before = countResources()
    {
      using heap = openHeap({ need: 'device', kinds: ['dma-heap'] })
      using pages = openHeap({ need: 'device', kinds: ['udmabuf'] })
      using source = heap.allocate(PICTURE_BYTES)
      using target = pages.allocate(PICTURE_BYTES)
      using node = new VideoNode(path)
      using input = openQueue(node, OUTPUT, 'RGB3')
      using output = openQueue(node, V4L2_BUF_TYPE_VIDEO_CAPTURE, fourcc)
      input.start()
      output.start()
      for (const seed of [1, 2, 3]) {
        await draw(source, seed)
        await convert([input, source], [output, target])
        assert.equal(await wrongBytes(target, seed, from), 0)
        assert.equal(await wrongBytes(source, seed, (at) => at), 0)
      }
    }
    await settled()
    assert.deepEqual(countResources(), before)
  })

void test('vim2m refuses memory that is no dma-buf, or too small', WITH_VIM2M, () => {
  using node = new VideoNode(path)
  using memory = openMemfdHeap()
  using heap = openHeap({ need: 'device' })
  using plain = memory.allocate(PICTURE_BYTES)
  using small = heap.allocate(4096)
  for (const type of [OUTPUT, V4L2_BUF_TYPE_VIDEO_CAPTURE]) {
    using queue = openQueue(node, type, 'RGB3')
    for (const buffer of [plain, small])
      assert.equal(
        thrownCode(() => queue.give(0, [pieceOf(buffer)])),
        'EINVAL',
      )
  }
})

void test('listCameras takes no memory-to-memory device for a camera', WITH_VIM2M, () => {
  const found = listCameras().find((device) => device.path === path)
  assert.deepEqual([found?.kind, found?.formats], ['converter', []])
})
