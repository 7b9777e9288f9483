// Goal: a worker that ends looks to its peers like a process that died, however it ends, and leaves nothing open.
// Method: a worker with one end of a link and some memory; the other end is here.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linkPair } from '#src/linux/link-pair.js'
import type { Link } from '#src/linux/link.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { createMemfd } from '#src/linux/memfd.js'
import { countResources, openFds, settled } from '../helpers/leaks.js'
import { Thread } from '../helpers/thread.js'

interface State {
  held: unknown[]
}

const ends: readonly [string, (thread: Thread<State>) => Promise<void>][] = [
  ['is terminated', (thread) => thread.terminate()],
  [
    'calls process.exit()',
    async (thread) => {
      await thread.run(() => process.exit(0)).catch(() => {})
    },
  ],
  [
    'throws what nobody catches',
    async (thread) => {
      const running = thread.run(() => {
        setImmediate(() => {
          throw new Error('Nobody catches this')
        })
      })
      await running.catch(() => {})
    },
  ],
]

for (const [how, end] of ends)
  test(`A worker that ${how} ends its links without a goodbye and leaves no descriptor`, async () => {
    await settled()
    const before = countResources()
    const [link, theirs] = linkPair()
    const thread = await Thread.start<State>()
    await thread.run(({ linux, state }, fd) => {
      const other = linux.inheritLink(fd)
      const memory = linux.openMemfdHeap().allocate(65536)
      state.held = [other, memory, linux.exportFd(memory)]
      const bytes = new TextEncoder().encode('here')
      return other.send(bytes, [linux.exportFd(memory)])
    }, theirs.release())
    const message = await link.receive()
    message?.[Symbol.dispose]()
    const dying = assert.rejects(link.receive({ timeoutMs: 20_000 }), { code: 'EOWNERDEAD' })
    await end(thread)
    await dying
    await thread.exited
    await link.close()
    await settled()
    assert.deepEqual(countResources(), before)
  })

test('A descriptor that a worker received and did not take yet is closed with it', async () => {
  await settled()
  const before = countResources()
  const [link, theirs] = linkPair()
  const thread = await Thread.start<State>()
  await thread.run(({ linux, state }, fd) => {
    state.held = [linux.inheritLink(fd)]
  }, theirs.release())
  await link.send(Uint8Array.of(1), [createMemfd('sent', 4096)])
  // It has arrived there once this is answered.
  await thread.run(() => new Promise((resolve) => setImmediate(resolve)))
  await thread.terminate()
  await link.close()
  await settled()
  assert.deepEqual(countResources(), before, openFds().join('\n'))
})

test('OwnedFd.release in a worker takes the descriptor out of what ends with it', async () => {
  const thread = await Thread.start<State>()
  const number = await thread.run(({ linux }) => {
    const buffer = linux.openMemfdHeap().allocate(4096)
    const released = linux.exportFd(buffer).release()
    buffer.close()
    return released
  })
  await thread.terminate()
  using fd = OwnedFd.adopt(number)
  fd.dup().close()
})

test('Two workers of one process can be the two ends of a link, and one notices the death of the other', async () => {
  const [first, second] = [await Thread.start<{ link: Link }>(), await Thread.start<State>()]
  const numbers = await first.run(({ linux, state }) => {
    const [link, fd] = linux.linkPair()
    state.link = link
    return fd.release()
  })
  await second.run(({ linux, state }, fd) => {
    const link = linux.inheritLink(fd)
    state.held = [link]
    return link.send(Uint8Array.of(7))
  }, numbers)
  const seven = await first.run(async ({ state }) => (await state.link.receive())?.bytes[0])
  assert.equal(seven, 7)
  const dying = assert.rejects(
    first.run(async ({ state }) => {
      await state.link.receive({ timeoutMs: 20_000 })
    }),
    { code: 'EOWNERDEAD' },
  )
  await second.terminate()
  await dying
  await first.terminate()
})
