import { createRequire } from 'node:module'
import { join } from 'node:path'
import { startOther } from '../rounds.js'
import { fill, look, type Channel, type Setup } from './channel.js'
import { temporaryFolder } from '../temporary-folder.js'

/** What we use of the package `zeromq`, which is no dependency: bench/peers/zeromq.ts says where it is. */
interface ZeroMq {
  readonly Pair: new (options: { linger: number }) => {
    bind(address: string): Promise<void>
    connect(address: string): void
    send(message: Uint8Array): Promise<void>
    receive(): Promise<[Uint8Array]>
  }
}

/** A pair of zeromq sockets over ipc://. */
export async function openZeroMq(setup: Setup): Promise<Channel> {
  const { first, work, lengthBytes, cpu, args } = setup
  const { Pair } = createRequire(import.meta.url)(process.env['DMABUF_BENCH_ZEROMQ']!) as ZeroMq
  const socket = new Pair({ linger: 0 })
  const folder = first ? temporaryFolder() : args.at(-1)!
  const address = `ipc://${join(folder, 'socket')}`
  if (first) {
    await socket.bind(address)
    startOther(cpu, [...args, folder], [])
  } else socket.connect(address)
  const outgoing = new Uint8Array(lengthBytes)
  return {
    send: (value) => {
      // The frame before this one has been answered: nobody reads it any more.
      fill(outgoing, value, work)
      void socket.send(outgoing)
    },
    receive: (arrived) => {
      const loop = async (): Promise<void> => {
        for (;;) {
          const [frame] = await socket.receive()
          look(frame, work)
          arrived()
        }
      }
      void loop()
    },
  }
}
