// An honest program whose hands slip: everything it stores in its own pages, and every message it sends, may
// come out as something else. It follows the protocol otherwise, and so gets to places that noise never reaches.
import { native, type MappingHandle } from '#src/linux/native.js'
import { ArrayWords } from '#src/interprocess/words.js'
import { Random } from '../../tests/helpers/random.js'
import { evilFds, evilMessage, evilWord, garbage } from './evil.js'

const MOST_PAGE_BYTES = 262_144

interface Page {
  readonly handle: MappingHandle
  readonly lengthBytes: number
}

let random = new Random(0)
/** How likely a store or a message is spoilt; 0: honest. */
let wordRate = 0
let messageRate = 0
const pages: Page[] = []

type Store = (this: ArrayWords, index: number, value: number) => void

for (const name of ['store', 'write'] as const) {
  const store: Store = Reflect.get<object, typeof name>(ArrayWords.prototype, name) as Store
  Reflect.set(
    ArrayWords.prototype,
    name,
    function (this: ArrayWords, index: number, value: number) {
      const evil = wordRate > 0 && random.chance(wordRate)
      store.call(this, index, evil ? evilWord(random, value) : value)
    },
  )
}

/** Puts itself between the program and the kernel. Once. */
export function install(): void {
  const addon = native()
  const kernel = { ...addon }
  addon.map = (fd, lengthBytes, mode) => {
    const handle = kernel.map(fd, lengthBytes, mode)
    if (typeof handle !== 'number' && mode === 0 && lengthBytes <= MOST_PAGE_BYTES)
      pages.push({ handle, lengthBytes })
    return handle
  }
  addon.unmap = (mapping, lingers) => {
    const index = pages.findIndex(({ handle }) => handle === mapping)
    if (index >= 0) pages.splice(index, 1)
    return kernel.unmap(mapping, lingers)
  }
  addon.ring = (fd) => {
    if (messageRate === 0 || !random.chance(messageRate)) return kernel.ring(fd)
    for (let i = random.below(4); i > 0; i--) kernel.ring(fd)
    return 0
  }
  addon.addSeals = (fd, seals) =>
    messageRate > 0 && random.chance(messageRate / 4) ? 0 : kernel.addSeals(fd, seals)
  addon.send = (fd, bytes, lengthBytes, fds) => {
    if (messageRate === 0 || !random.chance(messageRate))
      return kernel.send(fd, bytes, lengthBytes, fds)
    return spoil((...sent) => kernel.send(...sent), fd, { bytes: bytes.slice(0, lengthBytes), fds })
  }
}

type Send = ReturnType<typeof native>['send']

function spoil(
  send: Send,
  fd: number,
  { bytes, fds }: { bytes: Uint8Array; fds: Int32Array | undefined },
): number {
  const kind = random.below(7)
  // Never sent, though the program believes it.
  if (kind === 0) return bytes.length
  if (kind === 1) send(fd, bytes, bytes.length, fds)
  if (kind === 2) {
    const noise = garbage(random)
    send(fd, noise, noise.length)
  }
  const message = kind >= 3 && kind <= 4 ? evilMessage(random, bytes) : bytes
  const wrong = kind >= 4 ? evilFds(random, 6) : []
  const own = [...(fds ?? [])].filter(() => kind < 6 || random.chance(0.7))
  // Its own among others, or in place of them, or in another order.
  const all = random.chance(0.5) ? [...own, ...wrong] : [...wrong, ...own]
  const sent = send(fd, message, message.length, Int32Array.from(all.slice(0, 253)))
  for (const one of wrong) native().close(one)
  return sent < 0 ? sent : bytes.length
}

/** Begins to spoil things, as the seed says. */
export function slip(seed: number): Random {
  random = new Random(seed)
  wordRate = random.pick([0, 0.02, 0.1, 0.5])
  messageRate = random.pick([0, 0.05, 0.3])
  return random
}

/** Is honest again. */
export function behave(): void {
  wordRate = 0
  messageRate = 0
}

/** Writes anything anywhere into its own pages. */
export function scribble(count: number): void {
  for (let i = 0; i < count; i++) {
    const page = pages.length === 0 ? undefined : random.pick(pages)
    if (page === undefined) return
    // The first words more often: what matters most is there.
    const words = random.chance(0.5) ? Math.min(48, page.lengthBytes / 4) : page.lengthBytes / 4
    const offset = 4 * random.below(Math.floor(words))
    const was = native().load(page.handle, offset)
    native().store(page.handle, offset, evilWord(random, was))
  }
}
