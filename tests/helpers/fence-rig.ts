// Members of one peering group in one process: their pages, boards and readers, without a system call.
import { FenceBoard, type BoardStart, type FenceSlot } from '#src/interprocess/fence-board.js'
import { FenceReader } from '#src/interprocess/fence-reader.js'
import { initMemberPage, MemberLayout, type MemberShape } from '#src/interprocess/member-page.js'
import type { LineListener, RemoteLine } from '#src/interprocess/remote-line.js'
import type { Words } from '#src/interprocess/words.js'
import { wordsOf } from './hooked-words.js'

export const OWNER = 0

/** How one member's words look to whoever uses them: for interruptions. */
export interface RigOptions extends Partial<MemberShape> {
  readonly start?: BoardStart
  /** Words as the owner uses them: its own page and those of the readers. */
  readonly owner?: (words: Words) => Words
  /** Words as the readers use them. */
  readonly reader?: (words: Words) => Words
}

/** One owner with a board, and readers of it. */
export class FenceRig {
  readonly layout: MemberLayout
  readonly page: Words
  readonly board: FenceBoard
  /** The pages of the readers. */
  readonly pages: Words[] = []
  readonly readers: FenceReader[] = []
  /** Members that were rung, in order. */
  readonly rung: number[] = []
  /** Whether all members are known to the board. */
  knowsAll: () => boolean = () => true
  /** Slots whose sleepers were woken. */
  readonly woken: number[] = []

  constructor(options: RigOptions = {}) {
    const { slots = 4, buffers = 1, members = 2 } = options
    const owner = options.owner ?? ((words) => words)
    const reader = options.reader ?? ((words) => words)
    this.layout = new MemberLayout({ slots, buffers, members })
    this.page = wordsOf(this.layout.lengthBytes / 4)
    initMemberPage(this.page, this.layout)
    const waker = {
      ring: (member: number) => void this.rung.push(member),
      wake: (slot: number) => void this.woken.push(slot),
      knowsAll: () => this.knowsAll(),
    }
    this.board = new FenceBoard(owner(this.page), this.layout, waker, options.start)
    for (let member = 1; member < Math.max(members, 2); member++) {
      const page = wordsOf(this.layout.lengthBytes / 4)
      initMemberPage(page, this.layout)
      this.pages.push(page)
      this.board.admit(member, owner(page), OWNER)
      const parts = { theirs: reader(this.page), own: reader(page), block: OWNER }
      this.readers.push(new FenceReader(parts, this.layout))
    }
  }

  get reader(): FenceReader {
    const [reader] = this.readers
    if (reader === undefined) throw new Error('No reader')
    return reader
  }

  /** A slot of the owner. */
  allocate(value = 0): FenceSlot {
    const slot = this.board.allocate(value)
    if (slot === undefined) throw new Error('No slot')
    return slot
  }

  /** Fails a seqno, and says where it goes on. */
  fail(at: FenceSlot, seqno: number, errno: number): FenceSlot {
    const next = this.allocate(seqno)
    this.board.fail(at.slot, { seqno, errno, next })
    return next
  }
}

/** What a line said, without repetitions. */
export class Heard implements LineListener {
  readonly said: string[] = []
  wanted: number | undefined
  value = 0

  constructor(wanted?: number) {
    this.wanted = wanted
  }

  advanced(seqno: number): void {
    if (seqno <= this.value) return
    this.value = seqno
    this.#say(`reached ${seqno}`)
  }

  failed(seqno: number, errno: number): void {
    this.value = seqno
    this.#say(`${seqno} failed ${errno}`)
  }

  ended(errno: number): void {
    this.#say(`ended ${errno}`)
  }

  #say(what: string): void {
    if (this.said[this.said.length - 1] !== what) this.said.push(what)
  }
}

/** A line of a reader that watches this slot. */
export function watch(reader: FenceReader, at: FenceSlot, heard: LineListener): RemoteLine {
  const line = reader.watch(at, heard)
  if (line === undefined) throw new Error('Not watched')
  return line
}
