import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { parentPort, Worker } from 'node:worker_threads'
import { fill, look, type Channel, type Setup } from './channel.js'

/** The thread that the other side of `workers` runs in gets the arguments of a process through this. */
export interface WorkerArguments {
  readonly argv: readonly string[]
}

/** postMessage() between two threads: what is posted is copied, or moved there and back. */
export async function openWorkers(setup: Setup, how: 'copy' | 'transfer'): Promise<Channel> {
  const { first, work, lengthBytes } = setup
  const port = first ? await startWorker(setup) : parentPort!
  let frame = new Uint8Array(lengthBytes)
  return {
    send: (value) => {
      fill(frame, value, work)
      port.postMessage(frame, how === 'transfer' ? [frame.buffer] : [])
    },
    receive: (arrived) => {
      port.on('message', (received: Uint8Array<ArrayBuffer>) => {
        look(received, work)
        if (how === 'transfer') frame = received
        arrived()
      })
    },
  }
}

function threads(): readonly string[] {
  return readdirSync('/proc/self/task')
}

/** Starts the other side in a thread of this process. */
export async function startWorker({ cpu, args }: Setup): Promise<Worker> {
  const before = new Set(threads())
  const argv: WorkerArguments = { argv: ['other', ...args] }
  const worker = new Worker(process.argv[1]!, { workerData: argv })
  worker.once('error', (error) => {
    throw error
  })
  await new Promise((resolve) => worker.once('online', resolve))
  for (const thread of threads())
    if (!before.has(thread)) spawnSync('taskset', ['-pc', cpu, thread], { stdio: 'ignore' })
  return worker
}
