// 33 MB frames go one way, as fast as both sides can: through a queue of shared buffers, a Unix stream
// socket, or the IPC channel of child_process.
//
//   frame-rate first|other queue|socket|onread|ipc none|search|sum CPU
//
// `socket` reads by `data` events, as programs do; `onread` reads into the frame, which saves it a copy.
// What both sides do with the bytes is the same code for all three. `none`: nothing. `search`: the producer
// fills the frame, the consumer looks for a byte that is not there, both at the speed of memory. `sum`: the
// producer fills it, the consumer adds up its 32-bit words in a loop of JavaScript.
import { connectFrames, inheritLink, linkPair, serveFrames } from 'dmabuf/linux'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerRounds, endWithStdin, nowNs, startOther, type Timing } from './rounds.js'

const FRAME_BYTES = 3840 * 2160 * 4
const [role = '', transport = '', work = '', cpu = ''] = process.argv.slice(2)

function fill(bytes: Uint8Array, value: number): void {
  if (work !== 'none') bytes.fill(value & 0x7f)
}

// memchr(): Uint8Array has the same, at a tenth of the speed.
const search = Reflect.get(Buffer.prototype, 'indexOf') as (
  this: Uint8Array,
  byte: number,
) => number

function look(bytes: Uint8Array): void {
  if (work === 'search' && search.call(bytes, 0xff) >= 0)
    throw new Error('A byte that nobody wrote')
  if (work === 'sum') sumOfWords(bytes)
}

let sum = 0

function sumOfWords(bytes: Uint8Array): void {
  // What IPC delivers is not aligned, so no Uint32Array.
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let total = 0
  for (let at = 0; at < FRAME_BYTES; at += 4) total = (total + words.getInt32(at, true)) | 0
  sum = (sum + total) | 0
}

/** How a producer sends one frame; settles when it may go on. */
type Send = (value: number) => Promise<void>

async function openQueue(): Promise<{ other: ChildProcess; send: Send }> {
  const [link, theirs] = linkPair()
  const other = startOther(cpu, [transport, work], [theirs])
  const queue = await serveFrames(link, { lengthBytes: FRAME_BYTES })
  while (queue.consumers.length === 0) await sleep(1)
  const send = async (value: number): Promise<void> => {
    const frame = queue.tryDequeue() ?? (await queue.dequeue())
    if (work !== 'none') fill(frame.bytes, value)
    frame.queue()
  }
  return { other, send }
}

function openSocket(): { other: ChildProcess; send: Send } {
  const other = startOther(cpu, [transport, work], ['pipe'])
  const socket = other.stdio[3] as Socket
  const frame = new Uint8Array(FRAME_BYTES)
  const send = (value: number): Promise<void> => {
    fill(frame, value)
    // Called once the kernel has all of it: the frame may be filled again.
    return new Promise((resolve, reject) => {
      socket.write(frame, (error) => {
        if (error === null || error === undefined) resolve()
        else reject(error)
      })
    })
  }
  return { other, send }
}

function openIpc(): { other: ChildProcess; send: Send } {
  const other = startOther(cpu, [transport, work], ['ipc'])
  const frame = new Uint8Array(FRAME_BYTES)
  const send = (value: number): Promise<void> => {
    fill(frame, value)
    return new Promise((resolve, reject) => {
      other.send(frame, (error) => {
        if (error === null) resolve()
        else reject(error)
      })
    })
  }
  return { other, send }
}

function open(): Promise<{ other: ChildProcess; send: Send }> {
  if (transport === 'queue') return openQueue()
  return Promise.resolve(transport === 'ipc' ? openIpc() : openSocket())
}

async function runFirst(): Promise<void> {
  const { other, send } = await open()
  const answers = createInterface({ input: other.stdout! })[Symbol.asyncIterator]()
  await answers.next()
  await answerRounds(async (count): Promise<Timing> => {
    other.stdin!.write(`${count}\n`)
    const startNs = nowNs()
    for (let i = 0; i < count; i++) await send(i)
    const endNs = Number((await answers.next()).value)
    return { ns: Math.round((endNs - startNs) / count) }
  })
}

/** Counts frames, and says when the last one of a round was looked at. */
class Arrivals {
  #seen = 0
  #expected = 0

  expect(count: number): void {
    this.#expected += count
    this.#check()
  }

  count(): void {
    this.#seen++
    this.#check()
  }

  #check(): void {
    if (this.#seen === this.#expected) process.stdout.write(`${nowNs()}\n`)
  }
}

/** Puts the frame together from what `data` events bring. */
function readChunks(arrived: () => void): void {
  const frame = new Uint8Array(FRAME_BYTES)
  let filled = 0
  new Socket({ fd: 3 }).on('data', (chunk) => {
    let taken = 0
    while (taken < chunk.length) {
      const part = chunk.subarray(taken, taken + FRAME_BYTES - filled)
      frame.set(part, filled)
      filled += part.length
      taken += part.length
      if (filled < FRAME_BYTES) continue
      filled = 0
      look(frame)
      arrived()
    }
  })
}

/** Reads into the frame itself: the fewest copies that a socket allows. */
function readIntoFrame(arrived: () => void): void {
  const frame = new Uint8Array(FRAME_BYTES)
  let filled = 0
  const onread = {
    buffer: () => frame.subarray(filled),
    callback: (count: number): boolean => {
      filled += count
      if (filled < FRAME_BYTES) return true
      filled = 0
      look(frame)
      arrived()
      return true
    },
  }
  const options: SocketConstructorOpts & { onread: OnReadOpts } = { fd: 3, onread, readable: true }
  new Socket(options).resume()
}

async function runOther(): Promise<void> {
  const arrivals = new Arrivals()
  const arrived = (): void => {
    arrivals.count()
  }
  createInterface({ input: process.stdin }).on('line', (line) => {
    arrivals.expect(Number(line))
  })
  endWithStdin()
  if (transport === 'socket') readChunks(arrived)
  if (transport === 'onread') readIntoFrame(arrived)
  if (transport === 'ipc')
    process.on('message', (frame) => {
      look(frame as Uint8Array)
      arrived()
    })
  const stream = transport === 'queue' ? await connectFrames(inheritLink(3)) : undefined
  process.stdout.write('ready\n')
  if (stream === undefined) return
  for await (const frame of stream) {
    // 32-bit words need the ArrayBuffer, and that is what a loan hands out.
    if (work === 'sum') await frame.lend(async (bytes) => look(bytes))
    else if (work === 'search') look(frame.bytes)
    frame.release()
    arrived()
  }
}

if (role === 'first') await runFirst()
else {
  await Promise.race([runOther(), once(process, 'disconnect')]).catch(() => {})
  if (transport === 'queue') process.exit()
}
