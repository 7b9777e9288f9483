// Goal: the addon answers wrong calls with errors, and its memory, polls and words behave as native/ says.
// Method: calls the addon itself, below the classes that usually stand before it.
import assert from 'node:assert/strict'
import { fstatSync, readFileSync, writeSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import {
  check,
  MapMode,
  native,
  PollMode,
  type MappingHandle,
  type PollHandle,
} from '#src/linux/native.js'
import { exitAfterTests } from '../helpers/exit-after.js'
import { mappedMemfds, settled, until } from '../helpers/leaks.js'

exitAfterTests()

const EBADF = -9
const EINVAL = -22
const PAGE = 4096

function memfd(): number {
  const fd = native().memfd('dmabuf:native', 2)
  assert.equal(native().truncate(fd, PAGE), 0)
  return fd
}

function map(mode: number = MapMode.shared): MappingHandle {
  const fd = memfd()
  const handle = native().map(fd, PAGE, mode)
  native().close(fd)
  assert.ok(typeof handle === 'object')
  return handle
}

function viewOf(handle: MappingHandle): ArrayBuffer {
  const view = native().view(handle, PAGE)
  assert.ok(view instanceof ArrayBuffer)
  return view
}

async function mappedCount(): Promise<number> {
  await settled()
  return mappedMemfds().filter((line) => line.includes('dmabuf:native ')).length
}

test('map begins where it is told, at a whole page', () => {
  const fd = native().memfd('dmabuf:native', 2)
  native().truncate(fd, 2 * PAGE)
  writeSync(fd, Uint8Array.of(7), 0, 1, PAGE)
  const handle = native().map(fd, PAGE, MapMode.readOnly, PAGE)
  assert.ok(typeof handle === 'object')
  const bytes = new Uint8Array(1)
  assert.equal(native().copy(handle, 0, bytes, 0), 1)
  assert.equal(bytes[0], 7)
  native().unmap(handle)
  for (const offset of [1, -PAGE, Number.NaN, 2 ** 53 + 2])
    assert.equal(native().map(fd, PAGE, MapMode.readOnly, offset), EINVAL)
  native().close(fd)
})

test('check passes results through, and makes errors of the others with name and hint', () => {
  assert.equal(
    check(0, 'op', () => 'No'),
    0,
  )
  assert.equal(
    check(7, 'op', () => 'No'),
    7,
  )
  assert.throws(() => check(EBADF, 'op', () => 'Cannot do it'), {
    name: 'DmaBufError',
    code: 'EBADF',
    errno: EBADF,
    operation: 'op',
    message: 'EBADF: Cannot do it',
  })
  assert.throws(() => check(-24, 'op', () => 'Cannot'), /EMFILE: Cannot: .*ulimit -n/)
  assert.throws(() => check(-12, 'op', () => 'Cannot'), /ENOMEM: Cannot: not enough memory/)
})

test('native gives the same addon each time', () => {
  assert.equal(native(), native())
})

test('native takes nothing but an integer for a descriptor: NaN is not stdin', () => {
  const bytes = new Uint8Array(8)
  for (const wrong of [NaN, -1, 0.5, 2 ** 31, 2 ** 32, Infinity, '0', null, undefined, {}]) {
    const fd = wrong as number
    assert.equal(native().dup(fd), EBADF)
    assert.equal(native().close(fd), EBADF)
    assert.equal(native().stat(fd, new Int32Array(4)), EBADF)
    assert.equal(native().setCloseOnExec(fd), EBADF)
    assert.equal(native().getSeals(fd), EBADF)
    assert.equal(native().send(fd, bytes, 1), EBADF)
    assert.equal(native().map(fd, PAGE, 0), EBADF)
  }
  fstatSync(0)
})

test('native takes no foreign object for a mapping or a poll', () => {
  const mapping = map()
  const fds = new Int32Array(2)
  native().socketPair(fds)
  const poll = native().pollOpen(fds[0]!, () => {}, PollMode.events)
  assert.ok(typeof poll === 'object')
  for (const forged of [
    poll,
    {},
    [],
    0,
    1,
    'handle',
    null,
    undefined,
    Symbol('handle'),
    mappedCount,
  ]) {
    const handle = forged as MappingHandle
    assert.equal(native().view(handle, PAGE), EBADF)
    assert.equal(native().end(handle, new ArrayBuffer(8)), EBADF)
    assert.equal(native().unmap(handle), EBADF)
    assert.equal(native().copy(handle, 0, new Uint8Array(1), 0), EBADF)
    assert.equal(native().futexWake(handle, 0), EINVAL)
    assert.equal(native().futexSleep(handle, 0, 0, 0, mapping, 0), EINVAL)
    assert.equal(native().futexSleep(mapping, 0, 0, 0, handle, 0), EINVAL)
    assert.equal(native().futexSleep(mapping, 0, 1, 0, mapping, 0, handle, 0), EINVAL)
    assert.throws(() => native().load(handle, 0), RangeError)
    assert.throws(() => native().store(handle, 0, 0), RangeError)
  }
  for (const forged of [mapping, {}, 0, undefined, null, 'poll']) {
    const handle = forged as PollHandle
    assert.equal(native().pollStart(handle, 1), EBADF)
    assert.equal(native().pollRef(handle, 1), EBADF)
    assert.equal(native().pollClose(handle), EBADF)
  }
  assert.equal(native().pollClose(poll), 0)
  for (const fd of fds) native().close(fd)
  assert.equal(native().unmap(mapping), 0)
})

test('native.pollOpen takes a function, a known mode, and what that mode needs', () => {
  const fds = new Int32Array(2)
  native().socketPair(fds)
  const fd = fds[0]!
  const callback = (): void => {}
  for (const wrong of [5, undefined, null, 'f', {}])
    assert.equal(native().pollOpen(fd, wrong as () => void, PollMode.events), EINVAL)
  for (const mode of [-1, 3]) assert.equal(native().pollOpen(fd, callback, mode), EINVAL)
  assert.equal(native().pollOpen(fd, callback, PollMode.messages), EINVAL)
  const bytes = new Uint8Array(8)
  assert.equal(native().pollOpen(fd, callback, 1, bytes, new Int32Array(256)), EINVAL)
  const poll = native().pollOpen(fd, callback, 1, bytes, new Int32Array(257))
  assert.ok(typeof poll === 'object')
  assert.equal(native().pollStart(poll, 8), EINVAL)
  assert.equal(native().pollStart(poll, -1), EINVAL)
  assert.equal(native().pollClose(poll), 0)
  assert.equal(native().pollClose(poll), 0)
  assert.equal(native().pollStart(poll, 1), EBADF)
  assert.equal(native().pollRef(poll, 1), EBADF)
  for (const each of fds) native().close(each)
})

test('native.pollOpen refuses a descriptor that is polled already, or cannot be', () => {
  const fds = new Int32Array(2)
  native().socketPair(fds)
  const poll = native().pollOpen(fds[0]!, () => {}, PollMode.events)
  assert.ok(typeof poll === 'object')
  native().pollStart(poll, 1)
  assert.ok((native().pollOpen(fds[0]!, () => {}, PollMode.events) as number) < 0)
  const file = memfd()
  assert.equal(
    native().pollOpen(file, () => {}, PollMode.events),
    -1,
  )
  native().close(file)
  assert.equal(
    native().pollOpen(file, () => {}, PollMode.events),
    EBADF,
  )
  native().pollClose(poll)
  for (const fd of fds) native().close(fd)
})

test('native.pollOpen leaves the description as blocking as it was: the peer may share it', () => {
  const fds = new Int32Array(2)
  native().socketPair(fds)
  const flags = (): string =>
    /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fds[0]!}`, 'utf8'))?.[1] ?? ''
  const before = flags()
  const poll = native().pollOpen(fds[0]!, () => {}, PollMode.events)
  assert.equal(flags(), before)
  native().pollClose(poll as never)
  for (const fd of fds) native().close(fd)
})

test('A poll that is collected is closed: it calls back no more, and its descriptor stays open', async () => {
  const fds = new Int32Array(2)
  native().socketPair(fds)
  let calls = 0
  const forget = (): void => {
    const poll = native().pollOpen(fds[0]!, () => calls++, PollMode.events)
    assert.ok(typeof poll === 'object')
    native().pollStart(poll, 1)
  }
  forget()
  await settled()
  await settled()
  native().send(fds[1]!, new Uint8Array(1), 1)
  for (let i = 0; i < 5; i++) await turn()
  assert.equal(calls, 0)
  fstatSync(fds[0]!)
  // Closed for good: another poll may have the descriptor.
  const poll = native().pollOpen(fds[0]!, () => calls++, PollMode.events)
  assert.ok(typeof poll === 'object')
  native().pollStart(poll, 1)
  await until(() => calls > 0)
  native().pollClose(poll)
  for (const fd of fds) native().close(fd)
})

test('Many views over one mapping: ended, collected and alive, it is mapped until the last is gone', async () => {
  const before = await mappedCount()
  const handle = map()
  const use = async (): Promise<void> => {
    const alive = Array.from({ length: 2000 }, () => viewOf(handle))
    for (let i = 0; i < 500; i++) viewOf(handle)
    for (let i = 0; i < 500; i++) {
      const view = viewOf(handle)
      new Uint8Array(view)[0] = i & 0xff
      assert.equal(native().end(handle, view), 1)
      assert.equal(native().end(handle, view), 0)
    }
    assert.equal(native().unmap(handle), 0)
    assert.equal(await mappedCount(), before + 1)
    assert.ok(alive.every((view) => new Uint8Array(view)[0] === (499 & 0xff)))
  }
  await use()
  assert.equal(native().unmap(handle), EBADF)
  assert.equal(native().view(handle, PAGE), EBADF)
  assert.equal(await mappedCount(), before)
})

test('The addresses of a closed mapping stay taken while its handle lives: async code may hold them', () => {
  const lines = (): string[] => readFileSync('/proc/self/maps', 'utf8').split('\n')
  const known = new Set(lines())
  const handle = map()
  const [line = ''] = lines().filter((each) => !known.has(each) && each.includes('dmabuf:native '))
  const start = parseInt(line, 16)
  assert.ok(start > 0)
  const isTaken = (): boolean =>
    lines().some((each) => {
      const [from = 0, to = 0] = each.split(/[- ]/, 2).map((text) => parseInt(text, 16))
      return from <= start && start < to && / rw-p .* 0 *$/.test(each)
    })
  const view = viewOf(handle)
  assert.equal(isTaken(), false)
  assert.equal(native().end(handle, view), 1)
  assert.equal(native().unmap(handle), 0)
  return new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    assert.equal(isTaken(), true)
    assert.equal(lines().includes(line), false)
    // Still there: what is looked at above is the handle that this line keeps.
    assert.equal(native().unmap(handle), EBADF)
  })
})

test('A mapping whose handle is collected without unmap() is unmapped', async () => {
  const before = await mappedCount()
  const forget = (): void => {
    for (let i = 0; i < 20; i++) map()
    viewOf(map())
  }
  forget()
  await settled()
  assert.equal(await mappedCount(), before)
})

test('native.end takes views of this mapping only', () => {
  const [first, second] = [map(), map()]
  const [mine, theirs] = [viewOf(first), viewOf(second)]
  assert.equal(native().end(first, theirs), EINVAL)
  assert.equal(native().end(first, new ArrayBuffer(PAGE)), EINVAL)
  assert.equal(native().end(first, new ArrayBuffer(0)), 0)
  for (const wrong of [new SharedArrayBuffer(8), new Uint8Array(mine), 5, undefined])
    assert.equal(native().end(first, wrong as unknown as ArrayBuffer), EINVAL)
  assert.equal(mine.byteLength, PAGE)
  assert.equal(native().end(first, mine), 1)
  assert.equal(native().end(second, theirs), 1)
  native().unmap(first)
  native().unmap(second)
})

test('native.view takes lengths from 1 to the mapping’s', () => {
  const handle = map()
  for (const wrong of [0, -1, PAGE + 1, NaN, 2 ** 53, '1'])
    assert.equal(native().view(handle, wrong as number), EINVAL)
  for (const length of [1, PAGE]) {
    const view = native().view(handle, length)
    assert.equal((view as ArrayBuffer).byteLength, length)
  }
  native().unmap(handle)
})

test('native.copy stays within the mapping, and does not write to a read-only one', () => {
  const handle = map()
  const readOnly = map(MapMode.readOnly)
  const bytes = new Uint8Array(16).fill(5)
  assert.equal(native().copy(handle, PAGE - 16, bytes, 1), 16)
  assert.equal(native().copy(handle, PAGE - 15, bytes, 1), EINVAL)
  assert.equal(native().copy(handle, PAGE - 15, bytes, 0), EINVAL)
  assert.equal(native().copy(handle, -1, bytes, 0), EINVAL)
  assert.equal(native().copy(handle, 2 ** 53, bytes, 0), EINVAL)
  assert.equal(native().copy(readOnly, 0, bytes, 1), -13)
  bytes.fill(0)
  assert.equal(native().copy(handle, PAGE - 16, bytes, 0), 16)
  assert.ok(bytes.every((byte) => byte === 5))
  native().unmap(handle)
  native().unmap(readOnly)
})

test('native.letOthersRun comes back, and says after how many nanoseconds', () => {
  const before = process.hrtime.bigint()
  const ns = native().letOthersRun()
  assert.ok(ns > 0 && ns <= Number(process.hrtime.bigint() - before))
})

test('native.futexSleep returns at once for another value, and at its time for the same', () => {
  const word = map(MapMode.readOnly)
  const own = map()
  const sleep = (expected: number, ms: number): number =>
    native().futexSleep(word, 0, expected, ms, own, 4)
  assert.equal(sleep(1, 60_000), 0)
  assert.equal(sleep(0, 1), -110)
  assert.equal(native().futexSleep(word, 0, 1, 60_000, own, 4, own, 8), 0)
  assert.equal(native().load(own, 4), 0)
  assert.equal(sleep(0, -1), EINVAL)
  assert.equal(native().futexSleep(word, 0, 0, 1, own, 4, own, PAGE), EINVAL)
  assert.equal(native().futexSleep(word, 2, 0, 1, own, 4), EINVAL)
  assert.equal(native().futexSleep(word, PAGE, 0, 1, own, 4), EINVAL)
  // Saying that one sleeps is a store: into a read-only page it would be a fault.
  assert.equal(native().futexSleep(own, 0, 0, 1, word, 4), EINVAL)
  assert.equal(native().futexWake(word, PAGE - 4), 0)
  assert.equal(native().futexWake(word, PAGE), EINVAL)
  native().unmap(word)
  native().unmap(own)
})

test('A view that was moved within the thread keeps the memory until it is collected', async (t) => {
  const { transfer } = ArrayBuffer.prototype as { transfer?: (this: ArrayBuffer) => ArrayBuffer }
  if (transfer === undefined) {
    t.skip('This Node has no ArrayBuffer.prototype.transfer: nothing can move a view')
    return
  }
  const before = await mappedCount()
  const handle = map()
  const move = async (): Promise<void> => {
    const view = viewOf(handle)
    new Uint8Array(view)[9] = 99
    const moved = transfer.call(view)
    assert.equal(native().end(handle, view), 0)
    assert.equal(native().unmap(handle), 0)
    assert.equal(await mappedCount(), before + 1)
    assert.equal(new Uint8Array(moved)[9], 99)
  }
  await move()
  assert.equal(await mappedCount(), before)
})

test('A view cannot be transferred by a message: it arrives as a copy, or not at all', () => {
  const handle = map()
  const view = viewOf(handle)
  new Uint8Array(view)[0] = 7
  const { port1, port2 } = new MessageChannel()
  try {
    port1.postMessage(view, [view])
  } catch (error) {
    assert.match(String(error), /DataCloneError|transfer/)
  }
  const received = receiveMessageOnPort(port2) as { message: ArrayBuffer } | undefined
  if (received !== undefined) new Uint8Array(received.message)[0] = 8
  assert.equal(new Uint8Array(view)[0], 7)
  port1.close()
  assert.equal(native().end(handle, view), 1)
  native().unmap(handle)
})
