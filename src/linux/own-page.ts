import type { Words } from '../interprocess/words.js'
import { MapMode, Mapping } from './mapping.js'
import { createMemfd, roundUpToPages, sealForReaders } from './memfd.js'
import type { OwnedFd } from './owned-fd.js'

/** A page of shared words that only this process can write: mapped first, then sealed for everybody else. */
export class OwnPage implements Disposable {
  /** To be sent; close it once nobody is to get it any more. */
  readonly fd: OwnedFd
  readonly words: Words
  readonly mapping: Mapping

  /** @param lengthBytes - rounded up to whole pages @throws {DmaBufError} ENOMEM, EMFILE */
  constructor(name: string, lengthBytes: number) {
    const roundedBytes = roundUpToPages(lengthBytes)
    this.fd = createMemfd(name, roundedBytes)
    try {
      this.mapping = new Mapping(this.fd, roundedBytes, MapMode.shared)
      sealForReaders(this.fd)
    } catch (error) {
      this.fd.close()
      throw error
    }
    this.words = this.mapping.words()
  }

  /** The words must not be used any more. Idempotent. */
  close(): void {
    this.mapping.close()
    this.fd.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
