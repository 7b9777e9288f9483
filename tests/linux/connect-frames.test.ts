// Goal: a viewer finds its server, waits for one if it asked to, and is refused in words otherwise.
// Method: cameras are processes of their own where they have to die.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { host, useHost } from '#src/core/host.js'
import { encodeMessage, MessageType } from '#src/interprocess/link-message.js'
import { encodeJoin } from '#src/interprocess/queue-message.js'
import { connectFrames } from '#src/linux/connect-frames.js'
import { LinkServer } from '#src/linux/link-server.js'
import type { Link } from '#src/linux/link.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { serveFrames } from '#src/linux/serve-frames.js'
import { Camera } from '../helpers/camera.js'
import { errorCode } from '../helpers/error-code.js'
import { settled, until } from '../helpers/leaks.js'
import { Remote } from '../helpers/remote.js'
import { RawPeer } from '../helpers/raw-peer.js'
import { socketPath } from '../helpers/socket-path.js'
import { publish, type ViewerOptions } from '../helpers/viewer.js'

const CAMERA = { lengthBytes: 4096, buffers: 4 }

test('connectFrames takes maxHeld from 1 to 62 and refuses others before it connects', async (t) => {
  const path = socketPath(t)
  for (const maxHeld of [0, 63, 1.5, Number.NaN])
    await assert.rejects(connectFrames(path, { maxHeld }), RangeError)
  await using _queue = await serveFrames(path, { lengthBytes: 1, buffers: 64 })
  for (const maxHeld of [1, 62]) {
    await using stream = await connectFrames(path, { maxHeld })
    assert.equal(stream.held, 0)
    await stream.close()
    await until(() => _queue.consumers.length === 0)
  }
})

test('connectFrames refuses an unknown mode, access, or place with a TypeError', async (t) => {
  const path = socketPath(t)
  const wrong = [{ mode: 'newest' }, { mode: null }, { access: 'write' }, { access: 'rw' }]
  for (const options of wrong)
    await assert.rejects(connectFrames(path, options as unknown as ViewerOptions), TypeError)
  for (const at of [undefined, 5, {}, '', 'a\0b'])
    await assert.rejects(connectFrames(at as string), TypeError)
})

test('connectFrames fails at once with ENOENT without a server, and with ECONNREFUSED at a dead one', async (t) => {
  const path = socketPath(t)
  await assert.rejects(connectFrames(path), { code: 'ENOENT' })
  await using camera = await Camera.start(path, CAMERA)
  await camera.remote.kill()
  await assert.rejects(connectFrames(path), { code: 'ECONNREFUSED' })
})

test('connectFrames with waitForServer waits for a server that starts later', async (t) => {
  const path = socketPath(t)
  const connecting = connectFrames(path, { waitForServer: true })
  await using queue = await serveFrames(path, CAMERA)
  await using stream = await connecting
  await publish(queue, 5)
  using frame = await stream.receive()
  assert.equal(frame?.bytes[0], 5)
})

test('connectFrames with waitForServer gives up after its timeout, or with its signal', async (t) => {
  const path = socketPath(t)
  const reason = new Error('Enough')
  await assert.rejects(connectFrames(path, { waitForServer: true, timeoutMs: 30 }), {
    code: 'ETIMEDOUT',
  })
  const controller = new AbortController()
  const waiting = connectFrames(path, { waitForServer: true, signal: controller.signal })
  controller.abort(reason)
  await assert.rejects(waiting, reason)
})

test('A stream with waitForServer goes on with the camera that comes after a death', async (t) => {
  const path = socketPath(t)
  const controller = new AbortController()
  const connecting = connectFrames(path, {
    waitForServer: true,
    timeoutMs: 10_000,
    signal: controller.signal,
  })
  await using first = await Camera.start(path, CAMERA)
  await using stream = await connecting
  // Its signal was for connecting: it is connected.
  controller.abort()
  await first.publish(2)
  for (const sequence of [1, 2]) {
    using frame = await stream.receive()
    assert.equal(frame?.sequence, sequence)
  }
  const waiting = stream.receive()
  await first.remote.kill()
  await using second = await Camera.start(path, CAMERA)
  await second.untilJoined(1)
  await second.publish(1)
  const frame = await waiting
  assert.equal(frame?.sequence, 1)
  frame.release()
  await second.close()
  assert.equal(await stream.receive(), undefined)
})

test('A stream with waitForServer ends when the camera closes cleanly', async (t) => {
  const path = socketPath(t)
  const queue = await serveFrames(path, CAMERA)
  await using stream = await connectFrames(path, { waitForServer: true })
  await queue.close()
  assert.equal(await stream.receive(), undefined)
})

test('A frame held across the death of its camera stays readable, and costs the next camera nothing', async (t) => {
  const path = socketPath(t)
  await using first = await Camera.start(path, CAMERA)
  await using stream = await connectFrames(path, { waitForServer: true })
  await first.publish(1)
  const held = await stream.receive()
  assert.ok(held)
  await first.remote.kill()
  await until(() => stream.held === 0)
  // Looked at for the first time when nobody has it any more.
  assert.equal(held.bytes[0], 1)
  await using second = await Camera.start(path, CAMERA)
  await second.untilJoined(1)
  await second.publish(3)
  for (const sequence of [1, 2, 3]) {
    using frame = await stream.receive()
    assert.equal(frame?.sequence, sequence)
  }
  const { bytes } = held
  assert.ok(bytes.every((byte) => byte === 1))
  held.release()
  assert.equal(bytes.length, 0)
})

test('A stream that waits for the next camera ends its wait with close()', async (t) => {
  const path = socketPath(t)
  await using camera = await Camera.start(path, CAMERA)
  const stream = await connectFrames(path, { waitForServer: true })
  const waiting = assert.rejects(stream.receive(), { code: 'EBADF' })
  await camera.remote.kill()
  await settled()
  await stream.close()
  await waiting
})

test('A stream with waitForServer fails in words when the next camera has no room for it', async (t) => {
  const path = socketPath(t)
  await using first = await Camera.start(path, CAMERA)
  await using stream = await connectFrames(path, { waitForServer: true, maxHeld: 2 })
  await first.remote.kill()
  await using _second = await Camera.start(path, { ...CAMERA, buffers: 3 })
  await assert.rejects(stream.receive(), { code: 'EBUSY' })
})

test('connectFrames with waitForServer tries again when the server dies while it joins', async (t) => {
  const path = socketPath(t)
  // A process that listens and never accepts: whoever connects waits in its backlog when it dies.
  await using deaf = await Remote.start()
  await deaf.run(({ native }, at) => native.native().listen(at, 0o600, 16), path)
  const connecting = connectFrames(path, { waitForServer: true })
  await settled()
  await deaf.kill()
  await using camera = await Camera.start(path, CAMERA)
  await using stream = await connecting
  await camera.publish(1)
  using frame = await stream.receive()
  assert.equal(frame?.sequence, 1)
})

test('connectFrames without waitForServer fails with EOWNERDEAD when the server dies while it joins', async (t) => {
  const path = socketPath(t)
  await using deaf = await Remote.start()
  await deaf.run(({ native }, at) => native.native().listen(at, 0o600, 16), path)
  const connecting = assert.rejects(connectFrames(path), { code: 'EOWNERDEAD' })
  await settled()
  await deaf.kill()
  await connecting
})

test('connectFrames has one timeout for waiting and joining together', async (t) => {
  const path = socketPath(t)
  // Somebody who listens, and never says welcome.
  const links: Link[] = []
  const delaysMs: number[] = []
  const { nowNs, setTimer } = host()
  using _spy = useHost({
    nowNs,
    setTimer: (delayMs, ...rest) => {
      delaysMs.push(delayMs)
      return setTimer(delayMs, ...rest)
    },
  })
  const connecting = connectFrames(path, { waitForServer: true, timeoutMs: 400 })
  await sleep(250)
  const server = new LinkServer(path, {}, (link) => links.push(link))
  await assert.rejects(connecting, { code: 'ETIMEDOUT' })
  // At least 249 ms had passed when it joined.
  assert.ok(Math.max(...delaysMs) <= 152, `Joining had the rest: ${delaysMs.join()}`)
  assert.equal(links.length, 1)
  server.close()
  for (const link of links) await link.close()
})

test('connectFrames refuses a timeout that is none before it connects', async (t) => {
  const path = socketPath(t)
  for (const timeoutMs of [-1, Number.NaN])
    await assert.rejects(connectFrames(path, { waitForServer: true, timeoutMs }), RangeError)
})

test('Frames say which run of the camera they are from: a later one is larger', async (t) => {
  const path = socketPath(t)
  await using first = await Camera.start(path, CAMERA)
  await using stream = await connectFrames(path, { waitForServer: true })
  await using other = await connectFrames(path, { mode: 'latest' })
  await first.publish(1)
  const seen = [await stream.receive(), await other.receive()]
  const [epoch] = seen.map((frame) => frame!.epoch)
  assert.ok(epoch! > 0)
  assert.equal(seen[1]?.epoch, epoch)
  const waiting = stream.receive()
  await first.remote.kill()
  await using second = await Camera.start(path, CAMERA)
  await second.untilJoined(1)
  await second.publish(1)
  // A frame of the run before is still what it was.
  assert.equal(seen[0]?.bytes[0], 1)
  seen[0].release()
  using frame = await waiting
  assert.ok(frame!.epoch > epoch!)
  assert.equal(frame?.sequence, 1)
  seen[1]?.release()
})

test("A fence of the camera's last run fails when it dies, whatever the next run does", async (t) => {
  const path = socketPath(t)
  await using first = await Camera.start(path, CAMERA)
  await using stream = await connectFrames(path, { waitForServer: true, fences: 'pass' })
  await first.remote.run(async ({ state, core }) => {
    const frame = await state.queue.dequeue()
    frame.queue({ fence: core.createTimeline('never').fence(1) })
  })
  const old = await stream.receive()
  const waiting = errorCode(() => old!.fence!.wait())
  await first.remote.kill()
  assert.equal(await waiting, 'EOWNERDEAD')
  await using second = await Camera.start(path, CAMERA)
  await second.untilJoined(1)
  await second.publish(1)
  old!.release()
  using next = await stream.receive()
  assert.deepEqual([next?.fence, next?.error, next?.bytes[0]], [undefined, undefined, 1])
})

test('A viewer of the first version is refused in one line that names both versions', async (t) => {
  const path = socketPath(t)
  await using _queue = await serveFrames(path, CAMERA)
  const fd = OwnedFd.adopt(native().connect(path))
  using raw = new RawPeer(fd)
  raw.hello()
  raw.send(encodeMessage(MessageType.queueJoin, 0, encodeJoin({ mode: 'fifo', maxHeld: 1 })))
  let last: Uint8Array = new Uint8Array(0)
  for (;;) {
    const got = raw.receive()
    if (got === 0) break
    if (typeof got === 'number') await sleep(5)
    else last = got
  }
  assert.equal(last[3], MessageType.goodbye)
  assert.equal(
    Buffer.from(last.subarray(8)).toString(),
    'The peer speaks version 1, messages of type 16 need version 2: use the same package on both sides',
  )
})
