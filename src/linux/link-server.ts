import { linkSync, lstatSync, readdirSync, renameSync, unlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DmaBufError, errnoName } from '../core/errors.js'
import { Link } from './link.js'
import { check, native, PollMode, type PollHandle } from './native.js'
import { OwnedFd } from './owned-fd.js'
import { peerOf, refusalOf, type PeerPolicy } from './peer-policy.js'

const BACKLOG = 4096
const RETRY_MS = 50

/** How old the socket of a server has to be that was killed before it listened, to be told from one that is about to. */
const LEFT_BEHIND_MS = 60_000

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
    const { fd, inode } = listenAt(path, policy.socketMode ?? 0o600)
    this.#fd = fd
    this.#inode = inode
    const poll = native().pollOpen(fd.number, () => this.#accept(), PollMode.events)
    if (typeof poll === 'number') {
      fd.close()
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
      if (inodeOf(this.path) === this.#inode) unlinkSync(this.path)
    } catch {
      // Somebody removed it before us: there is nothing left to do.
    }
    this.#fd.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  // EMFILE among others: the peer stays in the backlog, and poll would call again at once, for ever.
  #rest(): void {
    if (this.#poll === undefined) return
    native().pollStart(this.#poll, 0)
    setTimeout(() => {
      if (this.#poll !== undefined) native().pollStart(this.#poll, 1)
    }, RETRY_MS)
  }

  #accept(): void {
    while (this.#poll !== undefined) {
      const accepted = native().accept(this.#fd.number)
      if (accepted < 0) {
        if (errnoName(-accepted) !== 'EAGAIN') this.#rest()
        return
      }
      const fd = OwnedFd.adopt(accepted)
      const peer = peerOf(fd)
      const refusal = refusalOf(peer, this.#policy)
      const link = new Link(fd, peer)
      if (refusal === undefined) this.#accepted(link)
      else void link.closeWith(refusal)
    }
  }
}

interface Listening {
  readonly fd: OwnedFd
  readonly inode: bigint
}

function listenAt(path: string, mode: number): Listening {
  removeLeftBehind(path)
  for (let attempt = 0; attempt < 3; attempt++) {
    const listening = tryListen(path, mode)
    if (listening !== undefined) return listening
    removeStale(path)
  }
  throw inUse(path, 'others keep taking it')
}

// The socket listens under a name of its own before it is linked to its path: whoever finds a socket there
// that refuses connections may be sure that nobody will ever listen to it.
function tryListen(path: string, mode: number): Listening | undefined {
  const beside = besideName(path)
  const number = native().listen(beside, mode, BACKLOG)
  check(number, 'serve', () => `Cannot listen at ${path}`)
  const fd = OwnedFd.adopt(number)
  try {
    const inode = inodeOf(beside)
    linkSync(beside, path)
    return { fd, inode }
  } catch (error) {
    fd.close()
    // ENOENT: we were stopped for so long that another server took ours for left behind.
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT') return undefined
    throw new DmaBufError(codeOf(error), 'serve', `Cannot listen at ${path}`, { cause: error })
  } finally {
    removeQuietly(beside)
  }
}

/** Removes the names of servers that were killed between listening and linking: nobody can find them. */
function removeLeftBehind(path: string): void {
  const folder = dirname(path)
  const start = `${basename(stemOf(path))}~`
  try {
    for (const name of readdirSync(folder)) {
      const isBeside = name.startsWith(start) && BESIDE.test(name.slice(start.length))
      if (isBeside && isLeftBehind(join(folder, name))) removeQuietly(join(folder, name))
    }
  } catch {
    // A folder that cannot be read: they stay.
  }
}

function isLeftBehind(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found?.isSocket() !== true || Date.now() - found.mtimeMs < LEFT_BEHIND_MS) return false
  return !answers(path)
}

function removeQuietly(path: string): void {
  try {
    unlinkSync(path)
  } catch {
    // Somebody else's, or gone already.
  }
}

// A socket file whose server was killed refuses connections. It is moved aside before it is removed, so
// that of two servers starting at once none removes the fresh socket of the other.
function removeStale(path: string): void {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw inUse(path, 'it is not a socket; it was left as it is')
  if (answers(path)) throw inUse(path, 'another process listens there')
  const aside = besideName(path)
  try {
    if (inodeOf(path) !== found.ino) return
    renameSync(path, aside)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw inUse(path, `the socket left there cannot be removed (${codeOf(error)})`)
  }
  if (answers(aside)) putBack(aside, path)
  else unlinkSync(aside)
}

function putBack(aside: string, path: string): void {
  try {
    linkSync(aside, path)
    unlinkSync(aside)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') unlinkSync(aside)
    else renameSync(aside, path)
  }
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code)
}

const SUFFIX_LENGTH = 6
const BESIDE = /^[0-9a-z]{1,6}$/

/** A fresh name in the same folder; `ss -x` shows it for the socket. */
function besideName(path: string): string {
  const suffix = `~${Math.random()
    .toString(36)
    .slice(2, 2 + SUFFIX_LENGTH)}`
  const stem = stemOf(path)
  const folder = dirname(path)
  if (stem.length <= folder.length)
    throw new DmaBufError(
      'ENAMETOOLONG',
      'serve',
      `The folder of the socket leaves no room for a name: choose a shorter one, ${path}`,
    )
  return stem + suffix
}

/** As much of a path as leaves room for a suffix. */
function stemOf(path: string): string {
  let stem = path
  while (Buffer.byteLength(stem) > MAX_PATH_BYTES - 1 - SUFFIX_LENGTH) stem = stem.slice(0, -1)
  return stem
}

function inodeOf(path: string): bigint {
  return lstatSync(path, { bigint: true }).ino
}

function answers(path: string): boolean {
  const fd = native().connect(path)
  if (fd >= 0) native().close(fd)
  if (fd >= 0) return true
  // Anything else says that somebody is there: a full backlog, another user, a socket of another kind.
  const code = errnoName(-fd)
  return code !== 'ECONNREFUSED' && code !== 'ENOENT'
}

function inUse(path: string, why: string): DmaBufError {
  return new DmaBufError('EADDRINUSE', 'serve', `Cannot listen at ${path}: ${why}`)
}
