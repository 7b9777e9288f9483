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

async function parent(): Promise<void> {
  const [ours, theirs] = linkPair()
  await using link = ours
  const script = fileURLToPath(import.meta.url)
  const stdio = ['ignore', 'inherit', 'inherit', theirs.number] as const
  const child = spawn(process.execPath, [script, 'child'], { stdio: [...stdio] })
  const exited = once(child, 'exit')
  theirs.close() // the child has its own by now

  using buffer = openMemfdHeap().allocate(4096)
  using timeline = createTimeline('render')
  await link.send(new TextEncoder().encode('ready at 1'), [exportFd(buffer)])
  await shareTimeline(timeline, link, { timeoutMs: 10_000 })
  {
    using access = await buffer.beginCpuAccess('write')
    access.bytes.fill(7)
  }
  timeline.signal(1) // a store to shared memory, and a wake-up because the child waits
  using answer = await link.receive({ timeoutMs: 10_000 })
  assert.equal(answer?.bytes[0], 7)
  await link.close() // no more will come: the child's fence 2 fails with ENOENT
  assert.deepEqual(await exited, [0, null])
  console.log('the child read what was written before the fence, and gave up waiting for the next')
}

async function child(): Promise<void> {
  await using link = inheritLink(3)
  using message = await link.receive({ timeoutMs: 10_000 })
  const [fd] = message?.takeFds() ?? []
  assert.ok(fd !== undefined)
  using buffer = importFd(fd)
  using timeline = await receiveTimeline(link, { timeoutMs: 10_000 })

  await timeline.fence(1).wait({ timeoutMs: 10_000 })
  {
    using access = await buffer.beginCpuAccess('read')
    await link.send(access.bytes.slice(0, 1)) // slice() copies: what is kept must be
  }
  await assert.rejects(timeline.fence(2).wait({ timeoutMs: 10_000 }), { code: 'ENOENT' })
}

await (process.argv[2] === 'child' ? child() : parent())
