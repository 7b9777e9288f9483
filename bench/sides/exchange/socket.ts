import { once } from 'node:events'
import { connect, createServer, Socket, type OnReadOpts } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startOther } from '../rounds.js'
import { fill, look, type Channel, type Setup } from './channel.js'
import { temporaryFolder } from '../temporary-folder.js'

function sender(socket: Socket, { lengthBytes, work }: Setup): (value: number) => void {
  const outgoing = new Uint8Array(lengthBytes)
  return (value) => {
    // The frame before this one has been answered, so the kernel has all of it.
    fill(outgoing, value, work)
    socket.write(outgoing)
  }
}

/** A Unix stream socket of node:net; frames are put together from what `data` events bring. */
export function openStream(setup: Setup): Channel {
  const { first, work, lengthBytes, cpu, args } = setup
  const socket = first
    ? (startOther(cpu, args, ['pipe']).stdio[3] as Socket)
    : new Socket({ fd: 3 })
  const incoming = new Uint8Array(lengthBytes)
  return {
    send: sender(socket, setup),
    receive: (arrived) => {
      let filled = 0
      // One frame is under way at a time: what comes belongs to one frame.
      socket.on('data', (chunk) => {
        incoming.set(chunk, filled)
        filled += chunk.length
        if (filled < lengthBytes) return
        filled = 0
        look(incoming, work)
        arrived()
      })
    },
  }
}

/**
 * The same, read into the frame itself (`onread`): the fewest copies that a socket allows in Node.
 *
 * Only who connects can have that, so there is a socket for each way.
 */
export async function openStreamOnread(setup: Setup): Promise<Channel> {
  const { first, work, lengthBytes, cpu, args } = setup
  const folder = first ? temporaryFolder() : args.at(-1)!
  const server = createServer()
  await new Promise<void>((resolve) => {
    server.listen(join(folder, first ? 'first' : 'other'), resolve)
  })
  const accepted = once(server, 'connection') as Promise<[Socket]>
  if (first) startOther(cpu, [...args, folder], [])
  const incoming = new Uint8Array(lengthBytes)
  let filled = 0
  let arrived = (): void => {}
  const onread = {
    buffer: () => incoming.subarray(filled),
    callback: (count: number): boolean => {
      filled += count
      if (filled < lengthBytes) return true
      filled = 0
      look(incoming, work)
      arrived()
      return true
    },
  }
  await connectTo(join(folder, first ? 'other' : 'first'), onread)
  const [outgoing] = await accepted
  server.close()
  return {
    send: sender(outgoing, setup),
    receive: (callback) => {
      arrived = callback
    },
  }
}

/** The other side may not be there yet. */
async function connectTo(path: string, onread: OnReadOpts): Promise<void> {
  for (;;) {
    const socket = connect({ path, onread })
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    if (connected) return
    await sleep(5)
  }
}
