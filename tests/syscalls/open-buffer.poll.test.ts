// Goal: a descriptor of a buffer polls as the kernel's does.
// Method: fences of each usage; slots are seen through the references they hold.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signalFence } from '#src/core/fence/fence.js'
import type { Usage } from '#src/core/reservation/usage.js'
import { pollDescriptors } from '#src/syscalls/poll.js'
import { POLLIN, POLLOUT } from '#src/uapi/file.js'
import { addFence, countOf, gpuFence, openBuffer } from '../helpers/open-buffers.js'
import { Program } from '../helpers/program.js'

const EVENTS = POLLIN | POLLOUT

async function poll(program: Program, fd: number, timeoutMs?: number): Promise<number> {
  const [events] = await pollDescriptors(program.table, [{ fd, events: EVENTS }], { timeoutMs })
  return events!
}

const usages: readonly { usage: Usage; ready: number }[] = [
  { usage: 'kernel', ready: 0 },
  { usage: 'write', ready: 0 },
  { usage: 'read', ready: POLLIN },
  { usage: 'bookkeep', ready: EVENTS },
]
for (const { usage, ready } of usages)
  test(`A pending ${usage} fence leaves ${ready} of POLLIN and POLLOUT [BUF-38, MIS-2]`, async () => {
    using program = new Program()
    const { fd } = openBuffer(program)
    const fence = gpuFence()
    await addFence(program, fd, fence, usage)
    assert.equal(await poll(program, fd, 0), ready)
    signalFence(fence)
    assert.equal(await poll(program, fd, 0), EVENTS)
  })

test('A poll for neither event is 0 and arms nothing [BUF-37]', async () => {
  using program = new Program()
  const { fd, file } = openBuffer(program)
  await addFence(program, fd, gpuFence(), 'write')
  assert.equal(await file.poll(8), 0)
  assert.equal(countOf(file), 1)
})

test('A poll sleeps until a walk finds nothing pending, fence after fence [BUF-45, MIS-3]', async () => {
  using program = new Program()
  const { fd } = openBuffer(program)
  const [first, second] = [gpuFence(), gpuFence()]
  await addFence(program, fd, first, 'write')
  await addFence(program, fd, second, 'write')
  let isDone = false
  const polled = poll(program, fd).then((events) => {
    isDone = true
    return events
  })
  await new Promise((resolve) => setImmediate(resolve))
  signalFence(first)
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isDone, false)
  signalFence(second)
  assert.equal(await polled, EVENTS)
})

test('An armed slot counts as a reference and keeps the buffer when its descriptor is closed [BUF-44, BUF-62, MIS-4]', async () => {
  using program = new Program()
  const { fd, file, exporter } = openBuffer(program)
  const fence = gpuFence()
  await addFence(program, fd, fence, 'write')
  assert.equal(await poll(program, fd, 0), 0)
  assert.equal(countOf(file), 3, 'one slot for each event')
  program.table.close(fd)
  assert.equal(exporter.released, false)
  signalFence(fence)
  await Promise.resolve()
  assert.equal(exporter.released, true)
})

test('Two polls of two descriptors on one buffer are both woken [BUF-41, EX-8]', async () => {
  using program = new Program()
  const { fd } = openBuffer(program)
  const copy = program.table.dup(fd)
  const fence = gpuFence()
  await addFence(program, fd, fence, 'read')
  const ask = (of: number): Promise<readonly number[]> =>
    pollDescriptors(program.table, [{ fd: of, events: POLLOUT }])
  const polled = [ask(fd), ask(copy)]
  await new Promise((resolve) => setImmediate(resolve))
  signalFence(fence)
  assert.deepEqual(await Promise.all(polled), [[POLLOUT], [POLLOUT]])
})

test('A poll waits for whoever holds the lock, even without time [BUF-39]', async () => {
  using program = new Program()
  const { fd, file } = openBuffer(program)
  await addFence(program, fd, gpuFence(), 'bookkeep')
  using handle = file.handle()
  const held = await handle.reservation.lock()
  let events: number | undefined
  const polled = poll(program, fd, 0).then((found) => (events = found))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(events, undefined)
  held.release()
  assert.equal(await polled, EVENTS)
})

test('A poll enables signalling, and is no access: the exporter hears nothing [BUF-47, BUF-48]', async () => {
  using program = new Program()
  const { fd, exporter } = openBuffer(program, { begin: () => {} })
  let enabled = 0
  const fence = gpuFence({
    enableSignaling() {
      enabled++
      return true
    },
  })
  await addFence(program, fd, fence, 'write')
  assert.equal(await poll(program, fd, 0), 0)
  assert.equal(enabled, 1)
  signalFence(fence)
  assert.equal(await poll(program, fd, 0), EVENTS)
  assert.deepEqual(exporter.calls, [])
})
