import type { BufferObject } from './buffer-object.js'

/**
 * A buffer's place in the list of all. It refers to the buffer weakly: a buffer that was forgotten open is
 * never released, but its memory must go with it when it is collected.
 *
 * @internal
 */
export class BufferLinks {
  readonly inode: bigint
  object: WeakRef<BufferObject> | undefined = undefined
  newer: BufferLinks | undefined = undefined
  older: BufferLinks | undefined = undefined
  newerTwin: BufferLinks | undefined = undefined
  olderTwin: BufferLinks | undefined = undefined

  constructor(inode: bigint) {
    this.inode = inode
  }
}

/** Places of collected buffers are looked for when the list has grown to twice this. */
const LEAST_SWEPT = 1024

let newest: BufferLinks | undefined
let count = 0
let sweepAt = LEAST_SWEPT
const byInode = new Map<bigint, BufferLinks>()

/** Puts a buffer at the head of the list of all buffers. @internal @rule BUF-13 */
export function linkBuffer(object: BufferObject): void {
  if (count >= sweepAt) sweep()
  const { links, inode } = object
  links.object = new WeakRef(object)
  links.older = newest
  if (newest !== undefined) newest.newer = links
  newest = links
  const twin = byInode.get(inode)
  links.olderTwin = twin
  if (twin !== undefined) twin.newerTwin = links
  byInode.set(inode, links)
  count++
}

/** Takes a buffer out of the list; nothing where it is not in it. @internal @rule BUF-22, BUF-26 */
export function unlinkBuffer({ links }: BufferObject): void {
  if (links.object !== undefined) unlink(links)
}

function unlink(links: BufferLinks): void {
  links.object = undefined
  const { newer, older } = links
  if (newer === undefined) newest = older
  else newer.older = older
  if (older !== undefined) older.newer = newer
  links.newer = links.older = undefined
  unlinkTwin(links)
  count--
}

// Buffers that share their memory share its inode: the same memfd, imported twice.
function unlinkTwin(links: BufferLinks): void {
  const { newerTwin, olderTwin } = links
  if (newerTwin !== undefined) newerTwin.olderTwin = olderTwin
  else if (olderTwin !== undefined) byInode.set(links.inode, olderTwin)
  else byInode.delete(links.inode)
  if (olderTwin !== undefined) olderTwin.newerTwin = newerTwin
  links.newerTwin = links.olderTwin = undefined
}

// As often as the list doubles, so that it costs each buffer the same.
function sweep(): void {
  collectLive()
  sweepAt = Math.max(LEAST_SWEPT, count * 2)
}

// Newest first; what was collected leaves the list.
function collectLive(): BufferObject[] {
  const all: BufferObject[] = []
  let links = newest
  while (links !== undefined) {
    const { older } = links
    const object = links.object?.deref()
    if (object === undefined) unlink(links)
    else all.push(object)
    links = older
  }
  return all
}

/** The newest buffer of an inode number, of those that `isOne` where given, borrowed. @internal @rule BUF-12 */
export function objectByInode(
  inode: bigint,
  isOne?: (object: BufferObject) => boolean,
): BufferObject | undefined {
  for (let links = byInode.get(inode); links !== undefined; links = links.olderTwin) {
    const object = links.object?.deref()
    if (object !== undefined && isOne?.(object) !== false) return object
  }
  return undefined
}

/** How many buffers there are. */
export function bufferCount(): number {
  return collectLive().length
}

/**
 * All buffers, newest first, borrowed. A buffer that goes while the walk stands on it ends nothing; one that
 * went before the walk came to it is left out.
 *
 * @internal
 * @rule BUF-13
 */
export function* bufferObjects(): Generator<BufferObject, void> {
  // A copy: whoever looks may close, and a list that is being walked must not be changed under the walker.
  for (const object of collectLive()) if (object.links.object !== undefined) yield object
}
