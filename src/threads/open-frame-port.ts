import { DmaBufError } from '../core/errors.js'
import type { WaitOptions } from '../core/host.js'
import { waitFor } from '../core/wait.js'
import { checkConsumerOptions } from '../frames/consumer-options.js'
import type { FramePort, FramePortOptions } from '../frames/frame-port.js'
import { FrameStream } from '../frames/frame-stream.js'
import { PortClaim } from '../frames/port-claim.js'
import { QueueConnection } from '../frames/queue-connection.js'
import { SlotBuffers } from '../frames/slot-buffers.js'
import { initConsumerPage } from '../interprocess/queue-consumer.js'
import { MAX_BUFFERS } from '../interprocess/queue-page.js'
import { ArrayWords } from '../interprocess/words.js'
import { holdLifeLock } from './life-lock.js'
import {
  checkMemoryPort,
  isMemoryPort,
  type MemoryEntry,
  type MemoryPort,
  type PortMessage,
} from './memory-port.js'
import { bufferOver } from './shared-memory.js'
import { ThreadTransport } from './thread-transport.js'

const JOIN_TIMEOUT_MS = 5000

type Welcome = Extract<PortMessage, { type: 'welcome' }>

/**
 * Opens a port that another thread has posted: `queue.port()`.
 *
 * @returns owned: close() it, or hold it with `await using`
 * @throws {DmaBufError} EBUSY where it is opened already or the queue has too few buffers, EPIPE where its
 *   queue has closed, ETIMEDOUT; {TypeError} where it is no port
 */
export async function openFramePort(
  port: FramePort,
  options: FramePortOptions & WaitOptions = {},
): Promise<FrameStream> {
  if ((port as FramePort | undefined)?.dmabufPort !== 1)
    throw new TypeError('Open what queue.port() returned, as it arrived in a message')
  const consumer = checkConsumerOptions(options)
  if (!isMemoryPort(port))
    throw new TypeError("Port is one of dmabuf/linux: open it with that package's openFramePort()")
  checkMemoryPort(port)
  new PortClaim(port.claim).take()
  const stream = new FrameStream({ mode: consumer.mode, reconnect: undefined })
  stream.attach(await joinPort(port, { ...options, ...consumer }, stream.rung))
  return stream
}

async function joinPort(
  port: MemoryPort,
  options: ReturnType<typeof checkConsumerOptions> & WaitOptions,
  rung: () => void,
): Promise<QueueConnection> {
  const { mode, maxHeld, fences, signal } = options
  const own = new ArrayWords(port.own)
  initConsumerPage(own)
  const buffers = new SlotBuffers()
  let welcomed: ((welcome: Welcome) => void) | undefined
  let letGo = (): void => {}
  const transport = new ThreadTransport(port, 'consumer', {
    rung,
    closed: () => {
      buffers[Symbol.dispose]()
    },
    message: (message) => {
      if (message.type === 'welcome') welcomed?.(message)
      if (message.type !== 'buffers') return
      putBuffers(port, buffers, message.entries)
      rung()
    },
  })
  try {
    letGo = await holdLifeLock(`${port.name}:consumer`)
    const timeoutMs = Math.min(options.timeoutMs ?? JOIN_TIMEOUT_MS, JOIN_TIMEOUT_MS)
    const welcome = await waitFor<Welcome>('openFramePort', { signal, timeoutMs }, (waiter) => {
      welcomed = waiter.resolve
      transport.onEnd(({ error }) => {
        waiter.reject(error)
      })
      transport.post({ to: 'producer', type: 'join', mode, maxHeld })
      return () => {}
    })
    transport.watch(`${port.name}:producer`, letGo)
    putBuffers(port, buffers, welcome.entries)
    const queue = new ArrayWords(port.queue)
    return new QueueConnection({ transport, queue, own, buffers, welcome, mode, maxHeld, fences })
  } catch (error) {
    transport.closeWith(undefined)
    letGo()
    throw error
  }
}

function putBuffers(port: MemoryPort, buffers: SlotBuffers, entries: readonly MemoryEntry[]): void {
  for (const { slot, serial, lengthBytes, memory: index } of entries) {
    if (slot < 0 || slot >= MAX_BUFFERS || buffers.lengthOf(slot, serial) === lengthBytes) continue
    const memory = port.memories[index]
    if (index >= 0 && (memory === undefined || memory.byteLength < lengthBytes))
      throw new DmaBufError('EPROTO', 'receive', `The queue named memory ${index}`)
    const buffer = memory === undefined ? undefined : bufferOver(memory, lengthBytes)
    buffers.put({ slot, serial, buffer })
  }
}
