// The same as bench/peers/kernel.c does with the kernel's bare calls, through this package.
//
//   kernel OPERATION HEAP BYTES CPU
import {
  exportFd,
  inheritLink,
  linkPair,
  openDmaHeap,
  openMemfdHeap,
  openUdmabufHeap,
  type Link,
  type OwnedFd,
} from 'dmabuf/linux'
import type { DmaBuf } from 'dmabuf'
import { listDrmNodes, openDrm, type DrmBuffer, type DrmDevice } from 'dmabuf/devices/drm'
import { setImmediate as turn } from 'node:timers/promises'
import { exportKernelFence } from '#src/linux/kernel-buffer-fences.js'
import { answerRounds, endWithStdin, nowNs, startOther } from './rounds.js'

const PAGE_BYTES = 4096
/** Memory that was looked at goes back when the event loop turns: no more than this lies about before. */
const MOST_LYING_BYTES = 64 * 2 ** 20

const [operation = '', kind = '', bytes = '', cpu = ''] = process.argv.slice(2)
const lengthBytes = Number(bytes)

/** The event loop turns once in so many, and at the end, within the time: what Node clears up after them is in it. */
const BATCH = Math.max(1, Math.min(1000, MOST_LYING_BYTES / lengthBytes))

const HEAPS = { heap: () => openDmaHeap('system'), udmabuf: openUdmabufHeap, memfd: openMemfdHeap }

function allocator(lengthBytes: number): () => DmaBuf {
  const heap = HEAPS[kind as keyof typeof HEAPS]()
  held.push(heap)
  return () => heap.allocate(lengthBytes)
}

/** Something done many times; waits where it gives a promise. */
type Operation = () => void | Promise<void>

let sum = 0

/** What is to live as long as this process: whatever is collected before is reported. */
const held: (Disposable | AsyncDisposable)[] = []

function bracket(buffer: DmaBuf): Operation {
  return () => {
    const access = buffer.tryBeginCpuAccess('read')!
    sum = (sum + access.bytes[0]!) | 0
    access.end()
  }
}

/** The bracket alone: what the kernel is told. */
function syncs(buffer: DmaBuf): Operation {
  return () => {
    buffer.tryBeginCpuAccess('read')!.end()
  }
}

function bracketOnThread(buffer: DmaBuf): Operation {
  return async () => {
    const access = await buffer.beginCpuAccess('read', { blocking: 'thread' })
    sum = (sum + access.bytes[0]!) | 0
    access.end()
  }
}

/** A DRM device that imports the buffer, and the import. */
function importInto(buffer: DmaBuf): { device: DrmDevice; imported: DrmBuffer } {
  for (const { path } of listDrmNodes()) {
    try {
      const device = openDrm(path)
      return { device, imported: device.import(buffer) }
    } catch {
      // The next may.
    }
  }
  throw new Error('No DRM device imports the buffer')
}

function attaching(buffer: DmaBuf): Operation {
  const { device, imported } = importInto(buffer)
  imported.close()
  held.push(device)
  return () => {
    device.import(buffer).close()
  }
}

function touch(buffer: DmaBuf): void {
  const access = buffer.tryBeginCpuAccess('write')!
  const memory = access.bytes
  for (let at = 0; at < memory.length; at += PAGE_BYTES) memory[at] = 1
  access.end()
  buffer.close()
}

function passing(): Operation {
  const [link, theirs] = linkPair()
  startOther(cpu, [], [theirs])
  using buffer = allocator(lengthBytes)()
  const fd = exportFd(buffer)
  held.push(link, fd)
  const byte = Uint8Array.of(1)
  return async () => {
    await link.send(byte, [fd.dup()])
    for (const received of await receiveFds(link)) received.close()
  }
}

async function receiveFds(link: Link): Promise<readonly OwnedFd[]> {
  const message = await link.receive()
  if (message === undefined) process.exit(0)
  return message.takeFds()
}

async function passBack(): Promise<void> {
  endWithStdin()
  const link = inheritLink(3)
  const byte = Uint8Array.of(1)
  for (;;) await link.send(byte, await receiveFds(link))
}

function allocating(lengthBytes: number): Operation {
  const allocate = allocator(lengthBytes)
  return operation === 'touch' ? () => touch(allocate()) : () => allocate().close()
}

const ALLOCATES = operation === 'allocate' || operation === 'touch'

function open(): Operation {
  if (operation === 'pass') return passing()
  if (ALLOCATES) return allocating(lengthBytes)
  const buffer = allocator(lengthBytes)()
  held.push(buffer)
  if (operation === 'bracket') return bracket(buffer)
  if (operation === 'sync') return syncs(buffer)
  if (operation === 'thread') return bracketOnThread(buffer)
  if (operation === 'attached') {
    const { device, imported } = importInto(buffer)
    held.push(device, imported)
    return bracket(buffer)
  }
  if (operation === 'prime') return attaching(buffer)
  if (operation !== 'export') throw new RangeError(`No such operation: ${operation}`)
  const fd = exportFd(buffer)
  held.push(fd)
  return () => {
    exportKernelFence(fd, true)
  }
}

async function round(run: Operation, count: number): Promise<{ ns: number }> {
  const startNs = nowNs()
  for (let done = 0; done < count;) {
    const pending = run()
    done++
    if (pending !== undefined) {
      await pending
      continue
    }
    const more = Math.min(BATCH - 1, count - done)
    repeat(run, more)
    done += more
    if (done % BATCH === 0 || done === count) await turn()
  }
  return { ns: (nowNs() - startNs + (sum & 0)) / count }
}

/** Of operations that wait for nothing: no more around them than in the C program. */
function repeat(run: Operation, count: number): void {
  for (let done = 0; done < count; done++) void run()
}

const WARM_OPERATIONS = 20_000
const WARM_NS = 3e9

/** Until the compiler of JavaScript has seen it often enough, also where a processor is emulated. */
async function warm(run: Operation): Promise<void> {
  const startNs = nowNs()
  for (let done = 0; done < WARM_OPERATIONS && nowNs() - startNs < WARM_NS; done += BATCH)
    await round(run, BATCH)
}

if (operation === 'other') await passBack()
else {
  const run = open()
  // The same code, whatever the length: of large ones there are too few until the compiler has seen it.
  await warm(ALLOCATES ? allocating(PAGE_BYTES) : run)
  await answerRounds((count) => round(run, count))
}
