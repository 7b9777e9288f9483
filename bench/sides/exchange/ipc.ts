import { startOther } from '../rounds.js'
import { fill, look, type Channel, type Setup } from './channel.js'

/** The IPC channel of child_process, serialization 'advanced'. */
export function openIpc({ first, work, lengthBytes, cpu, args }: Setup): Channel {
  const peer = first ? startOther(cpu, args, ['ipc']) : process
  const outgoing = new Uint8Array(lengthBytes)
  if (!first) process.on('disconnect', () => process.exit())
  return {
    send: (value) => {
      fill(outgoing, value, work)
      peer.send!(outgoing)
    },
    receive: (arrived) => {
      peer.on('message', (frame) => {
        look(frame as Uint8Array, work)
        arrived()
      })
    },
  }
}
