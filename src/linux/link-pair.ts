import { DmaBufError } from '../core/errors.js'
import { Link } from './link.js'
import { check, native } from './native.js'
import { OwnedFd } from './owned-fd.js'
import type { Peer } from './peer.js'

const SELF: Peer = {
  pid: process.pid,
  uid: process.getuid?.() ?? -1,
  gid: process.getgid?.() ?? -1,
}

/**
 * Two ends of one link: keep the first, give the descriptor to a child (`stdio: [0, 1, 2, fd.number]`),
 * close it here once the child has it, and call inheritLink(3) there.
 */
export function linkPair(): [Link, OwnedFd] {
  const pair = new Int32Array(2)
  check(native().socketPair(pair), 'linkPair', () => 'Cannot make a pair of sockets')
  const [ours, theirs] = [OwnedFd.adopt(pair[0]!), OwnedFd.adopt(pair[1]!)]
  // A pair's SO_PEERCRED names whoever made it: messages say who sent them instead.
  native().passCredentials(ours.number, 1)
  native().passCredentials(theirs.number, 1)
  return [new Link(ours, SELF), theirs]
}

/**
 * The link whose descriptor a parent process gave to this one.
 *
 * @param fd - its number, often 3; moved here
 * @throws {DmaBufError} ENOTSOCK, EBADF where it is no link
 */
export function inheritLink(fd: number | OwnedFd): Link {
  const number = typeof fd === 'number' ? fd : fd.number
  const kind = native().isLink(number)
  if (kind !== 1) {
    const why = kind < 0 ? 'is not an open socket' : 'is not one end of a linkPair()'
    throw new DmaBufError(
      kind === -9 ? 'EBADF' : 'ENOTSOCK',
      'inheritLink',
      `Descriptor ${number} ${why}`,
    )
  }
  check(
    native().setCloseOnExec(number),
    'inheritLink',
    () => `Cannot take over descriptor ${number}`,
  )
  return new Link(typeof fd === 'number' ? OwnedFd.adopt(fd) : fd, SELF)
}
