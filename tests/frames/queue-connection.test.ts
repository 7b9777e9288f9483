// Goal: a connection rings its producer when a frame is given back, outlives the producer while a frame is
// held, and fails when the producer has told it to leave.
// Method: a queue in one thread; a transport that writes down what it was told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError, openMemoryHeap } from '#src/index.js'
import { FrameStream } from '#src/frames/frame-stream.js'
import { QueueConnection } from '#src/frames/queue-connection.js'
import { SlotBuffers } from '#src/frames/slot-buffers.js'
import { LocalTransport } from '../helpers/local-transport.js'
import { BUFFER_BYTES, QueueRig } from '../helpers/queue-rig.js'

const BUFFERS = 4

function connect(): {
  rig: QueueRig
  view: ReturnType<QueueRig['join']>['view']
  transport: LocalTransport
  connection: QueueConnection
} {
  const rig = new QueueRig(BUFFERS)
  const { own, view } = rig.join('fifo', 2)
  const transport = new LocalTransport()
  const heap = openMemoryHeap()
  const buffers = new SlotBuffers()
  for (let slot = 0; slot < BUFFERS; slot++)
    buffers.put({ slot, serial: 1, buffer: heap.allocate(BUFFER_BYTES) })
  const connection = new QueueConnection({
    transport,
    queue: rig.page,
    own,
    buffers,
    welcome: { consumerIndex: 0, slotCount: BUFFERS, firstTicket: 1 },
    mode: 'fifo',
    maxHeld: 2,
  })
  return { rig, view, transport, connection }
}

test('QueueConnection rings its producer when a frame is given back, once for each wish', () => {
  const { rig, transport, connection } = connect()
  let released = 0
  connection.released = () => released++
  rig.publish()
  rig.publish()
  const [first, second] = [connection.acquire(), connection.acquire()]
  rig.producer.bell.ask()
  first?.release()
  second?.release()
  assert.deepEqual(transport.calls, ['ring'])
  assert.equal(released, 2)
})

test('QueueConnection.retire closes at once where nothing is held, and with the last release otherwise', async () => {
  const idle = connect()
  await idle.connection.retire()
  assert.deepEqual(idle.transport.calls, ['close'])
  const { rig, transport, connection } = connect()
  rig.publish()
  const frame = connection.acquire()
  await connection.retire()
  assert.deepEqual(transport.calls, [])
  frame?.release()
  assert.deepEqual(transport.calls, ['close'])
})

test('QueueConnection.close closes the transport once, and a release afterwards does nothing', async () => {
  const { rig, transport, connection } = connect()
  rig.publish()
  const frame = connection.acquire()
  rig.producer.bell.ask()
  await connection.close()
  await connection.close()
  frame?.release()
  assert.deepEqual(transport.calls, ['close'])
})

test('QueueConnection.acquire fails with what the producer said when it told this consumer to leave', () => {
  const { rig, view, transport, connection } = connect()
  rig.publish()
  rig.producer.evict(view)
  const error = new DmaBufError('EPERM', 'queue', 'You again')
  transport.arriving = { clean: false, error }
  assert.throws(() => connection.acquire(), error)
  assert.equal(view.held, 0)
})

test('QueueConnection.acquire goes on where it was another consumer who was told to leave', () => {
  const { rig, transport, connection } = connect()
  rig.publish()
  rig.producer.evict(rig.join('fifo').view)
  assert.equal(connection.acquire()?.sequence, 1)
  assert.equal(transport.end, undefined)
})

test('QueueConnection.acquireAfterOthers brings what was published while others ran', () => {
  const { rig, transport, connection } = connect()
  assert.equal(connection.acquireAfterOthers(), undefined)
  let ran = 0
  transport.letOthersRun = () => {
    ran++
    rig.publish()
    return 500
  }
  connection.acquireAfterOthers()?.release()
  assert.equal(ran, 1)
  const held = [connection.acquireAfterOthers(), connection.acquireAfterOthers()]
  assert.equal(ran, 3)
  // As many as it may hold: none can come.
  assert.equal(connection.acquireAfterOthers(), undefined)
  assert.equal(ran, 3)
  for (const frame of held) frame?.release()
})

test('QueueConnection.acquireAfterOthers lets nobody run where that has not helped', () => {
  const { transport, connection } = connect()
  let ran = 0
  transport.letOthersRun = () => {
    ran++
    return 500
  }
  for (let i = 0; i < 10; i++) assert.equal(connection.acquireAfterOthers(), undefined)
  assert.equal(ran, 4)
})

test('A stream whose next frame is always there once others ran still lets the event loop turn', async () => {
  for (const how of ['iterate', 'receive', 'subscribe'] as const) {
    const { rig, transport, connection } = connect()
    transport.letOthersRun = () => {
      rig.publish()
      return 500
    }
    await using stream = new FrameStream({ mode: 'fifo', reconnect: undefined })
    stream.attach(connection)
    let turned = false
    setImmediate(() => (turned = true))
    const endMs = performance.now() + 10_000
    const isOver = (): boolean => turned || performance.now() > endMs
    if (how === 'subscribe') {
      await new Promise<void>((resolve) => {
        const reading = stream.subscribe((frame) => {
          frame.release()
          if (!isOver()) return
          reading[Symbol.dispose]()
          resolve()
        })
      })
    } else if (how === 'receive') while (!isOver()) (await stream.receive())?.release()
    else
      for await (const frame of stream) {
        frame.release()
        if (isOver()) break
      }
    assert.equal(turned, true, how)
  }
})
