// A frame goes to another process, and another one comes back: two queues, one each way.
//
//   frame-echo first|other CALLBACK[:heap] LENGTH CPU
//
// With `:heap` the frames are in memory of the kernel's heap `system`, otherwise in memfds.
// `subscribe` calls back and looks at no byte; `iterate` is `for await`, and both sides write a byte of each
// frame and read one.
import { connectFrames, inheritLink, linkPair, openDmaHeap, serveFrames } from 'dmabuf/linux'
import type { FrameQueue, FrameStream } from 'dmabuf/linux'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { answerRounds, endWithStdin, Round, startOther } from './rounds.js'

interface Ends {
  readonly out: FrameQueue
  readonly incoming: FrameStream
}

const [role = '', how = '', length = '', cpu = ''] = process.argv.slice(2)
const [api, source] = how.split(':')
// One frame is under way at a time: one is held, one is the newest, one is being filled.
const shape = {
  lengthBytes: Number(length),
  buffers: 3,
  ...(source === 'heap' ? { heap: openDmaHeap('system') } : {}),
}

async function openFirst(): Promise<Ends> {
  const [outgoing, readByOther] = linkPair()
  const [back, writtenByOther] = linkPair()
  const other = startOther(cpu, [how, length], [readByOther, writtenByOther])
  // A queue waits some seconds for whoever joins; on a slow machine a program takes longer to start.
  await once(other.stdout!, 'data')
  const out = await serveFrames(outgoing, shape)
  const incoming = await connectFrames(back)
  while (out.consumers.length === 0) await sleep(1)
  return { out, incoming }
}

async function openOther(): Promise<Ends> {
  process.stdout.write('started\n')
  const incoming = await connectFrames(inheritLink(3))
  const out = await serveFrames(inheritLink(4), shape)
  return { out, incoming }
}

function sendUntouched(out: FrameQueue): void {
  const frame = out.tryDequeue()
  if (frame === undefined) throw new Error('No free buffer')
  frame.queue()
}

function sendTouched(out: FrameQueue, value: number): void {
  const frame = out.tryDequeue()
  if (frame === undefined) throw new Error('No free buffer')
  frame.bytes[0] = value
  frame.queue()
}

function end(error?: unknown): void {
  if (error !== undefined && role === 'first') console.error(error)
  process.exit(error === undefined ? 0 : 1)
}

async function runFirst({ out, incoming }: Ends): Promise<void> {
  let round: Round | undefined
  let send: () => void
  if (api === 'subscribe') {
    send = () => {
      sendUntouched(out)
    }
    incoming.subscribe((frame) => {
      frame.release()
      if (round?.next() === true) sendUntouched(out)
    }, end)
  } else {
    let value = 0
    send = () => {
      sendTouched(out, 0)
    }
    const loop = async (): Promise<void> => {
      for await (const frame of incoming) {
        value = (value + frame.bytes[0]! + 1) & 0xff
        frame.release()
        if (round?.next() === true) sendTouched(out, value)
      }
    }
    loop().then(end, end)
  }
  await answerRounds(
    (count) =>
      new Promise((resolve) => {
        round = new Round(count, resolve)
        send()
      }),
  )
}

async function runOther({ out, incoming }: Ends): Promise<void> {
  endWithStdin()
  if (api === 'subscribe') {
    incoming.subscribe((frame) => {
      frame.release()
      sendUntouched(out)
    }, end)
  } else {
    for await (const frame of incoming) {
      const value = frame.bytes[0]!
      frame.release()
      sendTouched(out, value)
    }
    end()
  }
}

if (role === 'first') await runFirst(await openFirst())
else await runOther(await openOther()).catch(end)
