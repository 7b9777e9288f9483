import type { BufferObject } from './buffer-object.js'

let newest: BufferObject | undefined = undefined
let count = 0
/** By inode the newest buffer of it; others of the same memory are behind `sameInode`. */
const byInode = new Map<bigint, BufferObject>()

/** Puts a buffer at the head of the list of all. @kernel __dma_buf_list_add @rule BUF-13 */
export function linkBuffer(object: BufferObject): void {
  object.links.older = newest
  if (newest !== undefined) newest.links.newer = object
  newest = object
  count++
  object.links.sameInode = byInode.get(object.inode)
  byInode.set(object.inode, object)
}

/** Takes a buffer out of the list. @rule BUF-22 */
export function unlinkBuffer(object: BufferObject): void {
  const { newer, older } = object.links
  if (newer !== undefined) newer.links.older = older
  else newest = older
  if (older !== undefined) older.links.newer = newer
  count--
  const { sameInode } = object.links
  if (byInode.get(object.inode) !== object) unlinkTwin(object, sameInode)
  else if (sameInode === undefined) byInode.delete(object.inode)
  else byInode.set(object.inode, sameInode)
}

// Memory that was imported twice: rare, and few.
function unlinkTwin(object: BufferObject, sameInode: BufferObject | undefined): void {
  let twin = byInode.get(object.inode)
  while (twin !== undefined && twin.links.sameInode !== object) twin = twin.links.sameInode
  if (twin !== undefined) twin.links.sameInode = sameInode
}

/** The newest live buffer, to begin a walk of `links.older` with. @internal */
export function newestBuffer(): BufferObject | undefined {
  return newest
}

/** Live buffers of this process. */
export function bufferCount(): number {
  return count
}

/** The live buffer of an inode, the newest where memory was imported more than once. @rule BUF-12 */
export function findBuffer(inode: bigint): BufferObject | undefined {
  return byInode.get(inode)
}
