import { lstatSync, renameSync, unlinkSync } from 'node:fs'
import { DmaBufError, errnoName } from '../core/errors.js'
import { Link } from './link.js'
import { check, native, PollMode, type PollHandle } from './native.js'
import { OwnedFd } from './owned-fd.js'
import { peerOf, refusalOf, type PeerPolicy } from './peer-policy.js'

const BACKLOG = 4096

/** The longest socket path that Linux takes, in bytes. */
export const MAX_PATH_BYTES = 107

/** Throws unless a path can name a socket. */
export function checkSocketPath(path: string, operation: string): void {
  if (typeof path !== 'string' || path === '' || path.includes('\0'))
    throw new TypeError(
      `Socket path must be a non-empty string without NUL: ${JSON.stringify(path)}`,
    )
  const lengthBytes = Buffer.byteLength(path)
  if (lengthBytes > MAX_PATH_BYTES)
    throw new DmaBufError(
      'ENAMETOOLONG',
      operation,
      `Socket path has ${lengthBytes} bytes, Linux takes ${MAX_PATH_BYTES}: choose a shorter one, ${path}`,
    )
}

/** Listens at a path and hands every admitted peer's link to a callback. */
export class LinkServer implements Disposable {
  readonly path: string
  readonly #fd: OwnedFd
  readonly #inode: bigint
  readonly #policy: PeerPolicy
  readonly #accepted: (link: Link) => void
  #poll: PollHandle | undefined

  /** @throws {DmaBufError} EADDRINUSE where somebody else listens there or the file is no socket */
  constructor(path: string, policy: PeerPolicy, accepted: (link: Link) => void) {
    checkSocketPath(path, 'serve')
    this.path = path
    this.#policy = policy
    this.#accepted = accepted
    this.#fd = OwnedFd.adopt(listenAt(path, policy.socketMode ?? 0o600))
    this.#inode = lstatSync(path, { bigint: true }).ino
    const poll = native().pollOpen(this.#fd.number, () => this.#accept(), PollMode.events)
    if (typeof poll === 'number') {
      this.#fd.close()
      check(poll, 'serve', () => 'Cannot watch a listening socket')
      return
    }
    this.#poll = poll
    check(native().pollStart(poll, 1), 'serve', () => 'Cannot watch a listening socket')
  }

  /** Whether listening keeps the process alive, as it does at first. */
  keepAlive(on: boolean): void {
    if (this.#poll !== undefined) native().pollRef(this.#poll, on ? 1 : 0)
  }

  /** Stops listening and removes the socket file, if it is still ours. Links that exist live on. */
  close(): void {
    if (this.#poll === undefined) return
    native().pollClose(this.#poll)
    this.#poll = undefined
    try {
      if (lstatSync(this.path, { bigint: true }).ino === this.#inode) unlinkSync(this.path)
    } catch {
      // Somebody removed it before us: there is nothing left to do.
    }
    this.#fd.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #accept(): void {
    while (this.#poll !== undefined) {
      const accepted = native().accept(this.#fd.number)
      // EMFILE among others: the peer stays in the backlog, and poll calls again.
      if (accepted < 0) return
      const fd = OwnedFd.adopt(accepted)
      const peer = peerOf(fd)
      const refusal = refusalOf(peer, this.#policy)
      const link = new Link(fd, peer)
      if (refusal === undefined) this.#accepted(link)
      else void link.closeWith(refusal)
    }
  }
}

function listenAt(path: string, mode: number): number {
  for (let attempt = 0; attempt < 3; attempt++) {
    const fd = native().listen(path, mode, BACKLOG)
    if (fd >= 0) return fd
    if (errnoName(-fd) !== 'EADDRINUSE') check(fd, 'serve', () => `Cannot listen at ${path}`)
    removeStale(path)
  }
  throw inUse(path, 'others keep taking it')
}

// A socket file whose server was killed refuses connections. It is moved aside before it is removed, so
// that of two servers starting at once none removes the fresh socket of the other.
function removeStale(path: string): void {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket())
    throw inUse(path, 'it is not a socket; it was left as it is')
  if (answers(path)) throw inUse(path, 'another process listens there')
  const aside = `${path.slice(0, MAX_PATH_BYTES - 9)}.${process.pid % 1e7}`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  if (answers(aside)) renameSync(aside, path)
  else unlinkSync(aside)
}

function answers(path: string): boolean {
  const fd = native().connect(path)
  if (fd >= 0) native().close(fd)
  return fd >= 0 || errnoName(-fd) === 'EAGAIN' || errnoName(-fd) === 'EACCES'
}

function inUse(path: string, why: string): DmaBufError {
  return new DmaBufError('EADDRINUSE', 'serve', `Cannot listen at ${path}: ${why}`)
}
