import { DmaBufError } from '../core/errors.js'
import { FenceReader } from '../interprocess/fence-reader.js'
import { checkMemberPage } from '../interprocess/member-page.js'
import { RemoteFences } from '../interprocess/remote-fences.js'
import type { Words } from '../interprocess/words.js'
import { DoorbellListener } from './doorbell.js'
import { MapMode, Mapping } from './mapping.js'
import { checkReceivedMemory } from './memfd.js'
import type { OwnedFd } from './owned-fd.js'
import type { OwnMember } from './own-member.js'

/** What another member sent of itself. */
export interface RemoteParts {
  /** Its page. Borrowed. */
  readonly page: OwnedFd
  /** Which block of our watch words is about it. */
  readonly block: number
}

/** Another member of a peering group, as this program sees it: its page, read only, and its fences. */
export class RemoteMember implements Disposable {
  readonly own: OwnMember
  readonly mapping: Mapping
  /** Of its page: written by it only, so anything may be there. */
  readonly words: Words
  readonly fences: RemoteFences
  #listener: DoorbellListener | undefined
  #closed = false

  /** @throws {DmaBufError} EPROTO where what it sent is no page of this group */
  constructor(own: OwnMember, { page, block }: RemoteParts) {
    const { layout } = own
    this.own = own
    checkReceivedMemory(page, layout.lengthBytes, 'a member page')
    this.mapping = new Mapping(page, layout.lengthBytes, MapMode.readOnly)
    try {
      this.words = this.mapping.words()
      checkMemberPage(this.words, layout)
    } catch (error) {
      this.mapping.close()
      throw error
    }
    const parts = { theirs: this.words, own: own.page.words, block }
    this.fences = new RemoteFences(new FenceReader(parts, layout))
  }

  /** Whether it is gone. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Hears the bell that this member rings for us.
   *
   * @param set - moved here
   * @param broken - called once where it proves to be no bell
   * @throws {DmaBufError} EPROTO where it is none
   */
  listen(set: OwnedFd, broken: (error: DmaBufError) => void): void {
    this.#listener?.close()
    this.#listener = new DoorbellListener(set, () => this.fences.rung(), broken)
  }

  /** It is gone: its words are read a last time, then what is pending fails, once. Idempotent. */
  end(errorOf: (timelineName: string) => DmaBufError): void {
    if (this.#closed) return
    this.#closed = true
    this.#listener?.close()
    try {
      this.fences.end(errorOf)
    } finally {
      this.mapping.close()
    }
  }

  [Symbol.dispose](): void {
    this.end((name) => gone(name))
  }
}

function gone(name: string): DmaBufError {
  return new DmaBufError('ENOENT', 'timeline', `Timeline ${name} is not followed any more`)
}
