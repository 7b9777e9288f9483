// One frame there, one frame back, through what a program can use for that: bench/peers/iceoryx.cpp does the
// same in C++.
//
//   exchange first|other queue|mapped|shared|stream|onread|ipc|copy|transfer|zeromq none|all LENGTH CPU
//
// `none`: nobody looks at the bytes. `all`: each side fills what it sends and searches what it gets.
import { isMainThread, workerData } from 'node:worker_threads'
import type { Channel, Setup, Work } from './exchange/channel.js'
import { openIpc } from './exchange/ipc.js'
import { openQueues } from './exchange/queue.js'
import { openStream, openStreamOnread } from './exchange/socket.js'
import { openThreadQueues } from './exchange/thread-queues.js'
import { openWorkers, type WorkerArguments } from './exchange/workers.js'
import { openZeroMq } from './exchange/zeromq.js'
import { answerRounds, endWithStdin, Round } from './rounds.js'

const argv = isMainThread ? process.argv.slice(2) : (workerData as WorkerArguments).argv
const [role = '', transport = '', work = '', length = ''] = argv
const first = role === 'first'
// The first is told the core of the other; the other may be told where to find the first.
const args = first ? argv.slice(1, 4) : argv.slice(1)
const setup: Setup = {
  first,
  work: work as Work,
  lengthBytes: Number(length),
  cpu: argv[4] ?? '',
  args,
}

const OPENERS: Readonly<Record<string, (setup: Setup) => Channel | Promise<Channel>>> = {
  queue: openQueues,
  mapped: (setup) => openThreadQueues(setup, 'mapped'),
  shared: (setup) => openThreadQueues(setup, 'shared'),
  stream: openStream,
  onread: openStreamOnread,
  ipc: openIpc,
  copy: (setup) => openWorkers(setup, 'copy'),
  transfer: (setup) => openWorkers(setup, 'transfer'),
  zeromq: openZeroMq,
}

const { send, receive } = await OPENERS[transport]!(setup)

if (first) {
  let round: Round | undefined
  let value = 0
  receive(() => {
    if (round?.next() === true) send(++value)
  })
  await answerRounds(
    (count) =>
      new Promise((resolve) => {
        round = new Round(count, resolve)
        send(++value)
      }),
  )
} else {
  if (isMainThread) endWithStdin()
  let value = 0
  receive(() => {
    send(++value)
  })
}
