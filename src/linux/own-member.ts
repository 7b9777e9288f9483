import type { DmaBufError } from '../core/errors.js'
import { FenceBoard } from '../interprocess/fence-board.js'
import { FencePublisher } from '../interprocess/fence-publisher.js'
import {
  initMemberPage,
  MEMBER_SLEEPS,
  SLOT_COUNTER,
  type MemberLayout,
} from '../interprocess/member-page.js'
import type { Words } from '../interprocess/words.js'
import type { Doorbell } from './doorbell.js'
import { wakeSleepers } from './futex-wakes.js'
import { OwnPage } from './own-page.js'

/** Byte offset, in a member's page, of the word that says that a thread sleeps; native code writes it. */
export const SLEEPS_OFFSET = MEMBER_SLEEPS * 4

/** Byte offset of the word of a slot that blocking waiters sleep on. */
export function sleepersOffset(layout: MemberLayout, slot: number): number {
  return (layout.slotAt(slot) + SLOT_COUNTER) * 4
}

/**
 * This program as one member of a peering group: its page, what it publishes there, and the bells with which
 * it wakes the others. The group is whoever was admitted: the other end of a link, or a domain.
 */
export class OwnMember implements Disposable {
  readonly layout: MemberLayout
  /** Its descriptor is to be sent to the others. Borrowed: close() closes it, too. */
  readonly page: OwnPage
  readonly board: FenceBoard
  readonly publisher: FencePublisher
  readonly #bells = new Map<number, Doorbell>()
  #closed = false

  /**
   * @param evict - a member keeps slots that a failure has to be told in: dismiss it now, and tell it why
   * @throws {DmaBufError} ENOMEM
   */
  constructor(layout: MemberLayout, evict: (member: number, why: DmaBufError) => void) {
    this.layout = layout
    this.page = new OwnPage('member', layout.lengthBytes)
    const { words, mapping } = this.page
    initMemberPage(words, layout)
    this.board = new FenceBoard(words, layout, {
      ring: (member) => this.ring(member),
      wake: (slot) => wakeSleepers({ mapping, offset: sleepersOffset(layout, slot) }),
    })
    this.publisher = new FencePublisher(this.board, () => {
      const hoarder = this.board.hoarder
      if (hoarder !== undefined) evict(hoarder.member, this.publisher.busy())
    })
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Counts another member in.
   *
   * @param other.words - its page, checked
   * @param other.block - of its watch words: which is about us
   * @param other.bell - moved here; rings before it was received are kept in it
   */
  admit(member: number, other: { words: Words; block: number; bell: Doorbell }): void {
    this.#bells.get(member)?.close()
    this.#bells.set(member, other.bell)
    this.board.admit(member, other.words, other.block)
  }

  /** Counts a member out: its words and its bell are not used any more. */
  dismiss(member: number): void {
    this.board.dismiss(member)
    this.#bells.get(member)?.close()
    this.#bells.delete(member)
  }

  /** Wakes a member's event loop. One system call. */
  ring(member: number): void {
    this.#bells.get(member)?.ring()
  }

  /** Publishes no more, and gives page and bells back. What was pending stays so there. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.publisher.close()
    for (const member of [...this.#bells.keys()]) this.dismiss(member)
    this.page.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
