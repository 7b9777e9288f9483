import { DmaBufError } from '../core/errors.js'
import { thrownText } from '../core/thrown.js'
import type { FramePort } from '../frames/frame-port.js'
import type { FrameQueue } from '../frames/frame-queue.js'
import { PortClaim } from '../frames/port-claim.js'
import type { SlotBuffer } from '../frames/slot-buffers.js'
import { ConsumerView } from '../interprocess/consumer-view.js'
import type { JoinMessage } from '../interprocess/queue-message.js'
import { CONSUMER_PAGE_BYTES } from '../interprocess/queue-page.js'
import { ArrayWords } from '../interprocess/words.js'
import { holdLifeLock } from './life-lock.js'
import { BELL_BYTES, type MemoryEntry, type MemoryPort, type PortMessage } from './memory-port.js'
import type { SharedPool } from './shared-memory.js'
import { ThreadTransport } from './thread-transport.js'

interface Runtime {
  crypto: { randomUUID(): string }
}

const { crypto } = globalThis as unknown as Runtime

/** Lets consumers into a queue through ports: one each. */
export class PortGate {
  readonly #queue: FrameQueue
  readonly #page: SharedArrayBuffer
  readonly #pool: SharedPool
  readonly #unopened = new Map<ThreadTransport, PortClaim>()

  constructor(queue: FrameQueue, page: SharedArrayBuffer, pool: SharedPool) {
    this.#queue = queue
    this.#page = page
    this.#pool = pool
  }

  /** A new port; until it is opened it keeps no program running. */
  open(): FramePort {
    const claim = new PortClaim()
    const port: MemoryPort = {
      dmabufPort: 1,
      kind: 'memory',
      name: `dmabuf:${crypto.randomUUID()}`,
      claim: claim.memory,
      bells: new SharedArrayBuffer(BELL_BYTES),
      queue: this.#page,
      own: new SharedArrayBuffer(CONSUMER_PAGE_BYTES),
      memories: this.#pool.memories,
    }
    let rung = (): void => {}
    const transport = new ThreadTransport(port, 'producer', {
      message: (message) => {
        if (message.type !== 'join' || !this.#unopened.delete(transport)) return
        void this.#admit(port, transport, { join: message, rings: (callback) => (rung = callback) })
      },
      rung: () => {
        rung()
      },
      entriesOf: (slots) => this.#entriesOf(slots),
    })
    transport.keepAlive(false)
    this.#unopened.set(transport, claim)
    return port
  }

  /** Takes back the ports that nobody has opened. */
  close(refusal: DmaBufError): void {
    for (const [transport, claim] of this.#unopened) {
      claim.withdraw()
      transport.closeWith(refusal)
    }
    this.#unopened.clear()
  }

  async #admit(
    port: MemoryPort,
    transport: ThreadTransport,
    joining: { readonly join: JoinMessage; readonly rings: (callback: () => void) => void },
  ): Promise<void> {
    try {
      // Held before the consumer is told, so that it cannot take us for dead.
      const letGo = await holdLifeLock(`${port.name}:producer`)
      transport.watch(`${port.name}:consumer`, letGo)
      this.#join(port, transport, joining)
      transport.keepAlive(true)
    } catch (error) {
      const reason = DmaBufError.is(error)
        ? error
        : new DmaBufError('EPROTO', 'join', thrownText(error))
      transport.closeWith(reason)
    }
  }

  #join(
    port: MemoryPort,
    transport: ThreadTransport,
    { join, rings }: { readonly join: JoinMessage; readonly rings: (callback: () => void) => void },
  ): void {
    const { mode, maxHeld } = join
    const consumer = this.#queue.join({ mode, maxHeld }, ({ index, firstTicket, rung }) => {
      rings(rung)
      const words = new ArrayWords(port.own)
      const view = new ConsumerView(words, { index, mode, maxHeld, firstTicket })
      return { view, transport }
    })
    const welcome: PortMessage = {
      to: 'consumer',
      type: 'welcome',
      consumerIndex: consumer.view.index,
      slotCount: this.#queue.slotCount,
      firstTicket: consumer.view.cursor(),
      entries: this.#entriesOf(this.#queue.slots),
    }
    transport.post(welcome)
  }

  #entriesOf(slots: readonly SlotBuffer[]): readonly MemoryEntry[] {
    return slots.map(({ slot, serial, buffer }) => ({
      slot,
      serial,
      lengthBytes: buffer?.lengthBytes ?? 0,
      memory: buffer === undefined ? -1 : this.#pool.indexOf(buffer),
    }))
  }
}
