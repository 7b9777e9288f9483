// Goal: a real driver's pictures come into dma-bufs, ours and its own, unharmed, and nothing of it stays behind.
// Method: vivid, the kernel's virtual camera, shows one colour; every pixel is compared. Faults are injected by its controls.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connectFrames, openHeap, serveFrames } from '#src/linux/index.js'
import {
  listCameras,
  openCapture,
  type CaptureFrame,
  type QueueMemoryKind,
} from '#src/devices/v4l2/index.js'
import { settled } from '../helpers/leaks.js'
import {
  canReloadVivid,
  reloadVivid,
  setControl,
  showOnly,
  unplugVivid,
  vividNode,
} from '../helpers/vivid.js'

const SIZE = { width: 320, height: 180 }
const RATE = { framesPerSecond: 30 }

/** What a pixel of red is in each format: the first bytes of each plane, repeated. */
const RED: Readonly<Record<string, readonly (readonly number[])[]>> = {
  YUYV: [[81, 90, 81, 239]],
  UYVY: [[90, 81, 239, 81]],
  NV12: [[81], [90, 239]],
  YU12: [[81], [90], [239]],
  BG24: [[255, 0, 0]],
  RG24: [[0, 0, 255]],
}

const BUILT_IN = 'this kernel has vivid built in: its parameters are what they are'

let camera = ''
let folder = ''

before(() => {
  camera = vividNode('vid-cap')
  folder = mkdtempSync(join(tmpdir(), 'dmabuf-v4l2-'))
})

after(() => {
  rmSync(folder, { recursive: true })
})

/** Descriptors and mappings of buffers that this process has. */
async function resources(): Promise<{ fds: number; buffers: number }> {
  await settled()
  const maps = readFileSync('/proc/self/maps', 'utf8').split('\n')
  return {
    fds: readdirSync('/proc/self/fd').length,
    buffers: maps.filter((line) => /\/dmabuf:|memfd:dmabuf|\/dev\/video/.test(line)).length,
  }
}

function assertPixels(frame: CaptureFrame, expected: readonly (readonly number[])[]): void {
  assert.equal(frame.format.planes.length, expected.length)
  for (const [index, pixel] of expected.entries()) {
    const bytes = frame.plane(index)
    const wanted = Buffer.alloc(bytes.length)
    for (let at = 0; at < wanted.length; at++) wanted[at] = pixel[at % pixel.length] ?? 0
    const same = Buffer.compare(bytes, wanted) === 0
    assert.ok(same, `plane ${index} begins with ${bytes.subarray(0, 8).join(' ')}`)
  }
}

/** A frame that was begun after now. */
async function freshFrame(capture: Awaited<ReturnType<typeof openCapture>>): Promise<CaptureFrame> {
  for (let skipped = 0; skipped < 5; skipped++) (await capture.receive())?.release()
  const frame = await capture.receive()
  assert.ok(frame)
  return frame
}

test('listCameras tells cameras from what else has such a node', () => {
  const devices = listCameras()
  const found = devices.find(({ path }) => path === camera)
  assert.equal(found?.kind, 'camera')
  assert.equal(found.driver, 'vivid')
  assert.ok(found.formats.some(({ fourcc, sizes }) => fourcc === 'YUYV' && sizes.length > 0))
  assert.equal(devices.find(({ path }) => path === vividNode('meta-cap'))?.kind, 'metadata')
  assert.equal(devices.find(({ path }) => path === vividNode('vid-out'))?.kind, 'output')
})

for (const fourcc of Object.keys(RED))
  test(`${fourcc}: every pixel that the driver writes into our buffers is red`, async () => {
    showOnly('red')
    using heap = openHeap({ need: 'device', kinds: ['dma-heap'] })
    const options = { format: { fourcc, ...SIZE }, ...RATE, memory: 'import', heap } as const
    await using capture = await openCapture(camera, options)
    assert.equal(capture.format.fourcc, fourcc)
    assert.equal(capture.framesPerSecond, 30)
    using frame = await freshFrame(capture)
    assert.equal(frame.buffer.exporterName, 'system')
    assert.equal(frame.zeroCopy, true)
    assertPixels(frame, RED[fourcc] ?? [])
  })

test('A udmabuf is filled as any other dma-buf', async () => {
  showOnly('red')
  using heap = openHeap({ need: 'device', kinds: ['udmabuf'] })
  const options = { format: { fourcc: 'NV12', ...SIZE }, memory: 'import', heap } as const
  await using capture = await openCapture(camera, options)
  using frame = await freshFrame(capture)
  assertPixels(frame, RED['NV12'] ?? [])
})

for (const fourcc of ['YUYV', 'NV12'])
  test(`${fourcc}: every pixel that is copied from the driver's own buffers is red, and every byte is counted`, async () => {
    showOnly('red')
    const options = { format: { fourcc, ...SIZE }, ...RATE, memory: 'copy' } as const
    await using capture = await openCapture(camera, options)
    using frame = await freshFrame(capture)
    assert.equal(frame.buffer.exporterName, 'memfd')
    assertPixels(frame, RED[fourcc] ?? [])
    const { frames, bytesCopied } = capture.stats()
    assert.equal(bytesCopied, frames * frame.lengthBytes)
  })

for (const fourcc of ['YUYV', 'NV12'])
  test(`${fourcc}: every pixel of the driver's own exported buffers is red`, async () => {
    showOnly('red')
    await using capture = await openCapture(camera, { format: { fourcc, ...SIZE }, ...RATE })
    using frame = await freshFrame(capture)
    assert.equal(frame.buffer.exporterName, 'videobuf2_vmalloc')
    assertPixels(frame, RED[fourcc] ?? [])
  })

test('Nothing stays behind: descriptors and mappings are as before, frame by frame and after close', async () => {
  const run = async (memory: QueueMemoryKind): Promise<void> => {
    const capture = await openCapture(camera, { format: SIZE, memory })
    const frame = await capture.receive()
    assert.ok(frame)
    assert.ok(frame.bytes.length > 0)
    await capture.close()
    // Held past the end of the capture: still there.
    assert.ok(frame.bytes.length > 0)
    frame.release()
  }
  await run('export')
  const before = await resources()
  for (const memory of ['import', 'export', 'copy'] as const) await run(memory)
  assert.deepEqual(await resources(), before)
})

for (const memory of ['export', 'copy'] as const)
  test(`A frame that is held is not written; the frames missed meanwhile are counted (${memory})`, async () => {
    showOnly('red')
    await using capture = await openCapture(camera, {
      format: { fourcc: 'YUYV', ...SIZE },
      ...RATE,
      ...{ memory, buffers: 3 },
    })
    const held = [await freshFrame(capture)]
    showOnly('black')
    for (;;) {
      const frame = await capture.receive({ timeoutMs: 500 }).catch(() => undefined)
      if (frame === undefined) break
      held.push(frame)
    }
    assert.ok(held.length >= 3)
    assertPixels(held[0]!, RED['YUYV'] ?? [])
    for (const frame of held) frame.release()
    using next = await capture.receive()
    assert.ok(next && next.missed > 0)
    assert.equal(next.sequence, held.at(-1)!.sequence + 1 + next.missed)
  })

test('A picture that the driver says is damaged is marked', async () => {
  await using capture = await openCapture(camera, { format: SIZE })
  ;(await capture.receive())?.release()
  setControl('injectDamage')
  for (let tries = 0; tries < 50 && capture.stats().damaged === 0; tries++)
    (await capture.receive())?.release()
  assert.equal(capture.stats().damaged, 1)
})

test('Who has the camera is named to who comes second', async () => {
  const index = new URL('../../../dist/devices/v4l2/index.js', import.meta.url).href
  const code = `import { openCapture } from ${JSON.stringify(index)}
    const capture = await openCapture(process.argv[1])
    await capture.receive()
    process.send('ready')
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code, camera], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  try {
    await once(child, 'message')
    await assert.rejects(openCapture(camera, { format: { width: 640, height: 360 } }), {
      code: 'EBUSY',
      message: new RegExp(`pid ${child.pid} \\(.*node`),
    })
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await using capture = await openCapture(camera, { format: SIZE })
  using frame = await capture.receive()
  assert.ok(frame)
})

test('What gives no pictures says what it is', async () => {
  const words = { 'meta-cap': /metadata/, 'vid-out': /output/, 'vbi-cap': /teletext/ }
  for (const [kind, message] of Object.entries(words))
    await assert.rejects(openCapture(vividNode(kind)), { code: 'EINVAL', message })
  await assert.rejects(openCapture(vividNode('touch-cap')), { code: 'EINVAL', message: /touch/ })
})

test('What the camera does not offer is refused with what it does', async () => {
  await assert.rejects(openCapture(camera, { format: { fourcc: 'MJPG' } }), {
    code: 'EINVAL',
    message: /offers .*NV12/,
  })
  await assert.rejects(openCapture(camera, { format: { width: 641, height: 360 } }), {
    code: 'EINVAL',
    message: /nearest are \d+x\d+/,
  })
  await assert.rejects(openCapture(camera, { format: SIZE, framesPerSecond: 31 }), {
    code: 'EINVAL',
    message: /offers .*60/,
  })
})

for (const [control, what] of [
  ['failRequest', 'making its buffers'],
  ['failStart', 'starting'],
] as const)
  test(`A driver that fails ${what} leaves nothing behind, and can be tried again`, async () => {
    const before = await resources()
    const capture = await openCapture(camera, { format: SIZE, memory: 'import' })
    setControl(control)
    await assert.rejects(capture.receive(), { name: 'DmaBufError' })
    const frame = await capture.receive()
    assert.ok(frame)
    frame.release()
    await capture.close()
    assert.deepEqual(await resources(), before)
  })

test('A driver that fails for good ends the capture with EIO', async () => {
  const before = await resources()
  const capture = await openCapture(camera, { format: SIZE })
  ;(await capture.receive())?.release()
  setControl('failStream')
  await assert.rejects(
    async () => {
      for (let i = 0; i < 100; i++) (await capture.receive())?.release()
    },
    { code: 'EIO' },
  )
  assert.equal(capture.closed, true)
  assert.deepEqual(await resources(), before)
})

for (const memory of ['import', 'export'] as const)
  test(`A queue's buffers are filled by the driver itself (${memory}): no byte is copied`, async () => {
    showOnly('red')
    const format = { fourcc: 'NV12', ...SIZE }
    await using capture = await openCapture(camera, { format, ...RATE, memory, buffers: 6 })
    using device = openHeap({ need: 'device' })
    const heap = memory === 'import' ? device : capture.heap
    const path = join(folder, `${memory}.sock`)
    const { lengthBytes } = capture
    await using queue = await serveFrames(path, {
      format: capture.format,
      lengthBytes,
      buffers: 6,
      heap,
    })
    await using frames = await connectFrames(path, { mode: 'fifo' })
    const filling = capture.into(queue, { frames: 12 })
    const inodes = new Set<bigint>()
    for (let count = 0; count < 12; count++) {
      using frame = await frames.receive()
      assert.ok(frame)
      inodes.add(frame.buffer.inode)
      assert.equal(frame.lengthBytes, 345_600 / 4)
      assert.equal(frame.plane(0)[0], count < 5 ? frame.plane(0)[0] : 81)
    }
    await filling
    assert.ok(inodes.size > 1 && inodes.size <= 6)
    assert.equal(queue.stats().bytesCopied, 0)
    assert.equal(frames.stats().bytesCopied, 0)
    assert.ok(queue.stats().queued >= 12)
  })

test('Pictures are copied into a queue of any memory, once, and the bytes are counted', async () => {
  showOnly('red')
  const format = { fourcc: 'NV12', ...SIZE }
  const options = { format, ...RATE, memory: 'copy', buffers: 3 } as const
  await using capture = await openCapture(camera, options)
  const { lengthBytes } = capture
  const path = join(folder, 'copy.sock')
  await using queue = await serveFrames(path, { format: capture.format, lengthBytes })
  await using frames = await connectFrames(path, { mode: 'fifo' })
  const before = await resources()
  for (let run = 0; run < 2; run++) {
    const filling = capture.into(queue, { frames: 10 })
    for (let count = 0; count < 10; count++) {
      using frame = await frames.receive()
      assert.ok(frame)
      const [luma, chroma] = [frame.plane(0), frame.plane(1)]
      if (count < 5) continue
      assert.ok(luma.every((byte) => byte === 81))
      assert.ok(chroma.every((byte, at) => byte === (at % 2 === 0 ? 90 : 239)))
    }
    await filling
  }
  assert.equal(capture.stats().bytesCopied, 20 * 320 * 180 * 1.5)
  assert.equal(queue.stats().bytesCopied, capture.stats().bytesCopied)
  assert.deepEqual(await resources(), before)
})

test('A viewer that keeps every frame makes the driver drop some, also where they are copied', async () => {
  const options = { format: SIZE, ...RATE, memory: 'copy', buffers: 3 } as const
  await using capture = await openCapture(camera, options)
  const { format, lengthBytes } = capture
  const path = join(folder, 'slow.sock')
  await using queue = await serveFrames(path, { format, lengthBytes, buffers: 4 })
  await using frames = await connectFrames(path, { mode: 'fifo', maxHeld: 2 })
  const filling = capture.into(queue, { frames: 12 })
  using _first = await frames.receive()
  // Longer than all buffers last.
  await new Promise((done) => setTimeout(done, 1000))
  for (let count = 1; count < 12; count++) (await frames.receive())?.release()
  await filling
  assert.ok(capture.stats().missed > 0)
})

test('A queue of memory that no device can fill is refused with what to do', async () => {
  await using capture = await openCapture(camera, { format: SIZE, memory: 'import' })
  const { format, lengthBytes } = capture
  await using queue = await serveFrames(join(folder, 'memfd.sock'), { format, lengthBytes })
  await assert.rejects(capture.into(queue), { code: 'EINVAL', message: /need: 'device'/ })
})

test('An aborted signal ends into(), and the buffers are the queue’s again', async () => {
  await using capture = await openCapture(camera, { format: SIZE, ...RATE, memory: 'import' })
  const { format, lengthBytes } = capture
  using heap = openHeap({ need: 'device' })
  const path = join(folder, 'abort.sock')
  await using queue = await serveFrames(path, { format, lengthBytes, heap, buffers: 4 })
  const reason = new Error('enough')
  const stop = new AbortController()
  const filling = capture.into(queue, { signal: stop.signal })
  setTimeout(() => {
    stop.abort(reason)
  }, 200)
  await assert.rejects(filling, reason)
  // All four are free: nothing is in the driver's hands.
  const all = [1, 2, 3].map(() => queue.tryDequeue())
  assert.ok(all.every((frame) => frame !== undefined))
  for (const frame of all) frame?.cancel()
  await capture.into(queue, { frames: 2 })
})

test('Planes that are pieces of memory of their own come one dma-buf each', async (t) => {
  if (!canReloadVivid) {
    t.skip(BUILT_IN)
    return
  }
  await using _split = await reloadVivid('multiplanar=2')
  camera = vividNode('vid-cap')
  showOnly('red')
  for (const memory of ['export', 'import', 'copy'] as const) {
    const options = { format: { fourcc: 'NM12', ...SIZE }, memory } as const
    await using capture = await openCapture(camera, options)
    assert.equal(capture.format.fourcc, 'NV12')
    using frame = await freshFrame(capture)
    assert.equal(frame.buffers.length, 2)
    assert.notEqual(frame.buffers[0]?.inode, frame.buffers[1]?.inode)
    assertPixels(frame, RED['NV12'] ?? [])
  }
  await using whole = await openCapture(camera, { format: { fourcc: 'YUYV', ...SIZE } })
  using frame = await freshFrame(whole)
  assert.equal(frame.buffers.length, 1)
  assertPixels(frame, RED['YUYV'] ?? [])
})

test('A device that needs contiguous memory refuses scattered memory with what to do', async (t) => {
  if (!canReloadVivid) {
    t.skip(BUILT_IN)
    return
  }
  await using _contiguous = await reloadVivid('allocators=1')
  camera = vividNode('vid-cap')
  const format = { fourcc: 'YUYV', width: 1280, height: 720 }
  using heap = openHeap({ need: 'device', kinds: ['dma-heap'] })
  await using capture = await openCapture(camera, { format, memory: 'import', heap })
  await assert.rejects(capture.receive(), { code: 'EFAULT', message: /contiguous/ })
  await using own = await openCapture(camera, { format })
  using frame = await own.receive()
  assert.equal(frame?.buffer.exporterName, 'videobuf2_dma_contig')
})

for (const [use, memory] of [
  ['frames', 'import'],
  ['queue', 'import'],
  ['frames', 'copy'],
  ['queue', 'copy'],
] as const)
  test(`Unplugged in mid-stream: ENODEV, and everything is given back (${use}, ${memory})`, async () => {
    camera = vividNode('vid-cap')
    using heap = openHeap({ need: 'device' })
    const before = await resources()
    const capture = await openCapture(camera, { format: SIZE, ...RATE, memory })
    const { format, lengthBytes } = capture
    const path = join(folder, `unplug-${use}-${memory}.sock`)
    const queue = await serveFrames(path, { format, lengthBytes, heap, buffers: 4 })
    const running =
      use === 'queue'
        ? capture.into(queue)
        : (async () => {
            for await (const frame of capture) frame.release()
          })()
    const outcome = assert.rejects(running, { code: 'ENODEV', message: /unplugged/ })
    while (capture.stats().frames < 3) await new Promise((done) => setTimeout(done, 20))
    await using _gone = unplugVivid()
    await outcome
    assert.equal(capture.closed, true)
    await queue.close()
    assert.deepEqual(await resources(), before)
  })
