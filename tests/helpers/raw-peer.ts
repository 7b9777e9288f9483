// The other end of a link without a Link: says what no honest peer says.
import { encodeHello, type Hello } from '#src/interprocess/hello.js'
import { encodeMessage, MessageType } from '#src/interprocess/link-message.js'
import { Link } from '#src/linux/link.js'
import { native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'

const NOTHING = new Uint8Array(0)

/** A socket whose messages are bytes. */
export class RawPeer implements Disposable {
  readonly fd: OwnedFd

  constructor(fd: OwnedFd) {
    this.fd = fd
  }

  /** Sends bytes as they are; what the kernel says. */
  send(bytes: Uint8Array, fds: readonly OwnedFd[] = []): number {
    const numbers = Int32Array.from(fds, (fd) => fd.number)
    return native().send(this.fd.number, bytes, bytes.length, numbers)
  }

  /** As a peer of the first version does, unless it is given something to say of itself. */
  hello(fds: readonly OwnedFd[] = [], says?: Hello): number {
    const payload = says === undefined ? NOTHING : encodeHello(says)
    return this.send(encodeMessage(MessageType.hello, 0, payload), fds)
  }

  goodbye(fds: readonly OwnedFd[] = []): number {
    return this.send(encodeMessage(MessageType.goodbye, 0, NOTHING), fds)
  }

  user(text: string, fds: readonly OwnedFd[] = []): number {
    return this.send(encodeMessage(MessageType.user, 0, new TextEncoder().encode(text)), fds)
  }

  /** The next message as it is, or -errno; 0 at the end. Closes what came with it. */
  receive(): Uint8Array | number {
    const bytes = new Uint8Array(65536)
    const ancillary = new Int32Array(257)
    const received = native().receive(this.fd.number, bytes, ancillary)
    for (let i = 0; i < (ancillary[0] ?? 0); i++) native().close(ancillary[4 + i]!)
    return received > 0 ? bytes.slice(0, received) : received
  }

  [Symbol.dispose](): void {
    this.fd.close()
  }
}

/** A link of this process whose other end is raw. */
export function rawPair(hello?: Hello): [Link, RawPeer] {
  const pair = new Int32Array(2)
  if (native().socketPair(pair) < 0) throw new Error('No socket pair')
  const self = { pid: process.pid, uid: 0, gid: 0 }
  return [new Link(OwnedFd.adopt(pair[0]!), self, hello), new RawPeer(OwnedFd.adopt(pair[1]!))]
}
