// Parts for peers that do not follow the protocol: descriptors that are wrong, each in its own way.
import { openSync } from 'node:fs'
import { devNull } from 'node:os'
import { MessageType } from '#src/interprocess/link-message.js'
import { initConsumerPage } from '#src/interprocess/queue-consumer.js'
import { encodeJoin } from '#src/interprocess/queue-message.js'
import { CONSUMER_PAGE_BYTES } from '#src/interprocess/queue-page.js'
import type { Words } from '#src/interprocess/words.js'
import { Doorbell } from '#src/linux/doorbell.js'
import { connectLink } from '#src/linux/link-connect.js'
import type { Link } from '#src/linux/link.js'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import { createMemfd } from '#src/linux/memfd.js'
import { check, native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'

/** Memory that its sender could shrink under whoever maps it. */
export function unsealedMemory(lengthBytes: number): OwnedFd {
  const what = (): string => 'unsealed memory'
  const fd = OwnedFd.adopt(check(native().memfd('dmabuf:unsealed', 2), 'memfd', what))
  check(native().truncate(fd.number, lengthBytes), 'truncate', what)
  return fd
}

/** Something that is no memory and cannot be polled. */
export function regularFile(): OwnedFd {
  return OwnedFd.adopt(openSync(import.meta.filename, 'r'))
}

/** Something that is no memory but can be opened anywhere. */
export function device(): OwnedFd {
  return OwnedFd.adopt(openSync(devNull, 'r'))
}

/** A page of a viewer, and its words: a faithful one as long as nobody writes to them. */
export class ViewerPage implements Disposable {
  readonly fd = createMemfd('hostile', CONSUMER_PAGE_BYTES)
  readonly #mapping = new Mapping(this.fd, CONSUMER_PAGE_BYTES, MapMode.shared)
  readonly words: Words = this.#mapping.words()

  constructor() {
    initConsumerPage(this.words)
  }

  [Symbol.dispose](): void {
    this.fd.close()
    this.#mapping.close()
  }
}

/** A faithful page that nobody writes to. */
export function blankPage(): OwnedFd {
  using page = new ViewerPage()
  return page.fd.dup()
}

/** A doorbell that will never ring. */
export function silentBell(): OwnedFd {
  using bell = new Doorbell()
  return bell.set.dup()
}

/** Joins a queue over a link with whatever descriptors, which are closed; not with their welcome. */
export async function joinWith(
  path: string,
  fds: readonly OwnedFd[],
  payload: Uint8Array<ArrayBuffer> = encodeJoin({ mode: 'fifo', maxHeld: 1 }),
): Promise<Link> {
  const link = await connectLink(path)
  await link.post(MessageType.queueJoin, payload, { fds })
  for (const fd of fds) fd.close()
  return link
}

/** Joins with a page that is ours to write whatever we like to; resolves when we are welcome. */
export async function joinAsLiar(
  path: string,
  join: { readonly mode: 'fifo' | 'latest'; readonly maxHeld: number },
): Promise<{ link: Link; words: Words; bell: Doorbell; [Symbol.asyncDispose](): Promise<void> }> {
  const page = new ViewerPage()
  const bell = new Doorbell()
  const link = await joinWith(path, [page.fd, bell.set], encodeJoin(join))
  const welcome = await link.next(MessageType.queueWelcome)
  for (const fd of welcome?.fds ?? []) fd.close()
  return {
    link,
    words: page.words,
    bell,
    async [Symbol.asyncDispose]() {
      await link.close()
      bell.close()
      page[Symbol.dispose]()
    },
  }
}
