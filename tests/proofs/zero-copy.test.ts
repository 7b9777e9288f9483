// Goal: a frame crosses three processes uncopied, as seen from outside: by the kernel's accounts of memory
// and by strace.
// Method: a camera and two viewers in processes of their own, each run at two sizes; and each check once
// more with a viewer that does copy, which it must find.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Camera } from '../helpers/camera.js'
import {
  assertNoCopies,
  assertPaidOnce,
  assertSameInodes,
  frameMemoryOf,
  parseSmaps,
} from '../helpers/frame-memory.js'
import { ROOT } from '../helpers/source-tree.js'
import { socketPath } from '../helpers/socket-path.js'
import { bytesMoved, hasStrace, marked } from '../helpers/strace.js'
import { Viewer, type ViewerState } from '../helpers/viewer.js'
import type { Elsewhere } from '../helpers/remote.js'

const BUFFERS = 5
const SIZES = [
  { width: 640, height: 360, frames: 200 },
  { width: 3840, height: 2160, frames: 20 },
] as const

type Size = (typeof SIZES)[number]

function formatOf({ width, height }: Size): { fourcc: string; width: number; height: number } {
  return { fourcc: 'YU12', width, height }
}

function poolBytesOf({ width, height }: Size): number {
  return Math.ceil((width * height * 1.5) / 4096) * 4096 * BUFFERS
}

/** Reads so many frames, touching every page, or writes the frames out as well. */
async function look(
  { state, node }: Elsewhere<ViewerState>,
  until: number,
  doesCopy: boolean,
): Promise<number> {
  const sink = node.fs.openSync('/dev/null', 'w')
  node.fs.writeSync(sink, 'mark begin')
  let sum = 0
  for (let sequence = 0; sequence < until;) {
    const frame = await state.stream.receive()
    if (frame === undefined) break
    const { bytes } = frame
    for (let i = 0; i < bytes.length; i += 4096) sum += bytes[i] ?? 0
    if (doesCopy) node.fs.writeSync(sink, bytes)
    sequence = frame.sequence
    frame.release()
  }
  node.fs.writeSync(sink, 'mark end')
  node.fs.closeSync(sink)
  return sum
}

/** Publishes so many frames, writing every page. */
async function shoot(camera: Camera, frames: number): Promise<void> {
  await camera.remote.run(async ({ state, node }, count) => {
    const sink = node.fs.openSync('/dev/null', 'w')
    node.fs.writeSync(sink, 'mark begin')
    for (let i = 0; i < count; i++) {
      const frame = await state.queue.dequeue()
      const { bytes } = frame
      for (let at = 0; at < bytes.length; at += 4096) bytes[at] = i
      frame.queue()
    }
    node.fs.writeSync(sink, 'mark end')
    node.fs.closeSync(sink)
  }, frames)
}

/** Runs a camera, a FIFO viewer and a latest viewer until all have seen the last frame. */
async function runThree(
  three: { camera: Camera; fifo: Viewer; latest: Viewer },
  { frames }: Size,
  doesCopy = false,
): Promise<void> {
  const looking = [
    three.fifo.remote.run(look, frames, doesCopy),
    three.latest.remote.run(look, frames, false),
  ]
  await shoot(three.camera, frames)
  await Promise.all(looking)
}

for (const size of SIZES) {
  const name = `${size.width}x${size.height}`

  test(`Three processes have the same memory at ${name}, pay for it once, and own no copy of it`, async (t) => {
    const path = socketPath(t)
    await using camera = await Camera.start(path, { format: formatOf(size), buffers: BUFFERS })
    await using fifo = await Viewer.start(path)
    await using latest = await Viewer.start(path, { mode: 'latest' })
    await runThree({ camera, fifo, latest }, size)
    const memory = [camera.pid, fifo.pid, latest.pid].map((pid) => frameMemoryOf(pid))
    assert.deepEqual(
      memory.map((mappings) => new Set(mappings.map(({ inode }) => inode)).size),
      [BUFFERS, BUFFERS, BUFFERS],
    )
    assertSameInodes(memory)
    assertPaidOnce(memory, poolBytesOf(size))
    for (const mappings of memory.slice(1)) assertNoCopies(mappings)
  })

  test(`A viewer that copies once by a populated private mapping is found at ${name}`, async (t) => {
    const path = socketPath(t)
    const env = { DMABUF_NATIVE: brokenAddon(t) }
    if (env.DMABUF_NATIVE === '') return
    await using camera = await Camera.start(path, { format: formatOf(size), buffers: BUFFERS })
    await using fifo = await Viewer.start(path, {}, { env })
    await using latest = await Viewer.start(path, { mode: 'latest' })
    const memory = [camera.pid, fifo.pid, latest.pid].map((pid) => frameMemoryOf(pid))
    assertSameInodes(memory)
    assert.throws(() => assertNoCopies(memory[1] ?? []), /were copied/)
    assert.throws(() => assertPaidOnce(memory, poolBytesOf(size)), /for a pool of/)
    assertNoCopies(memory[2] ?? [])
  })

  test(`Three processes move less than 512 bytes a frame at ${name} through system calls`, async (t) => {
    if (!hasStrace(t)) return
    for (const doesCopy of [false, true]) {
      const path = socketPath(t)
      const files = ['camera', 'fifo', 'latest'].map((role) => `${path}.${role}`)
      const straced = (index: number): { strace: { calls: string; file: string } } => ({
        strace: {
          calls: 'trace=read,write,readv,writev,pread64,pwrite64,sendmsg,recvmsg,sendto,recvfrom',
          file: files[index] ?? '',
        },
      })
      const options = { format: formatOf(size), buffers: BUFFERS }
      await using camera = await Camera.start(path, options, straced(0))
      await using fifo = await Viewer.start(path, {}, straced(1))
      await using latest = await Viewer.start(path, { mode: 'latest' }, straced(2))
      await runThree({ camera, fifo, latest }, size, doesCopy)
      for (const { remote } of [camera, fifo, latest]) await remote.leave()
      const moved = files.map((file) => {
        const [section] = marked(file)
        assert.ok(section, 'The marks are in the trace')
        return bytesMoved(section)
      })
      const bytesPerFrame = moved.reduce((sum, bytes) => sum + bytes, 0) / size.frames
      if (doesCopy) assert.ok(bytesPerFrame > 512, `Only ${bytesPerFrame} bytes a frame were found`)
      else assert.ok(bytesPerFrame < 512, `${bytesPerFrame} bytes a frame: ${moved.join(', ')}`)
    }
  })
}

test('The checks find other memory, memory that is paid twice, and copies', () => {
  const smaps = (inode: number, pss: number, dirty: number): string =>
    [
      `7f0000000000-7f0000100000 rw-s 00000000 00:01 ${inode}   /memfd:dmabuf:frame (deleted)`,
      'Size:               1024 kB',
      `Pss:                ${pss} kB`,
      'Pss_Dirty:          1024 kB',
      `Private_Dirty:      ${dirty} kB`,
      '7f0000100000-7f0000200000 rw-p 00000000 00:00 0 ',
      'Pss:                9999 kB',
      'Private_Dirty:      9999 kB',
    ].join('\n')
  const [camera, viewer] = [parseSmaps(smaps(7, 512, 0)), parseSmaps(smaps(7, 512, 0))]
  assert.deepEqual(camera, [
    { inode: '7', lengthBytes: 1 << 20, pssBytes: 1 << 19, privateDirtyBytes: 0 },
  ])
  assertSameInodes([camera, viewer])
  assertPaidOnce([camera, viewer], 1 << 20)
  assertNoCopies(viewer)
  assert.throws(() => assertSameInodes([camera, parseSmaps(smaps(8, 512, 0))]))
  assert.throws(() => assertSameInodes([[], []]))
  assert.throws(() => assertPaidOnce([camera, parseSmaps(smaps(7, 535, 0))], 1 << 20))
  assert.throws(() => assertPaidOnce([camera], 1 << 20))
  assert.throws(() => assertNoCopies(parseSmaps(smaps(7, 512, 4))))
})

let broken: string | undefined

/** An addon whose private mappings copy every page; empty, and the test skipped, where it cannot be built. */
function brokenAddon(t: TestContext): string {
  const script = join(ROOT, 'scripts/build-native.mjs')
  broken ??= execFileSync(process.execPath, [script, '--variant', 'broken'], { encoding: 'utf8' })
  if (broken.includes('sha256=')) return join(ROOT, 'build/native/broken/dmabuf.node')
  assert.equal(process.env['CI'], undefined, 'CI must have a C compiler')
  t.skip(broken.trim())
  return ''
}
