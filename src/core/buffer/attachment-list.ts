import type { Attachment } from './attachment.js'

/**
 * The attachments of a buffer, newest first. Inserting and removing take the same time for any number.
 *
 * @rule ATT-5
 */
export class AttachmentList {
  #first: Attachment | undefined
  #size = 0

  get first(): Attachment | undefined {
    return this.#first
  }

  get size(): number {
    return this.#size
  }

  /** Puts an attachment at the head. @internal */
  insert(attachment: Attachment): void {
    const { links } = attachment
    links.isListed = true
    links.older = this.#first
    if (this.#first !== undefined) this.#first.links.newer = attachment
    this.#first = attachment
    this.#size++
  }

  /** Takes an attachment out; nothing where it is not in this list. @internal */
  remove({ links }: Attachment): void {
    if (!links.isListed) return
    links.isListed = false
    const { newer, older } = links
    if (newer === undefined) this.#first = older
    else newer.links.older = older
    if (older !== undefined) older.links.newer = newer
    links.newer = undefined
    // equivalent mutants: statement: only lets an attachment go that this one would keep from the collector
    links.older = undefined
    this.#size--
  }

  /** Newest first. An attachment that is removed meanwhile does not end the walk. */
  *[Symbol.iterator](): Generator<Attachment, void> {
    let attachment = this.#first
    while (attachment !== undefined) {
      const { older } = attachment.links
      yield attachment
      attachment = older
    }
  }
}
