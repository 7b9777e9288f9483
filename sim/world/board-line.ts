import type { FenceSlot } from '#src/interprocess/fence-board.js'
import { SLOT_ERRNO } from '#src/interprocess/member-page.js'
import type { LineListener, RemoteLine } from '#src/interprocess/remote-line.js'
import type { Page } from '../engine/memory.js'
import { must } from '../engine/violation.js'
import type { BoardMember } from './board-member.js'

/** A timeline as its owner knows it, and what must be true of it for everybody. */
export class Line {
  at: FenceSlot
  /** The highest seqno that its owner has begun to publish. */
  announced: number
  /** The highest seqno that its owner has published, with all that belongs to it. */
  completed: number
  readonly failures = new Map<number, number>()
  /** What the rest fails with, once its owner has begun to end it. */
  endErrno: number | undefined
  isEnded = false

  constructor(at: FenceSlot, seqno: number) {
    this.at = at
    this.announced = seqno
    this.completed = seqno
  }
}

/** A use of a slot: which line is in it, and from which seqno on. */
export interface LineUse {
  readonly line: Line
  readonly since: number
}

/** What a slot and its generation are called. */
export function useName({ slot, generation }: FenceSlot): string {
  return `${slot}/${generation}`
}

/** What a reader has heard of a timeline: each call is held against what its owner did. */
export class Follow implements LineListener {
  readonly owner: BoardMember
  readonly line: Line
  remote: RemoteLine | undefined
  /** All up to this is known. */
  seen: number
  wanted: number | undefined
  /** It has ended, and was told so. */
  isOver = false
  readonly #since: number
  readonly #told = new Map<number, number>()

  constructor(owner: BoardMember, { line, since }: LineUse) {
    this.owner = owner
    this.line = line
    this.#since = since
    this.seen = 0
  }

  /** Waits for a seqno. */
  want(seqno: number): void {
    this.wanted = this.isOver || seqno <= this.seen ? undefined : seqno
  }

  /** What it waits for has happened, and its owner is done with it. */
  get isOverdue(): boolean {
    const { wanted, line } = this
    if (wanted === undefined || this.isOver) return false
    return line.completed >= wanted || line.isEnded
  }

  /** Whether a page says that a slot goes no further. */
  isStopped(page: Page, at: number): boolean {
    return page.words[at + SLOT_ERRNO] !== 0
  }

  advanced(seqno: number): void {
    const { line, isOver, seen } = this
    must(!isOver || seqno <= seen, `Seqno ${seqno} is signalled after the end`)
    must(seqno <= line.announced, `Seqno ${seqno} is signalled before its time`)
    for (const [failed] of line.failures)
      if (failed > this.#since && failed <= seqno)
        must(this.#told.has(failed), `Seqno ${failed} failed, and counts as signalled`)
    this.#reach(seqno)
  }

  failed(seqno: number, errno: number): void {
    const expected = this.line.failures.get(seqno)
    must(
      expected === errno,
      `Seqno ${seqno} failed with ${errno} instead of ${expected ?? 'not at all'}`,
    )
    const isNew = seqno > this.seen && !this.isOver
    must(isNew || this.#told.has(seqno), `Seqno ${seqno} is signalled, and fails then`)
    this.#told.set(seqno, errno)
    this.#reach(seqno)
  }

  ended(errno: number): void {
    const { endErrno } = this.line
    must(endErrno === errno, `It ended with ${errno} instead of ${endErrno ?? 'not at all'}`)
    this.isOver = true
    this.wanted = undefined
  }

  /** Its owner is dead, and was looked at for the last time. */
  lastLook(): void {
    const { line, seen } = this
    if (!this.isOver)
      must(seen >= line.completed, `Seqno ${line.completed} was signalled before its owner died`)
    must(this.isOver || !line.isEnded, 'It was ended before its owner died')
  }

  #reach(seqno: number): void {
    if (seqno > this.seen) this.seen = seqno
    if (this.wanted !== undefined && seqno >= this.wanted) this.wanted = undefined
  }
}
