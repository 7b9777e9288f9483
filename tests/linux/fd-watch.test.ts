// Goal: who waits for a descriptor is woken once, and nobody waits for ever or keeps a program running for nothing.
// Method: both ends of a pipe.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FdWatch } from '#src/linux/fd-watch.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { POLLIN, POLLOUT } from '#src/uapi/file.js'
import { writeSync } from 'node:fs'

function pipe(): Disposable & { readonly reader: OwnedFd; readonly writer: OwnedFd } {
  const into = new Int32Array(2)
  assert.equal(native().pipe(into), 0)
  const reader = OwnedFd.adopt(into[0]!)
  const writer = OwnedFd.adopt(into[1]!)
  return {
    reader,
    writer,
    [Symbol.dispose]() {
      reader.close()
      writer.close()
    },
  }
}

test('once wakes when the event is there, one time', async () => {
  using ends = pipe()
  using watch = new FdWatch(ends.reader)
  let woken = 0
  watch.once(POLLIN, () => woken++)
  await new Promise(setImmediate)
  assert.equal(woken, 0)
  writeSync(ends.writer.number, 'x')
  await watch.ready(POLLIN, 'test')
  await new Promise(setImmediate)
  assert.equal(woken, 1)
})

test('ready tells the events apart', async () => {
  using ends = pipe()
  using watch = new FdWatch(ends.writer)
  await watch.ready(POLLOUT, 'test')
  await assert.rejects(watch.ready(POLLIN, 'test', { timeoutMs: 5 }), { code: 'ETIMEDOUT' })
})

test('ready does not wait for what is there: not with a timeout of 0 either', async () => {
  using ends = pipe()
  using watch = new FdWatch(ends.writer)
  for (let round = 0; round < 50; round++) {
    const ready = watch.ready(POLLOUT, 'test', { timeoutMs: 0 })
    // The timer is due before the event loop polls.
    for (const end = performance.now() + 2; performance.now() < end;);
    await ready
  }
  const aborted = AbortSignal.abort(new Error('enough'))
  await assert.rejects(watch.ready(POLLOUT, 'test', { signal: aborted }), /enough/)
  await assert.rejects(watch.ready(POLLIN, 'test', { timeoutMs: 0 }), { code: 'ETIMEDOUT' })
})

test('Many wait at a time, each for its event', async () => {
  using ends = pipe()
  using watch = new FdWatch(ends.writer)
  let readable = 0
  const forget = (): number => readable++
  watch.once(POLLIN, forget)
  await Promise.all([watch.ready(POLLOUT, 'test'), watch.ready(POLLIN | POLLOUT, 'test')])
  assert.equal(readable, 0)
  watch.forget(forget)
})

test('ready ends with a signal, and the next wait is not disturbed', async () => {
  using ends = pipe()
  using watch = new FdWatch(ends.reader)
  const stop = new AbortController()
  const wait = watch.ready(POLLIN, 'test', { signal: stop.signal })
  stop.abort(new Error('enough'))
  await assert.rejects(wait, /enough/)
  writeSync(ends.writer.number, 'x')
  await watch.ready(POLLIN, 'test')
})

test('The other end that goes away wakes who waits', async () => {
  using ends = pipe()
  using watch = new FdWatch(ends.reader)
  const wait = watch.ready(POLLIN, 'test')
  ends.writer.close()
  await wait
})

test('A file that cannot be watched is refused by what it is, and nobody waits', () => {
  using file = OwnedFd.adopt(native().memfd('watched', 0))
  using watch = new FdWatch(file, 'a memfd')
  let woken = 0
  const wake = (): number => woken++
  assert.throws(() => watch.once(POLLIN, wake), /EPERM: Cannot watch a memfd$/)
  watch.forget(wake)
  assert.equal(woken, 0)
})
