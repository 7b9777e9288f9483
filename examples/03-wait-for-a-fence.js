// A child waits for work of this process by a fence of a shared timeline, and learns that more will not come.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createTimeline } from 'dmabuf'
import {
  exportFd,
  importFd,
  inheritLink,
  linkPair,
  openMemfdHeap,
  receiveTimeline,
  shareTimeline,
} from 'dmabuf/linux'

async function parent() {
  const [link, theirs] = linkPair()
  const buffer = openMemfdHeap().allocate(4096)
  const timeline = createTimeline('render')
  try {
    const script = fileURLToPath(import.meta.url)
    const child = spawn(process.execPath, [script, 'child'], {
      stdio: ['ignore', 'inherit', 'inherit', theirs.number],
    })
    const exited = once(child, 'exit')
    theirs.close() // the child has its own by now

    await link.send(new TextEncoder().encode('ready at 1'), [exportFd(buffer)])
    await shareTimeline(timeline, link, { timeoutMs: 10_000 })
    const access = await buffer.beginCpuAccess('write')
    try {
      access.bytes.fill(7)
    } finally {
      access.end()
    }
    timeline.signal(1) // a store to shared memory, and a wake-up because the child waits
    const answer = await link.receive({ timeoutMs: 10_000 })
    assert.equal(answer?.bytes[0], 7)
    await link.close() // no more will come: the child's fence 2 fails with ENOENT
    assert.deepEqual(await exited, [0, null])
  } finally {
    timeline.close()
    theirs.close()
    buffer.close()
    await link.close()
  }
  console.log('the child read what was written before the fence, and gave up waiting for the next')
}

async function child() {
  const link = inheritLink(3)
  try {
    const message = await link.receive({ timeoutMs: 10_000 })
    const [fd] = message?.takeFds() ?? []
    assert.ok(fd !== undefined)
    const buffer = importFd(fd)
    const timeline = await receiveTimeline(link, { timeoutMs: 10_000 })
    try {
      await timeline.fence(1).wait({ timeoutMs: 10_000 })
      const access = await buffer.beginCpuAccess('read')
      try {
        await link.send(access.bytes.slice(0, 1)) // slice() copies: what is kept must be
      } finally {
        access.end()
      }
      await assert.rejects(timeline.fence(2).wait({ timeoutMs: 10_000 }), { code: 'ENOENT' })
    } finally {
      timeline.close()
      buffer.close()
    }
  } finally {
    await link.close()
  }
}

await (process.argv[2] === 'child' ? child() : parent())
