// Goal: a queue's connection between processes rings, says goodbye, and closes all that belongs to it.
// Method: both ends of a link in this process.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { DmaBufError } from '#src/index.js'
import { Doorbell, DoorbellListener } from '#src/linux/doorbell.js'
import { inheritLink, linkPair } from '#src/linux/link-pair.js'
import type { Link } from '#src/linux/link.js'
import { LinkTransport } from '#src/linux/link-transport.js'
import { Resources } from '#src/linux/resources.js'
import { until } from '../helpers/leaks.js'

interface Rig {
  readonly transport: LinkTransport
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
  return { transport, other, closed, rings: () => rings }
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

test('LinkTransport.pump takes what was said without waiting for the event loop', async (t) => {
  const { transport, other } = rig(t)
  const ends: boolean[] = []
  transport.onEnd(({ clean }) => ends.push(clean))
  await other.close()
  transport.pump()
  assert.deepEqual(ends, [true])
})
