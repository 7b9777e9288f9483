// Programs that find each other by a path: one serves links, others connect, and descriptors travel on them.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  connectLink,
  exportFd,
  importFd,
  openMemfdHeap,
  OwnedFd,
  serveLinks,
  type Link,
} from 'dmabuf/linux'

const folder = await mkdtemp(join(tmpdir(), 'dmabuf-example-'))
const path = join(folder, 'pictures.sock')

/** Sends everybody who asks a picture. */
async function serve(link: Link): Promise<void> {
  const request = await link.receive()
  using picture = openMemfdHeap().allocate(4096)
  using access = await picture.beginCpuAccess('write')
  access.bytes.fill(request?.bytes[0] ?? 0)
  access.end()
  await link.send(new Uint8Array(0), [exportFd(picture)]) // the descriptor moves into the message
  await link.receive() // until the other side says goodbye
  await link.close()
}

try {
  // Here both sides are in one program; usually they are not.
  await using listener = await serveLinks(path) // for programs of the same user; a policy admits others
  const serving = (async () => {
    for await (const link of listener) return serve(link)
  })()

  await using link = await connectLink(path, { waitForServer: true, timeoutMs: 10_000 })
  assert.equal(link.peer.pid, process.pid) // the kernel vouches for that
  await link.send(Uint8Array.of(42))
  using answer = await link.receive({ timeoutMs: 10_000 })
  const [fd] = answer?.takeFds() ?? []
  assert.ok(fd instanceof OwnedFd)
  using picture = importFd(fd) // moves on: the buffer closes it
  using access = await picture.beginCpuAccess('read')
  assert.equal(access.bytes[4095], 42)
  console.log(`a picture of ${picture.lengthBytes} bytes came over ${path.split('/').at(-1)}`)
  await link.close()
  await serving
} finally {
  await rm(folder, { recursive: true })
}
