import type { BufferObject } from './buffer-object.js'

let newest: BufferObject | undefined
let count = 0
const byInode = new Map<bigint, BufferObject>()

/** Puts a buffer at the head of the list of all buffers. @internal @rule BUF-13 */
export function linkBuffer(object: BufferObject): void {
  const { links, inode } = object
  links.older = newest
  if (newest !== undefined) newest.links.newer = object
  newest = object
  const twin = byInode.get(inode)
  links.olderTwin = twin
  if (twin !== undefined) twin.links.newerTwin = object
  byInode.set(inode, object)
  links.isLinked = true
  count++
}

/** Takes a buffer out of the list; nothing where it is not in it. @internal @rule BUF-22, BUF-26 */
export function unlinkBuffer(object: BufferObject): void {
  const { links } = object
  if (!links.isLinked) return
  links.isLinked = false
  const { newer, older } = links
  if (newer === undefined) newest = older
  else newer.links.older = older
  if (older !== undefined) older.links.newer = newer
  links.newer = links.older = undefined
  unlinkTwin(object)
  count--
}

// Buffers that share their memory share its inode: the same memfd, imported twice.
function unlinkTwin({ links, inode }: BufferObject): void {
  const { newerTwin, olderTwin } = links
  if (newerTwin !== undefined) newerTwin.links.olderTwin = olderTwin
  else if (olderTwin !== undefined) byInode.set(inode, olderTwin)
  else byInode.delete(inode)
  if (olderTwin !== undefined) olderTwin.links.newerTwin = newerTwin
  links.newerTwin = links.olderTwin = undefined
}

/** The newest buffer of an inode number, borrowed. @internal @rule BUF-12 */
export function objectByInode(inode: bigint): BufferObject | undefined {
  return byInode.get(inode)
}

/** How many buffers there are. */
export function bufferCount(): number {
  return count
}

/**
 * All buffers, newest first, borrowed. A buffer that goes while the walk stands on it ends nothing.
 *
 * @internal
 * @rule BUF-13
 */
export function* bufferObjects(): Generator<BufferObject, void> {
  // A copy: whoever looks may close, and a list that is being walked must not be changed under the walker.
  const all: BufferObject[] = []
  for (let object = newest; object !== undefined; object = object.links.older) all.push(object)
  for (const object of all) if (object.links.isLinked) yield object
}
