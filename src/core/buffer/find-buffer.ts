import { objectByInode } from './buffer-list.js'
import { DmaBuf } from './buffer.js'

/**
 * The buffer of an inode number, in constant time: the newest one, where several share their memory.
 *
 * @rule BUF-12
 * @returns a handle of your own: close it; undefined where there is no such buffer
 */
export function findBuffer(inode: bigint): DmaBuf | undefined {
  const object = objectByInode(inode)
  return object === undefined ? undefined : new DmaBuf(object)
}
