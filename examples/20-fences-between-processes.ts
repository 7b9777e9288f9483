// Two processes hand work to each other with fences alone: each goes on at once, and waits only where it must.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createTimeline, DmaBufError, mergeFences } from 'dmabuf'
import { inheritLink, linkPair, receiveFence, shareFence } from 'dmabuf/linux'

async function parent(): Promise<void> {
  const [ours, theirs] = linkPair()
  await using link = ours
  const script = fileURLToPath(import.meta.url)
  const stdio = ['ignore', 'inherit', 'inherit', theirs.number] as const
  const child = spawn(process.execPath, [script, 'child'], { stdio: [...stdio] })
  const exited = once(child, 'exit')
  theirs.close()

  // Any fence can be shared: this one is done when both of its parts are.
  using decode = createTimeline('decode')
  using scale = createTimeline('scale')
  await shareFence(mergeFences([decode.fence(1), scale.fence(1)]), link)
  // Fences are strangers to each other: the second may be done while the first is pending.
  await shareFence(decode.fence(2), link)

  // What the other process has to finish, for us.
  const shown = await receiveFence(link, { timeoutMs: 10_000 })
  console.log(shown.explain().replace(/\d+/g, 'N'))

  decode.signal(1)
  scale.signal(1)
  decode.fail(2, new DmaBufError('EIO', 'decode', 'The bitstream ends early'))
  await shown.wait({ timeoutMs: 10_000 })
  await link.close()
  assert.deepEqual(await exited, [0, null])
}

async function child(): Promise<void> {
  await using link = inheritLink(3)
  const picture = await receiveFence(link, { timeoutMs: 10_000 })
  const next = await receiveFence(link, { timeoutMs: 10_000 })

  using screen = createTimeline('screen')
  await shareFence(screen.fence(1), link)

  // A fence of another process is an ordinary one: it can be waited for, merged, and put into a reservation.
  await picture.wait({ timeoutMs: 10_000 })
  // It fails here with what it failed with there, by number; with EOWNERDEAD if its owner dies.
  await assert.rejects(next.wait({ timeoutMs: 10_000 }), { code: 'EIO' })
  screen.signal(1)
  await link.receive({ timeoutMs: 10_000 }) // until the other side has seen it, and closes
}

await (process.argv[2] === 'child' ? child() : parent())
