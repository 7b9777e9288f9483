import { LinkServer } from './link-server.js'
import type { Link } from './link.js'
import type { PeerPolicy } from './peer-policy.js'

/** Links as peers connect. Closing it stops listening; links that exist live on. */
export interface LinkListener extends AsyncIterable<Link>, AsyncDisposable {
  /** Stops listening. */
  close(): Promise<void>
}

/**
 * Listens at a path; iterate over the links of whoever connects, each yours to close.
 *
 * @throws {DmaBufError} EADDRINUSE, EACCES, ENAMETOOLONG
 */
export async function serveLinks(path: string, policy: PeerPolicy = {}): Promise<LinkListener> {
  const waiting: Link[] = []
  const takers: ((link: IteratorResult<Link, undefined>) => void)[] = []
  let closed = false
  const server = new LinkServer(path, policy, (link) => {
    const taker = takers.shift()
    if (taker === undefined) waiting.push(link)
    else taker({ done: false, value: link })
  })
  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    server.close()
    for (const taker of takers.splice(0)) taker({ done: true, value: undefined })
    await Promise.all(waiting.splice(0).map((link) => link.close()))
  }
  const next = async (): Promise<IteratorResult<Link, undefined>> => {
    const link = waiting.shift()
    if (link !== undefined) return { done: false, value: link }
    if (closed) return { done: true, value: undefined }
    return new Promise((resolve) => {
      takers.push(resolve)
    })
  }
  return { close, [Symbol.asyncDispose]: close, [Symbol.asyncIterator]: () => ({ next }) }
}
