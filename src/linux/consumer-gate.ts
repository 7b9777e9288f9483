import { DmaBufError } from '../core/errors.js'
import type { FrameQueue, OpenedConsumer } from '../frames/frame-queue.js'
import { ConsumerView } from '../interprocess/consumer-view.js'
import { MessageType } from '../interprocess/link-message.js'
import { decodeJoin, encodeWelcome } from '../interprocess/queue-message.js'
import { CONSUMER_PAGE_BYTES } from '../interprocess/queue-page.js'
import { Doorbell, DoorbellListener } from './doorbell.js'
import type { Link, Received } from './link.js'
import { LinkTransport } from './link-transport.js'
import { MapMode, Mapping } from './mapping.js'
import { checkReceivedMemory } from './memfd.js'
import { OwnedFd } from './owned-fd.js'
import { Resources } from './resources.js'

const JOIN_TIMEOUT_MS = 5000

/** What a consumer gets of a queue; borrowed from it. */
export interface SharedQueue {
  readonly queue: FrameQueue
  /** The queue's page. */
  readonly page: OwnedFd
}

/** Lets consumers into a queue over links: reads their wish to join, gives them the queue. */
export class ConsumerGate {
  readonly #shared: SharedQueue
  readonly #joining = new Set<Link>()

  constructor(shared: SharedQueue) {
    this.#shared = shared
  }

  /**
   * Admits whoever is at the other end, or refuses it in words. Never rejects.
   *
   * @param link - moved
   * @param options.patient - waits for its wish to join without a limit
   */
  async admit(link: Link, { patient = false } = {}): Promise<void> {
    try {
      const message = await this.#nextJoin(link, patient ? undefined : JOIN_TIMEOUT_MS)
      if (message === undefined)
        throw new DmaBufError('EPROTO', 'join', 'The peer left before it joined')
      await this.#join(link, message)
    } catch (error) {
      await link.closeWith(asDmaBufError(error))
    }
  }

  /** Refuses whoever has not joined yet. */
  async close(refusal: DmaBufError): Promise<void> {
    await Promise.all([...this.#joining].map((link) => link.closeWith(refusal)))
  }

  async #nextJoin(link: Link, timeoutMs: number | undefined): ReturnType<Link['next']> {
    this.#joining.add(link)
    try {
      return await link.next(MessageType.queueJoin, { timeoutMs })
    } finally {
      this.#joining.delete(link)
    }
  }

  async #join(link: Link, message: Received): Promise<void> {
    const { queue, page } = this.#shared
    let bell: Doorbell | undefined
    let transport: LinkTransport | undefined
    let consumer: ReturnType<FrameQueue['join']>
    try {
      const join = decodeJoin(message.payload)
      consumer = queue.join(join, ({ index, firstTicket, rung }) => {
        bell = new Doorbell()
        const makeView = (mapping: Mapping): ConsumerView =>
          new ConsumerView(mapping.words(), { ...join, index, firstTicket })
        const opened = openConsumer(link, message, { bell, rung, makeView })
        transport = opened.transport
        return opened
      })
    } finally {
      // What was of use has moved.
      for (const fd of message.fds) fd.close()
    }
    const { index: consumerIndex } = consumer.view
    const firstTicket = consumer.view.cursor()
    const { slotCount } = queue
    await transport!.welcome(
      () => queue.slots,
      (buffers) => ({
        payload: encodeWelcome({ consumerIndex, slotCount, firstTicket, buffers }),
        fds: [page, bell!.set],
      }),
    )
    bell!.set.close()
  }
}

/** Takes what a consumer sent. @throws {DmaBufError} EPROTO where it cannot be used; the bell is closed then */
function openConsumer(
  link: Link,
  { fds: [page, set] }: Received,
  to: { bell: Doorbell; rung: () => void; makeView: (mapping: Mapping) => ConsumerView },
): OpenedConsumer & { readonly transport: LinkTransport } {
  const resources = new Resources()
  resources.own(to.bell)
  try {
    if (page === undefined || set === undefined)
      throw new DmaBufError('EPROTO', 'join', 'A viewer must send its page and its doorbell')
    checkReceivedMemory(page, CONSUMER_PAGE_BYTES, 'a consumer page')
    const mapping = resources.own(new Mapping(page, CONSUMER_PAGE_BYTES, MapMode.readOnly))
    const view = to.makeView(mapping)
    const broken = (error: DmaBufError): void => link.breakOff(error)
    resources.own(new DoorbellListener(OwnedFd.adopt(set.release()), to.rung, broken))
    return { view, transport: new LinkTransport(link, to.bell, resources) }
  } catch (error) {
    resources[Symbol.dispose]()
    throw error
  }
}

function asDmaBufError(error: unknown): DmaBufError {
  if (DmaBufError.is(error)) return error
  return new DmaBufError('EPROTO', 'join', error instanceof Error ? error.message : String(error))
}
