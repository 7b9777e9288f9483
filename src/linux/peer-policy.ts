import { DmaBufError } from '../core/errors.js'
import { check, native } from './native.js'
import type { OwnedFd } from './owned-fd.js'
import type { Peer } from './peer.js'

/** Who may be at the other end of a link. */
export interface PeerPolicy {
  /** User ids besides our own that are admitted. */
  readonly uids?: readonly number[]
  /** Mode of the socket file, 0o600 where absent: with other uids it must let them in, 0o666 say. */
  readonly socketMode?: number
}

/** Who connected, or listens, at the other end of a socket. */
export function peerOf(fd: OwnedFd): Peer {
  const words = new Int32Array(3)
  check(native().peer(fd.number, words), 'link', () => 'Cannot learn who the peer is')
  return { pid: words[0]!, uid: words[1]!, gid: words[2]! }
}

/** The refusal of a peer that the policy does not admit; undefined where it does. */
export function refusalOf(peer: Peer, policy: PeerPolicy): DmaBufError | undefined {
  const own = process.getuid?.() ?? -1
  if (peer.uid === own || policy.uids?.includes(peer.uid) === true) return undefined
  return new DmaBufError(
    'EACCES',
    'link',
    `Refused: uid ${peer.uid} is not admitted by uid ${own}; add it to { uids: [${peer.uid}] } there`,
  )
}
