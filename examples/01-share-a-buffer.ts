// One buffer, two processes: its descriptor goes to a child over a link, and the child's answer is in the
// buffer itself.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { exportFd, importFd, inheritLink, linkPair, openMemfdHeap } from 'dmabuf/linux'

async function parent(): Promise<void> {
  using buffer = openMemfdHeap({ name: 'example' }).allocate(4096)
  {
    using access = await buffer.beginCpuAccess('write')
    access.bytes.fill(21)
  } // the access ends here, and `bytes` with it

  const [ours, theirs] = linkPair()
  await using link = ours
  const script = fileURLToPath(import.meta.url)
  const stdio = ['ignore', 'inherit', 'inherit', theirs.number] as const
  const child = spawn(process.execPath, [script, 'child'], { stdio: [...stdio] })
  const exited = once(child, 'exit')
  theirs.close() // the child has its own by now

  await link.send(new TextEncoder().encode('double them'), [exportFd(buffer)])
  using answer = await link.receive({ timeoutMs: 10_000 })
  assert.equal(new TextDecoder().decode(answer?.bytes), `inode ${buffer.inode}`)
  assert.equal(link.peer.pid, child.pid)

  using access = await buffer.beginCpuAccess('read')
  assert.ok(access.bytes.every((byte) => byte === 42))
  console.log(`pid ${link.peer.pid} doubled ${access.bytes.length} bytes in our memory`)
  assert.deepEqual(await exited, [0, null])
}

async function child(): Promise<void> {
  await using link = inheritLink(3)
  using message = await link.receive({ timeoutMs: 10_000 })
  const [fd] = message?.takeFds() ?? []
  assert.ok(fd !== undefined)
  using buffer = importFd(fd, { access: 'readwrite' }) // 'read' would keep our stores to ourselves
  {
    using access = await buffer.beginCpuAccess('readwrite')
    access.bytes.forEach((byte, index, bytes) => {
      bytes[index] = byte * 2
    })
  }
  await link.send(new TextEncoder().encode(`inode ${buffer.inode}`))
}

await (process.argv[2] === 'child' ? child() : parent())
