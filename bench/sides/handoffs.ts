// A queue of 64 buffers and 1 to 16 consumers, each of which gets every frame.
//
//   handoffs first|other one|two CONSUMERS CPU|PATH
//
// `one`: all ends in this process, and nobody sleeps. `two`: the consumers in another process, which is woken.
import { connectFrames, serveFrames, type FrameStream } from 'dmabuf/linux'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import {
  answerRounds,
  endWithStdin,
  nowNs,
  startOther,
  timeBatches,
  type Timing,
} from './rounds.js'
import { temporaryFolder } from './temporary-folder.js'

const [role = '', where = '', consumers = '', rest = ''] = process.argv.slice(2)
const CONSUMERS = Number(consumers)
const SHAPE = { lengthBytes: 64, buffers: 64 }

async function connectAll(path: string): Promise<FrameStream[]> {
  const streams: FrameStream[] = []
  for (let i = 0; i < CONSUMERS; i++) streams.push(await connectFrames(path))
  return streams
}

async function runInOne(): Promise<void> {
  const path = join(temporaryFolder(), 'queue')
  const queue = await serveFrames(path, SHAPE)
  const streams = await connectAll(path)
  await answerRounds(async (count): Promise<Timing> => {
    return timeBatches(count, () => {
      queue.tryDequeue()!.queue()
      for (const stream of streams) stream.tryReceive()!.release()
    })
  })
}

async function runFirst(): Promise<void> {
  const path = join(temporaryFolder(), 'queue')
  const queue = await serveFrames(path, SHAPE)
  const other = startOther(rest, [where, consumers, path], [])
  const answers = createInterface({ input: other.stdout! })[Symbol.asyncIterator]()
  await answers.next()
  await answerRounds(async (count): Promise<Timing> => {
    other.stdin!.write(`${count}\n`)
    const startNs = nowNs()
    for (let i = 0; i < count; i++) {
      const frame = queue.tryDequeue() ?? (await queue.dequeue())
      frame.queue()
    }
    const endNs = Number((await answers.next()).value)
    return { ns: Math.round((endNs - startNs) / count) }
  })
}

async function runOther(): Promise<void> {
  const streams = await connectAll(rest)
  let expected = 0
  let seen = 0
  const check = (): void => {
    if (expected > 0 && seen === expected) process.stdout.write(`${nowNs()}\n`)
  }
  for (const stream of streams)
    stream.subscribe((frame) => {
      frame.release()
      seen++
      check()
    })
  createInterface({ input: process.stdin }).on('line', (line) => {
    expected += Number(line) * CONSUMERS
    check()
  })
  endWithStdin()
  process.stdout.write('ready\n')
  await once(process, 'disconnect')
}

if (role === 'other') await runOther()
else if (where === 'one') await runInOne()
else await runFirst()
