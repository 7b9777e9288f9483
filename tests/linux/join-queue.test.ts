// Goal: whatever a server sends and writes, the viewer gets one clear error and nothing is left behind.
// Method: a server of our own make that sends a faithful welcome but for one thing.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { DESCRIPTOR_WORDS } from '#src/interprocess/frame-descriptor.js'
import { MessageType } from '#src/interprocess/link-message.js'
import { encodeBuffers } from '#src/interprocess/queue-message.js'
import {
  descriptorAt,
  QUEUE_PUBLISHED,
  QUEUE_RING,
  QUEUE_SLOT_COUNT,
} from '#src/interprocess/queue-page.js'
import type { Words } from '#src/interprocess/words.js'
import { connectFrames } from '#src/linux/connect-frames.js'
import type { FrameStream } from '#src/frames/frame-stream.js'
import type { Link } from '#src/linux/link.js'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import { createMemfd } from '#src/linux/memfd.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { device, regularFile, unsealedMemory } from '../helpers/hostile.js'
import {
  answerOne,
  distorted,
  entries,
  Impostor,
  PAGE_BYTES,
  type WelcomeParts,
} from '../helpers/impostor.js'
import { countResources, settled } from '../helpers/leaks.js'
import { socketPath } from '../helpers/socket-path.js'

function replace(fd: OwnedFd, by: OwnedFd): OwnedFd {
  fd.close()
  return by
}

/** Connects to an impostor that distorts its welcome, and checks that it is refused and leaves nothing. */
async function refuse(
  t: TestContext,
  distort: (parts: WelcomeParts, impostor: Impostor) => void,
  reason: RegExp,
): Promise<void> {
  const path = socketPath(t)
  await settled()
  const before = countResources()
  {
    using impostor = new Impostor()
    let link: Link | undefined
    const server = await answerOne(path, async (peer) => {
      link = peer
      const { page, bell, buffers, surplus, payload } = impostorParts(impostor, distort)
      const fds = [page, bell, ...buffers, ...surplus]
      await peer.post(MessageType.queueWelcome, payload, { fds })
      for (const fd of fds) fd.close()
    })
    await assert.rejects(connectFrames(path), (error) => {
      assert.match(String(error), reason)
      return true
    })
    await server.served
    await link?.close()
    await server.close()
  }
  await settled()
  assert.deepEqual(countResources(), before)
}

function impostorParts(
  impostor: Impostor,
  distort: (parts: WelcomeParts, impostor: Impostor) => void,
): WelcomeParts {
  const parts = impostor.parts()
  distort(parts, impostor)
  return parts
}

const distortions: readonly [string, RegExp, (parts: WelcomeParts, impostor: Impostor) => void][] =
  [
    [
      'a buffer too few',
      /EPROTO: The server sent 4 descriptors/,
      (parts) => {
        parts.buffers.pop()?.close()
      },
    ],
    [
      'a descriptor too many',
      /EPROTO: The server sent 6 descriptors/,
      (parts) => {
        parts.surplus.push(device())
      },
    ],
    [
      'no word of welcome',
      /EPROTO/,
      (parts) => {
        parts.payload = new Uint8Array(0)
      },
    ],
    [
      'one buffer',
      /EPROTO/,
      (parts) => (parts.payload = distorted({ buffers: entries({}).slice(1, 2) })),
    ],
    ['65 slots', /EPROTO/, (parts) => (parts.payload = distorted({ slotCount: 65 }))],
    [
      'buffers of 0 bytes',
      /EPROTO/,
      (parts) => (parts.payload = distorted({ buffers: entries({ lengthBytes: 0 }) })),
    ],
    [
      'buffers of NaN bytes',
      /EPROTO/,
      (parts) => (parts.payload = distorted({ buffers: entries({ lengthBytes: Number.NaN }) })),
    ],
    ['a ticket of 0', /EPROTO/, (parts) => (parts.payload = distorted({ firstTicket: 0 }))],
    [
      'buffers longer than they are',
      /a buffer of 4096 bytes, too small for 4097/,
      (parts) => (parts.payload = distorted({ buffers: entries({ lengthBytes: 4097 }) })),
    ],
    [
      'an unsealed page',
      /a queue page that is not sealed/,
      (parts) => (parts.page = replace(parts.page, unsealedMemory(PAGE_BYTES))),
    ],
    [
      'a page that is too small',
      /a queue page of 100 bytes, too small/,
      (parts) => (parts.page = replace(parts.page, createMemfd('small', 100))),
    ],
    [
      'a page that is no queue',
      /a page that is no queue/,
      (parts) => (parts.page = replace(parts.page, createMemfd('empty', PAGE_BYTES))),
    ],
    [
      'a page of another number of slots',
      /a page that is no queue/,
      (_parts, impostor) => {
        impostor.words.store(QUEUE_SLOT_COUNT, 4)
      },
    ],
    [
      'a file as page',
      /no memory as a queue page/,
      (parts) => (parts.page = replace(parts.page, regularFile())),
    ],
    [
      'a file as doorbell',
      /The peer sent no doorbell/,
      (parts) => (parts.bell = replace(parts.bell, regularFile())),
    ],
    [
      'an unsealed buffer',
      /a buffer that is not sealed/,
      (parts) => parts.buffers.splice(1, 1, unsealedMemory(4096)).forEach((fd) => fd.close()),
    ],
    [
      'a buffer that is too small',
      /a buffer of 4095 bytes, too small for 4096/,
      (parts) => parts.buffers.splice(2, 1, createMemfd('small', 4095)).forEach((fd) => fd.close()),
    ],
    [
      'a file as buffer',
      /no memory as a buffer/,
      (parts) => parts.buffers.splice(0, 1, regularFile()).forEach((fd) => fd.close()),
    ],
  ]

for (const [what, reason, distort] of distortions)
  test(`A server that sends ${what} is refused, and leaves nothing`, async (t) => {
    await refuse(t, distort, reason)
  })

test('A server that closes, dies, sends garbage or nothing instead of a welcome is told apart', async (t) => {
  const cases: readonly [string, (link: Link, fd: number) => Promise<void>][] = [
    ['EPIPE', (link) => link.close()],
    ['ETIMEDOUT', async () => {}],
    [
      'EPROTO',
      async (link) => {
        await link.post(MessageType.queueWelcome, new Uint8Array(5))
      },
    ],
  ]
  for (const [code, answer] of cases) {
    const path = socketPath(t)
    let link: Link | undefined
    const server = await answerOne(path, async (peer) => {
      link = peer
      await answer(peer, 0)
    })
    await assert.rejects(connectFrames(path, { timeoutMs: 200 }), { code })
    await server.served
    await link?.close()
    await server.close()
  }
})

test('A server that speaks no dmabuf is refused with EPROTO, one that only hangs up with EOWNERDEAD', async (t) => {
  for (const [code, bytes] of [
    ['EPROTO', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n')],
    ['EOWNERDEAD', undefined],
  ] as const) {
    const path = socketPath(t)
    const server = OwnedFd.adopt(native().listen(path, 0o600, 1))
    const connecting = assert.rejects(connectFrames(path), { code })
    const peer = OwnedFd.adopt(native().accept(server.number))
    if (bytes !== undefined) native().send(peer.number, bytes, bytes.length)
    peer.close()
    await connecting
    server.close()
  }
})

test('connectFrames rejects with the reason of a signal aborted while it joins, and leaves nothing', async (t) => {
  const path = socketPath(t)
  await settled()
  const before = countResources()
  const reason = new Error('Enough')
  const controller = new AbortController()
  const server = await answerOne(path, async (link) => {
    controller.abort(reason)
    await new Promise<void>((resolve) => link.onEnd(() => resolve()))
    await link.close()
  })
  await assert.rejects(connectFrames(path, { signal: controller.signal }), reason)
  await server.served
  await server.close()
  await settled()
  assert.deepEqual(countResources(), before)
})

/** A stream of an impostor that has published one good frame in buffer 0. */
async function deceived(
  t: TestContext,
): Promise<{ stream: FrameStream; impostor: Impostor; peer: Link }> {
  const path = socketPath(t)
  const impostor = new Impostor()
  let link: Link | undefined
  const server = await answerOne(path, async (peer) => {
    link = peer
    const { page, bell, buffers, payload } = impostor.parts()
    const fds = [page, bell, ...buffers]
    await peer.post(MessageType.queueWelcome, payload, { fds })
    for (const fd of fds) fd.close()
  })
  const stream = await connectFrames(path, { maxHeld: 1 })
  await server.served
  t.after(async () => {
    await stream.close()
    await link?.close()
    await server.close()
    impostor[Symbol.dispose]()
  })
  const index = impostor.producer.take() ?? -1
  impostor.producer.publish(
    index,
    { lengthBytes: 4096, timestampNs: 1, damage: [] },
    { serial: 1, layout: undefined },
  )
  assert.equal(index, 1)
  return { stream, impostor, peer: link! }
}

const lies: readonly [string, RegExp, (words: Words) => void][] = [
  [
    'names a buffer that there is not',
    /EPROTO: The producer named buffer 3 of 3/,
    (words) => words.write(QUEUE_RING + 1, 3),
  ],
  ['names a buffer below 0', /EPROTO/, (words) => words.write(QUEUE_RING + 1, -1)],
  [
    'says that more bytes are used than there are',
    /EPROTO/,
    (words) => words.write(descriptorAt(1) + 22, 4097),
  ],
  ['counts 9 damage rectangles', /EPROTO/, (words) => words.write(descriptorAt(1) + 26, 9)],
  [
    'describes another frame',
    /EPROTO: Frame 1 describes itself as 2/,
    (words) => words.write(descriptorAt(1), 2),
  ],
  [
    'describes a format that is none',
    /EPROTO/,
    (words) => {
      words.write(descriptorAt(1) + 2, 2)
      words.write(descriptorAt(1) + 3, 0x20202020)
      words.write(descriptorAt(1) + 6, 0)
    },
  ],
]

for (const [what, reason, lie] of lies)
  test(`A server that ${what} ends the stream with one clear error`, async (t) => {
    const { stream, impostor } = await deceived(t)
    assert.equal(descriptorAt(1) - descriptorAt(0), DESCRIPTOR_WORDS)
    lie(impostor.words)
    const matches = (error: unknown): boolean => reason.test(String(error))
    await assert.rejects(stream.receive(), matches)
    await assert.rejects(stream.receive(), matches)
    assert.throws(() => stream.tryReceive(), matches)
  })

test('A server that jumps ahead gives frames it never wrote to nobody', async (t) => {
  const { stream, impostor } = await deceived(t)
  ;(await stream.receive())?.release()
  impostor.words.store(QUEUE_PUBLISHED + 1, 0x1fffff)
  impostor.words.store(QUEUE_PUBLISHED, -1)
  await assert.rejects(stream.receive(), { code: 'EPROTO' })
})

test('A server that goes back is not followed', async (t) => {
  const { stream, impostor } = await deceived(t)
  ;(await stream.receive())?.release()
  impostor.words.store(QUEUE_PUBLISHED, 0)
  assert.equal(stream.tryReceive(), undefined)
})

const buffersThatAreNone: readonly [string, RegExp, () => [Uint8Array<ArrayBuffer>, OwnedFd[]]][] =
  [
    ['half an entry', /EPROTO/, () => [new Uint8Array(15), []]],
    [
      'a slot that there is not',
      /EPROTO/,
      () => [encodeBuffers([{ slot: 3, serial: 2, lengthBytes: 0 }]), []],
    ],
    [
      'no descriptor',
      /0 descriptors for 1 buffers/,
      () => [encodeBuffers([{ slot: 1, serial: 2, lengthBytes: 4096 }]), []],
    ],
    [
      'a descriptor for nothing',
      /1 descriptors for 0 buffers/,
      () => [encodeBuffers([{ slot: 1, serial: 2, lengthBytes: 0 }]), [device()]],
    ],
    [
      'an unsealed buffer',
      /a buffer that is not sealed/,
      () => [encodeBuffers([{ slot: 1, serial: 2, lengthBytes: 4096 }]), [unsealedMemory(4096)]],
    ],
    [
      'a buffer that is shorter than it says',
      /a buffer of 4096 bytes, too small for 8192/,
      () => [
        encodeBuffers([{ slot: 1, serial: 2, lengthBytes: 8192 }]),
        [createMemfd('small', 4096)],
      ],
    ],
  ]

for (const [what, reason, make] of buffersThatAreNone)
  test(`A server that sends ${what} in the middle ends the stream with one clear error`, async (t) => {
    const { stream, peer } = await deceived(t)
    const held = await stream.receive()
    const [payload, fds] = make()
    await peer.post(MessageType.queueBuffers, payload, { fds })
    for (const fd of fds) fd.close()
    const matches = (error: unknown): boolean => reason.test(String(error))
    await assert.rejects(stream.receive({ timeoutMs: 10_000 }), matches)
    assert.equal(held?.bytes.length, 4096, 'What is held stays')
    held.release()
  })

test('A frame whose buffer comes late is delivered when it does, with the bytes of that buffer', async (t) => {
  const { stream, impostor, peer } = await deceived(t)
  ;(await stream.receive())?.release()
  const slot = impostor.producer.take()!
  const serial = impostor.producer.equip(slot)
  const facts = { lengthBytes: 5000, timestampNs: 1, damage: [] }
  impostor.producer.publish(slot, facts, { serial: 1, layout: undefined })
  const waiting = stream.receive({ timeoutMs: 10_000 })
  assert.equal(stream.held, 0)
  const fd = createMemfd('late', 8192)
  using mapping = new Mapping(fd, 8192, MapMode.shared)
  mapping.words().write(0, 0x05050505)
  await peer.post(MessageType.queueBuffers, encodeBuffers([{ slot, serial, lengthBytes: 8192 }]), {
    fds: [fd],
  })
  fd.close()
  using frame = await waiting
  assert.deepEqual([frame?.sequence, frame?.lengthBytes, frame?.bytes[3]], [2, 5000, 5])
})

test('A server with a socket for a doorbell is left with one clear error', async (t) => {
  const path = socketPath(t)
  using impostor = new Impostor()
  const pair = new Int32Array(2)
  native().socketPair(pair)
  const [theirs, ours] = [OwnedFd.adopt(pair[0] ?? -1), OwnedFd.adopt(pair[1] ?? -1)]
  native().send(ours.number, new Uint8Array(8), 8)
  let link: Link | undefined
  const server = await answerOne(path, async (peer) => {
    link = peer
    const { page, bell, buffers, payload } = impostor.parts()
    bell.close()
    const fds = [page, theirs, ...buffers]
    await peer.post(MessageType.queueWelcome, payload, { fds })
    for (const fd of fds) fd.close()
  })
  const stream = await connectFrames(path)
  await server.served
  await assert.rejects(stream.receive({ timeoutMs: 10_000 }), {
    code: 'EPROTO',
    message: 'EPROTO: The peer sent a doorbell that rings for ever',
  })
  await stream.close()
  await link?.close()
  await server.close()
  ours.close()
})
