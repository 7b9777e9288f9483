// One buffer, two processes: its descriptor goes to a child over a link, and the child's answer is in the
// buffer itself.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { exportFd, importFd, inheritLink, linkPair, openMemfdHeap } from 'dmabuf/linux'

async function parent() {
  const buffer = openMemfdHeap({ name: 'example' }).allocate(4096)
  const [link, theirs] = linkPair()
  try {
    const writing = await buffer.beginCpuAccess('write')
    try {
      writing.bytes.fill(21)
    } finally {
      writing.end() // the access ends here, and `bytes` with it
    }

    const script = fileURLToPath(import.meta.url)
    const child = spawn(process.execPath, [script, 'child'], {
      stdio: ['ignore', 'inherit', 'inherit', theirs.number],
    })
    const exited = once(child, 'exit')
    theirs.close() // the child has its own by now

    await link.send(new TextEncoder().encode('double them'), [exportFd(buffer)])
    const answer = await link.receive({ timeoutMs: 10_000 })
    assert.equal(new TextDecoder().decode(answer?.bytes), `inode ${buffer.inode}`)
    assert.equal(link.peer.pid, child.pid)

    const reading = await buffer.beginCpuAccess('read')
    try {
      assert.ok(reading.bytes.every((byte) => byte === 42))
      console.log(`pid ${link.peer.pid} doubled ${reading.bytes.length} bytes in our memory`)
    } finally {
      reading.end()
    }
    assert.deepEqual(await exited, [0, null])
  } finally {
    theirs.close()
    await link.close()
    buffer.close()
  }
}

async function child() {
  const link = inheritLink(3)
  try {
    const message = await link.receive({ timeoutMs: 10_000 })
    const [fd] = message?.takeFds() ?? []
    assert.ok(fd !== undefined)
    const buffer = importFd(fd, { access: 'readwrite' }) // 'read' would keep our stores to ourselves
    try {
      const access = await buffer.beginCpuAccess('readwrite')
      try {
        access.bytes.forEach((byte, index, bytes) => {
          bytes[index] = byte * 2
        })
      } finally {
        access.end()
      }
      await link.send(new TextEncoder().encode(`inode ${buffer.inode}`))
    } finally {
      buffer.close()
    }
  } finally {
    await link.close()
  }
}

await (process.argv[2] === 'child' ? child() : parent())
