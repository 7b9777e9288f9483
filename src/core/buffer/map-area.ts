import type { Bytes } from './access.js'
import { callSafely } from './exporter-calls.js'

/** What keeps a mapping's memory: a buffer, or another file. */
export interface MappedFile {
  /** One more reference. */
  get(): unknown
  /** Gives one reference back. */
  put(): void
}

/**
 * A range of pages that a program maps.
 *
 * @kernel vm_area_struct
 * @rule BUF-20
 */
export class MapArea implements Disposable {
  /** How many pages it has. @kernel vma_pages */
  readonly pageCount: number
  /** Where in the file it begins, pages. @kernel vm_pgoff */
  pageOffset: number
  /** Whether others see what is written; a private mapping copies what it writes. @kernel VM_SHARED @rule HEAP-16 */
  isShared = true
  /** Whether the program may write. @kernel VM_WRITE */
  isWritable = true
  /** What the exporter put there; for its mmap op to set. */
  bytes: Bytes<ArrayBufferLike> | undefined = undefined
  /** Called once when the area is unmapped; for the exporter's mmap op to set. Must not throw. @kernel vm_ops close */
  onClose: (() => void) | undefined = undefined
  /** For the exporter. @kernel vm_private_data */
  private: unknown = undefined
  #file: MappedFile | undefined

  /** @param file - one reference moves here */
  constructor(pageCount: number, pageOffset = 0, file?: MappedFile) {
    if (!Number.isSafeInteger(pageCount) || pageCount < 0)
      throw new RangeError(`pageCount must be an integer from 0: ${pageCount}`)
    this.pageCount = pageCount
    this.pageOffset = pageOffset
    this.#file = file
  }

  /** What is mapped, and kept alive by the mapping. @kernel vm_file */
  get file(): MappedFile | undefined {
    return this.#file
  }

  /** Points the mapping at another file: takes a reference on it, drops that on the one before. @kernel vma_set_file */
  setFile(file: MappedFile | undefined): void {
    const before = this.#file
    file?.get()
    this.#file = file
    before?.put()
  }

  /** Unmaps: drops the reference on the file. Idempotent. Never throws. @kernel munmap */
  close(): void {
    const { onClose } = this
    this.onClose = undefined
    this.bytes = undefined
    if (onClose !== undefined) callSafely('onClose of an area', onClose)
    this.setFile(undefined)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
