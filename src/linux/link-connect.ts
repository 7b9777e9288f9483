import { setTimeout as delay } from 'node:timers/promises'
import { DmaBufError, errnoName } from '../core/errors.js'
import type { WaitOptions } from '../core/host.js'
import { Link } from './link.js'
import { checkSocketPath } from './link-server.js'
import { check, native } from './native.js'
import { OwnedFd } from './owned-fd.js'
import { peerOf, refusalOf, type PeerPolicy } from './peer-policy.js'

/** How to reach a server. */
export interface ConnectOptions extends WaitOptions, PeerPolicy {
  /** Wait for a server that is not there yet, or has gone, until the signal or the timeout. */
  readonly waitForServer?: boolean
}

const RETRY_MS = 20

/**
 * Connects to whoever serves a path.
 *
 * @throws {DmaBufError} ENOENT, ECONNREFUSED without a server; EACCES where it is another user's; ETIMEDOUT
 */
export async function connectLink(path: string, options: ConnectOptions = {}): Promise<Link> {
  checkSocketPath(path, 'connect')
  const deadline =
    options.timeoutMs === undefined ? Infinity : performance.now() + options.timeoutMs
  for (;;) {
    if (options.signal?.aborted === true) throw options.signal.reason
    const result = native().connect(path)
    if (result >= 0) return linkTo(OwnedFd.adopt(result), options)
    const code = errnoName(-result)
    // A full backlog (EAGAIN) cannot be polled for; it empties as fast as the server accepts.
    const again =
      code === 'EAGAIN' ||
      (options.waitForServer === true && (code === 'ENOENT' || code === 'ECONNREFUSED'))
    if (!again) check(result, 'connect', () => `${WHY[code] ?? 'Cannot connect'}: ${path}`)
    if (performance.now() >= deadline)
      throw new DmaBufError(
        'ETIMEDOUT',
        'connect',
        `No server at ${path} after ${options.timeoutMs} ms`,
      )
    await delay(Math.min(RETRY_MS, Math.max(1, deadline - performance.now())), undefined, {
      ...(options.signal === undefined ? {} : { signal: options.signal as AbortSignal }),
    }).catch((error: unknown) => {
      throw options.signal?.reason ?? error
    })
  }
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'No server has this path; start it first, or wait for it (waitForServer, --wait)',
  ECONNREFUSED:
    'Nobody listens there any more; start the server, or wait for it (waitForServer, --wait)',
  EACCES: 'The socket belongs to another user, who must admit yours (uids, socketMode)',
  EPROTOTYPE: 'A socket of another kind is there',
}

function linkTo(fd: OwnedFd, options: ConnectOptions): Link {
  try {
    const peer = peerOf(fd)
    const refusal = peer.uid === 0 ? undefined : refusalOf(peer, options)
    if (refusal !== undefined) throw refusal
    return new Link(fd, peer)
  } catch (error) {
    fd.close()
    throw error
  }
}
