import type { FramePort } from '../frames/frame-port.js'
import { isMemoryPort } from './memory-port.js'

interface Runtime {
  BroadcastChannel: new (name: string) => { postMessage(message: unknown): void; close(): void }
}

const { BroadcastChannel } = globalThis as unknown as Runtime

/**
 * Says that whoever opened a port has died: its queue takes back what it held. For runtimes that do not tell
 * (Node), in a worker's 'exit' handler. A stream that lives fails with EOWNERDEAD.
 */
export function closeFramePort(port: FramePort): void {
  if (!isMemoryPort(port)) return
  const channel = new BroadcastChannel(port.name)
  channel.postMessage({ type: 'gone' })
  channel.close()
}
