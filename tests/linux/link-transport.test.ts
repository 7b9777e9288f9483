// Goal: a queue's connection between processes rings, says goodbye, and closes all that belongs to it.
// Method: both ends of a link in this process.
import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import { DmaBufError, type DmaBuf } from '#src/index.js'
import type { SlotBuffer } from '#src/frames/slot-buffers.js'
import { MessageType } from '#src/interprocess/link-message.js'
import { decodeBuffers } from '#src/interprocess/queue-message.js'
import { Doorbell, DoorbellListener } from '#src/linux/doorbell.js'
import { inheritLink, linkPair } from '#src/linux/link-pair.js'
import type { Link } from '#src/linux/link.js'
import { LinkTransport } from '#src/linux/link-transport.js'
import { openMemfdHeap } from '#src/linux/memfd-heap.js'
import { Resources } from '#src/linux/resources.js'
import { until } from '../helpers/leaks.js'

const heap = openMemfdHeap()
const made: DmaBuf[] = []

after(() => {
  for (const buffer of made) buffer.close()
})

interface Rig {
  readonly transport: LinkTransport
  readonly link: Link
  readonly other: Link
  readonly closed: string[]
  readonly rings: () => number
}

function rig(t: TestContext): Rig {
  const [link, fd] = linkPair()
  const other = inheritLink(fd)
  const resources = new Resources()
  const bell = resources.own(new Doorbell())
  let rings = 0
  const listener = new DoorbellListener(bell.set.dup(), () => rings++)
  const closed: string[] = []
  resources.own({ [Symbol.dispose]: () => void closed.push('page') })
  const transport = new LinkTransport(link, bell, resources)
  t.after(async () => {
    await transport.close()
    await other.close()
    listener.close()
  })
  return { transport, link, other, closed, rings: () => rings }
}

test('LinkTransport.ring wakes the other side', async (t) => {
  const { transport, rings } = rig(t)
  transport.ring()
  await until(() => rings() === 1)
})

test('LinkTransport names the process at the other end', (t) => {
  const { transport } = rig(t)
  assert.equal(transport.pid, process.pid)
  assert.equal(transport.peerName, `pid ${process.pid}`)
})

test('LinkTransport.close says goodbye and closes what belongs to it, once', async (t) => {
  const { transport, other, closed } = rig(t)
  await transport.close()
  await transport.close()
  assert.deepEqual(closed, ['page'])
  assert.equal(await other.receive(), undefined)
})

test('LinkTransport closes what belongs to it at once when it is disposed', (t) => {
  const { transport, closed } = rig(t)
  transport[Symbol.dispose]()
  assert.deepEqual(closed, ['page'])
})

test('LinkTransport.sendGoodbye tells the reason, and the connection lives on', async (t) => {
  const { transport, other } = rig(t)
  transport.sendGoodbye(new DmaBufError('EPERM', 'queue', 'You again'))
  await assert.rejects(other.receive(), { message: 'EPERM: You again' })
  assert.equal(transport.end, undefined)
})

test('LinkTransport.pump takes what was said without waiting for the event loop, and tells of an end soon', async (t) => {
  const { transport, other } = rig(t)
  const ends: boolean[] = []
  transport.onEnd(({ clean }) => ends.push(clean))
  await other.close()
  transport.pump()
  assert.equal(transport.end?.clean, true)
  assert.deepEqual(ends, [])
  await Promise.resolve()
  assert.deepEqual(ends, [true])
})

function slot(index: number, serial: number, lengthBytes?: number): SlotBuffer {
  const buffer = lengthBytes === undefined ? undefined : heap.allocate(lengthBytes)
  if (buffer !== undefined) made.push(buffer)
  return { slot: index, serial, buffer }
}

/** What the other side was told of buffers since the last look. */
function told(other: Link): string[] {
  other.pump()
  const texts: string[] = []
  other.listen(MessageType.queueBuffers, ({ payload, fds }) => {
    const entries = decodeBuffers(payload, 64)
    texts.push(
      entries.map((entry) => `${entry.slot}.${entry.serial}:${entry.lengthBytes}`).join(' '),
    )
    for (const fd of fds) fd.close()
  })
  return texts
}

async function welcome(transport: LinkTransport, slots: readonly SlotBuffer[]): Promise<void> {
  await transport.welcome(
    () => slots,
    () => ({ payload: new Uint8Array(0), fds: [] }),
  )
}

test('LinkTransport.offer sends what the consumer does not know since its welcome, and nothing before', async (t) => {
  const { transport, other } = rig(t)
  const first = [slot(0, 1, 4096), slot(1, 1, 4096)]
  transport.offer([slot(5, 1, 4096)])
  await welcome(transport, first)
  transport.offer(first)
  const changed = [first[0]!, slot(1, 2, 8192), slot(2, 1, 4096)]
  transport.offer(changed)
  transport.offer(changed)
  transport.offer([{ ...first[0]!, buffer: undefined }, ...changed.slice(1)])
  assert.deepEqual(told(other), ['1.2:8192 2.1:4096', '0.1:0'])
})

test('LinkTransport.offer to a full socket keeps nothing but the latest, and sends it when there is room', async (t) => {
  const { transport, other, link } = rig(t)
  await welcome(transport, [slot(0, 1, 4096)])
  while (link.tryPost(MessageType.user, new Uint8Array(1000), []));
  for (let serial = 2; serial < 200; serial++) transport.offer([slot(0, serial, 4096)])
  let last = ''
  other.listen(MessageType.queueBuffers, ({ payload, fds }) => {
    assert.equal(last, '')
    last = String(decodeBuffers(payload, 64)[0]?.serial)
    for (const fd of fds) fd.close()
  })
  other.listen(MessageType.user, () => {})
  await until(() => last !== '')
  assert.equal(last, '199')
})

test('LinkTransport.offer to a peer that has gone does nothing', async (t) => {
  const { transport, other } = rig(t)
  await welcome(transport, [slot(0, 1, 4096)])
  await other.close()
  transport.offer([slot(0, 2, 4096)])
  assert.equal(transport.end, undefined)
})
