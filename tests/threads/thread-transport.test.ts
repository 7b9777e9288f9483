// Goal: one end of a port hears the other's rings, words and end, once.
// Method: both ends in one thread.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { DmaBufError } from '#src/index.js'
import type { TransportEnd } from '#src/frames/queue-transport.js'
import type { MemoryPort, PortMessage } from '#src/threads/memory-port.js'
import { createFrameQueue } from '#src/threads/create-frame-queue.js'
import { ThreadTransport } from '#src/threads/thread-transport.js'
import { until } from '../helpers/leaks.js'

function pair(t: TestContext): {
  producer: ThreadTransport
  consumer: ThreadTransport
  heard: string[]
  ends: TransportEnd[]
} {
  const queue = createFrameQueue({ lengthBytes: 8 })
  const port = { ...(queue.port() as MemoryPort), name: `dmabuf:test ${t.name}` }
  const heard: string[] = []
  const make = (side: 'producer' | 'consumer'): ThreadTransport =>
    new ThreadTransport(port, side, {
      message: ({ type }: PortMessage) => heard.push(`${side}: ${type}`),
      rung: () => heard.push(`${side}: rung`),
      entriesOf: () => [],
    })
  const [producer, consumer] = [make('producer'), make('consumer')]
  const ends: TransportEnd[] = []
  consumer.onEnd((end) => ends.push(end))
  t.after(async () => {
    await producer.close()
    await consumer.close()
    await queue.close()
  })
  return { producer, consumer, heard, ends }
}

test('ThreadTransport.ring and post reach the other end only', async (t) => {
  const { producer, consumer, heard } = pair(t)
  producer.ring()
  await until(() => heard.length === 1)
  consumer.ring()
  await until(() => heard.length === 2)
  consumer.post({ to: 'producer', type: 'join', mode: 'fifo', maxHeld: 1 })
  await until(() => heard.length === 3)
  producer.offer([])
  await until(() => heard.length === 4)
  assert.deepEqual(heard, [
    'consumer: rung',
    'producer: rung',
    'producer: join',
    'consumer: buffers',
  ])
})

test('ThreadTransport.close ends the other end cleanly, once', async (t) => {
  const { producer, consumer, ends } = pair(t)
  await producer.close()
  await producer.close()
  await until(() => ends.length > 0)
  assert.deepEqual(
    ends.map(({ clean }) => clean),
    [true],
  )
  assert.equal(consumer.end?.clean, true)
  const late: boolean[] = []
  consumer.onEnd(({ clean }) => late.push(clean))
  await until(() => late.length === 1)
})

test('ThreadTransport.sendGoodbye tells why', async (t) => {
  const { producer, ends } = pair(t)
  producer.sendGoodbye(new DmaBufError('EPERM', 'queue', 'You again'))
  producer.sendGoodbye(new DmaBufError('EPIPE', 'queue', 'And again'))
  await until(() => ends.length > 0)
  assert.equal(ends[0]?.clean, false)
  assert.equal(ends[0].error.message, 'EPERM: You again')
})

test('ThreadTransport ends with EPROTO when somebody posts garbage, and says so', async (t) => {
  const { producer, ends } = pair(t)
  const channel = new BroadcastChannel(`dmabuf:test ${t.name}`)
  channel.postMessage({ to: 'consumer', type: 'buffers', entries: [{ slot: 99 }] })
  await until(() => ends.length > 0 && producer.end !== undefined)
  channel.close()
  assert.deepEqual([ends[0]?.error.code, producer.end?.error.code], ['EPROTO', 'EPROTO'])
  assert.equal(producer.end?.error.message, 'EPROTO: Somebody posted what is no message of a port')
})

test('ThreadTransport tells a reason that is no line of text in plain words', async (t) => {
  const { ends } = pair(t)
  const channel = new BroadcastChannel(`dmabuf:test ${t.name}`)
  channel.postMessage({ to: 'consumer', type: 'goodbye', errno: 5, reason: 'two\nlines' })
  await until(() => ends.length > 0)
  channel.close()
  assert.equal(ends[0]?.error.message, 'EIO: The other thread has closed the port')
})
