import type { WaitOptions } from '../core/host.js'
import type { FramePort, FramePortOptions } from '../frames/frame-port.js'
import type { FrameStream } from '../frames/frame-stream.js'
import { closedQueue, PortClaim } from '../frames/port-claim.js'
import { connectFrames } from './connect-frames.js'
import type { ConsumerGate } from './consumer-gate.js'
import { inheritLink, linkPair } from './link-pair.js'
import { statFd } from './memfd.js'
import { native } from './native.js'
import { OwnedFd } from './owned-fd.js'

/** A port as it is posted: one end of a link that the other threads of the process know by its number. */
interface LinkPort extends FramePort {
  readonly kind: 'link'
  readonly fd: number
  /** Of the socket: the number may mean something else by now. */
  readonly inode: bigint
  /** A PortClaim. */
  readonly claim: SharedArrayBuffer
}

/**
 * A port to a queue. Until somebody opens it both ends of its link are the gate's, and keep no program running.
 *
 * @throws {DmaBufError} EMFILE
 */
export function openPort(gate: ConsumerGate): FramePort {
  const [link, theirs] = linkPair()
  link.keepAlive(false)
  const claim = new PortClaim()
  const port: LinkPort = {
    dmabufPort: 1,
    kind: 'link',
    fd: theirs.number,
    inode: statFd(theirs).inode,
    claim: claim.memory,
  }
  void gate.admit(link, { patient: true }).then(() => {
    claim.withdraw()
    theirs.close()
    link.keepAlive(true)
  })
  return port
}

/** Whether a value is such a port. */
export function isLinkPort(port: FramePort): boolean {
  return (port as LinkPort).kind === 'link'
}

/**
 * Opens a port of a queue of this process.
 *
 * @throws {DmaBufError} EBUSY where it is opened already, EPIPE where its queue has closed
 */
export async function openLinkPort(
  port: FramePort,
  options: FramePortOptions & WaitOptions,
): Promise<FrameStream> {
  const { fd, inode, claim } = port as LinkPort
  new PortClaim(claim).take()
  const number = native().dup(fd)
  const socket = number < 0 ? undefined : OwnedFd.adopt(number)
  // The queue may close at the same time, and its number be somebody else's.
  if (socket === undefined || statFd(socket).inode !== inode) {
    socket?.close()
    throw closedQueue()
  }
  return connectFrames(inheritLink(socket), options)
}
