// A server of our own make: it sends a faithful welcome, but for what a test changes.
import { MessageType } from '#src/interprocess/link-message.js'
import { decodeJoin, encodeWelcome, type BufferEntry } from '#src/interprocess/queue-message.js'
import { queuePageBytes } from '#src/interprocess/queue-page.js'
import { QueueProducer } from '#src/interprocess/queue-producer.js'
import type { Words } from '#src/interprocess/words.js'
import { Doorbell } from '#src/linux/doorbell.js'
import type { Link } from '#src/linux/link.js'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import { createMemfd, roundUpToPages } from '#src/linux/memfd.js'
import type { OwnedFd } from '#src/linux/owned-fd.js'
import { serveLinks } from '#src/linux/serve-links.js'

export const BUFFERS = 3
export const PAGE_BYTES = roundUpToPages(queuePageBytes(BUFFERS))

/** What a server sends; each part may be replaced by a wrong one. */
export interface WelcomeParts {
  page: OwnedFd
  bell: OwnedFd
  buffers: OwnedFd[]
  surplus: OwnedFd[]
  payload: Uint8Array<ArrayBuffer>
}

/** A server that plays by the rules until it is told not to. */
export class Impostor implements Disposable {
  readonly words: Words
  readonly producer: QueueProducer
  readonly bell = new Doorbell()
  readonly #page = createMemfd('queue', PAGE_BYTES)
  readonly #mapping = new Mapping(this.#page, PAGE_BYTES, MapMode.shared)

  constructor() {
    this.words = this.#mapping.words()
    this.producer = new QueueProducer(this.words, BUFFERS)
    for (let slot = 0; slot < BUFFERS; slot++) this.producer.equip(slot)
  }

  parts(): WelcomeParts {
    return {
      page: this.#page.dup(),
      bell: this.bell.set.dup(),
      buffers: Array.from({ length: BUFFERS }, () => createMemfd('frame', 4096)),
      surplus: [],
      payload: distorted({}),
    }
  }

  [Symbol.dispose](): void {
    this.#page.close()
    this.#mapping.close()
    this.bell.close()
  }
}

/** A server that answers the first who wants to join. @param answer - borrows the page of who joins */
export async function answerOne(
  path: string,
  answer: (link: Link, page: OwnedFd) => Promise<void>,
): Promise<{ served: Promise<void>; close: () => Promise<void> }> {
  const server = await serveLinks(path)
  const serve = async (): Promise<void> => {
    for await (const link of server) {
      const join = await link.next(MessageType.queueJoin)
      if (join !== undefined) {
        decodeJoin(join.payload)
        await answer(link, join.fds[0]!)
        for (const fd of join.fds) fd.close()
      }
      return
    }
  }
  return { served: serve(), close: () => server.close() }
}

/** A welcome of an impostor, but for one thing. */
export function distorted(
  welcome: Partial<Parameters<typeof encodeWelcome>[0]>,
): Uint8Array<ArrayBuffer> {
  return encodeWelcome({
    consumerIndex: 1,
    slotCount: BUFFERS,
    firstTicket: 1,
    buffers: entries({}),
    ...welcome,
  })
}

/** Three buffers, the first of them distorted. */
export function entries(first: Partial<BufferEntry>): BufferEntry[] {
  const faithful = (slot: number) => ({ slot, serial: 1, lengthBytes: 4096 })
  return [{ ...faithful(0), ...first }, faithful(1), faithful(2)]
}
