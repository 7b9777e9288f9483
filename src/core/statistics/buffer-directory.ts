import { bufferObjects } from '../buffer/buffer-list.js'
import type { BufferObject } from '../buffer/buffer-object.js'
import { watchBuffers } from '../buffer/buffer-watch.js'
import { DmaBufError } from '../errors.js'

/** The files of a buffer's directory. There are no others: attachments have none. @rule STAT-1, STAT-3 */
export type BufferFact = 'exporter_name' | 'size'

const FACTS: readonly BufferFact[] = ['exporter_name', 'size']

/**
 * The kernel's directory of buffers, by inode: kept while it is open, from each export to its release.
 *
 * @kernel /sys/kernel/dmabuf/buffers
 * @rule STAT-1, STAT-2, STAT-3, STAT-4, BUF-11
 */
export class BufferDirectory implements Disposable {
  readonly #objects = new Map<bigint, BufferObject>()
  readonly #watch: Disposable

  /** With the buffers that live already. */
  constructor() {
    for (const object of [...bufferObjects()].reverse()) this.#objects.set(object.inode, object)
    this.#watch = watchBuffers({
      exported: (object) => this.#objects.set(object.inode, object),
      released: (object) => {
        if (this.#objects.get(object.inode) === object) this.#objects.delete(object.inode)
      },
    })
  }

  /** Inodes of all buffers, oldest first. */
  list(): readonly bigint[] {
    return [...this.#objects.keys()]
  }

  /**
   * Opens a file of a buffer; the result reads it, each time anew.
   *
   * @throws {DmaBufError} ENOENT where there is no such buffer or file; EIO from the result once the buffer is gone
   */
  open(inode: bigint, fact: BufferFact): () => string {
    const object = this.#objects.get(inode)
    if (object === undefined || !FACTS.includes(fact))
      throw new DmaBufError('ENOENT', 'open', `No such entry: ${inode}/${fact}`, { rule: 'STAT-1' })
    return () => {
      if (this.#objects.get(inode) !== object)
        throw new DmaBufError('EIO', 'read', `Buffer ${inode} is gone`, { rule: 'STAT-2' })
      return fact === 'size' ? `${object.lengthBytes}\n` : `${object.exporterName}\n`
    }
  }

  /** Ends the bookkeeping. */
  close(): void {
    this.#watch[Symbol.dispose]()
    this.#objects.clear()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
