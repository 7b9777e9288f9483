import { FenceBoard, type FenceSlot } from '#src/interprocess/fence-board.js'
import { FenceReader } from '#src/interprocess/fence-reader.js'
import {
  initMemberPage,
  LIST_VERSION,
  MEMBER_LEFT,
  MEMBER_SLEEPS,
  SLOT_COUNTER,
  type MemberLayout,
} from '#src/interprocess/member-page.js'
import { Page, SharedWords } from '../engine/memory.js'
import type { Actor, Simulation } from '../engine/simulation.js'
import { step } from '../engine/stepped.js'
import { must } from '../engine/violation.js'
import { FenceListReader, FenceListWriter } from '#src/interprocess/fence-lists.js'
import { Follow, Line, useName, type LineUse } from './board-line.js'
import type { HubMember, HubNews } from './hub.js'
import { sleep } from './queue-link.js'

/** What one member says to another, over a link. */
export type BoardMessage =
  | {
      readonly kind: 'share'
      readonly from: BoardMember
      readonly line: Line
      readonly at: FenceSlot
    }
  | { readonly kind: 'accept'; readonly from: BoardMember; readonly slot: number }

/** What a member needs of its world. */
export interface BoardHome {
  readonly simulation: Simulation
  readonly layout: MemberLayout
  readonly isEnding: boolean
  /** How likely a busy member reads its messages before it goes on. */
  readonly turns: number
  /** How often a member lets a seqno fail instead of doing something else. */
  readonly failures: number
  /** The most timelines that a member has at a time. */
  readonly lines: number
  /** How often it signals, or waits, instead of something else. */
  readonly waits: number
  /** How often a member leaves of its own will. */
  readonly leaves: number
  /** The hub's epoch: rises when everybody has been told of a newcomer, before that one begins. */
  readonly epochs: Page
  /** Asks the hub to be let in. */
  join(member: BoardMember): void
  /** It is gone, of its own will. */
  leave(member: BoardMember): void
}

/** Where the counters of a member begin. */
export interface BoardStarts {
  readonly generation: number
  readonly logged: number
  readonly seqno: number
  readonly version: number
}

/** Another member as one sees it. */
interface Peer {
  readonly member: BoardMember
  readonly reader: FenceReader
  readonly list: FenceListReader
  readonly words: SharedWords
  /** Messages of ours that it has not answered: the slots that they pin. */
  readonly pinned: number[]
}

const MOST_FOLLOWS = 4
/** Steps that somebody may wait without doing anything else. */
const PATIENCE = 3000

/** A process with a page: owner of timelines, reader of those of others. */
export class BoardMember implements HubMember<BoardMember> {
  actor!: Actor
  readonly index: number
  readonly page: Page
  readonly lines: Line[] = []
  readonly follows: Follow[] = []
  readonly mail: BoardMessage[] = []
  /** Members that it has been told of, and deaths that it has noticed. */
  readonly joined: HubNews<BoardMember>[] = []
  readonly left: BoardMember[] = []
  /** Who rang, and whose ring is under way. */
  readonly rungBy = new Set<BoardMember>()
  readonly ringsFrom = new Set<BoardMember>()
  /** The slot whose futex it sleeps on. */
  futex: { readonly owner: BoardMember; readonly slot: number } | undefined
  /** Each use of each slot: what a reader may find there. */
  readonly uses = new Map<string, LineUse>()
  /** All lists of fences that it has begun to publish, with the number of the last one like it. */
  readonly lists = new Map<string, number>([['[]', 0]])
  /** The number of the list that everybody can see. */
  listed = 0
  isDone = false
  isHubGone = false
  /** It has begun to say that it leaves, and has said so. */
  isLeaving = false
  hasLeft = false
  /** The hub has told it of all others, and all others of it. */
  isWelcome = false
  board: FenceBoard | undefined
  peers: Peer[] = []
  #list: FenceListWriter | undefined
  #listed: readonly FenceSlot[] = []
  readonly #gone = new Set<BoardMember>()
  #epoch = 0
  /** Without a hub nobody joins any more. */
  #isAlone = false
  #age = 0
  readonly #home: BoardHome
  readonly #seqno: number

  constructor(home: BoardHome, name: string, index: number, start: BoardStarts) {
    this.#home = home
    this.index = index
    this.#seqno = start.seqno
    this.actor = home.simulation.spawn(name, () => {
      this.#run(start)
    })
    this.page = new Page(name, home.layout.lengthBytes / 4, this.actor)
  }

  /** Whether it sleeps, and nothing of this owner will wake it. */
  isForgottenBy(owner: BoardMember): boolean {
    const { actor } = this
    return (
      actor.isAlive &&
      actor.isAsleep &&
      !actor.isRung &&
      !this.ringsFrom.has(owner) &&
      !this.rungBy.has(owner)
    )
  }

  #run(start: BoardStarts): void {
    const { layout } = this.#home
    const own = this.#words(this)
    initMemberPage(own, layout)
    const board: FenceBoard = new FenceBoard(
      own,
      layout,
      {
        ring: (index) => this.#ring(index),
        wake: (slot) => this.#wake(slot),
        knowsAll: () => this.#knowsAll(board),
      },
      start,
    )
    this.board = board
    const list = layout.listAt(0)
    own.store(list + LIST_VERSION, start.version)
    this.#list = new FenceListWriter(own, list)
    if (this.#awaitWelcome()) this.#live(board)
    this.#home.leave(this)
  }

  // @returns whether it was let in
  #awaitWelcome(): boolean {
    this.#home.join(this)
    while (!this.isWelcome) {
      if (this.isHubGone) return false
      sleep(this.actor)
    }
    return true
  }

  // Until it leaves.
  #live(board: FenceBoard): void {
    const { random } = this.#home.simulation
    let isRested = true
    while (this.#home.isEnding || !random.chance(this.#home.leaves)) {
      // A program that is busy comes to its event loop rarely.
      if (isRested || this.#home.isEnding || random.chance(this.#home.turns)) this.#hear(board)
      isRested = this.#home.isEnding ? this.#finish(board) : this.#work(board)
      if (isRested) this.#rest()
    }
    this.isLeaving = true
    this.#words(this).store(MEMBER_LEFT, 1)
    this.hasLeft = true
  }

  #words(owner: BoardMember): SharedWords {
    return new SharedWords(this.#home.simulation, owner.page, this.actor)
  }

  // ---- the others

  #hear(board: FenceBoard): void {
    step()
    for (const member of this.left.splice(0)) this.#lose(board, member)
    const { isHubGone } = this
    this.#readHub(board)
    // What it sent before its end was read.
    if (isHubGone) this.#isAlone = true
    for (const message of this.mail.splice(0)) this.#take(board, message)
    for (const member of [...this.rungBy]) {
      this.rungBy.delete(member)
      this.peers.find((peer) => peer.member === member)?.reader.catchUp()
    }
  }

  // What the hub has sent so far.
  #readHub(board: FenceBoard): void {
    step()
    for (let news = this.joined.shift(); news !== undefined; news = this.joined.shift()) {
      this.#epoch = news.epoch
      if (news.member !== undefined) this.#meet(board, news.member)
    }
  }

  #knowsAll(board: FenceBoard): boolean {
    if (this.#isAlone) return true
    const epochs = new SharedWords(this.#home.simulation, this.#home.epochs, this.actor)
    const epoch = epochs.load(0)
    if (epoch !== this.#epoch) this.#readHub(board)
    return ((this.#epoch - epoch) | 0) >= 0
  }

  #meet(board: FenceBoard, member: BoardMember): void {
    if (this.#gone.has(member)) return
    // Who takes a place says that the one before is gone.
    const before = this.peers.find((peer) => peer.member.index === member.index)
    if (before !== undefined) this.#lose(board, before.member)
    const words = this.#words(member)
    board.admit(member.index, words, this.index)
    const reader = new FenceReader(
      { theirs: words, own: this.#words(this), block: member.index },
      this.#home.layout,
    )
    const list = new FenceListReader(
      words,
      this.#home.layout.listAt(0),
      this.#home.layout.shape.slots,
    )
    this.peers.push({ member, reader, list, words, pinned: [] })
    // It may wait for us already.
    this.#ring(member.index)
  }

  // Its fences are read a last time; what is pending then fails, once.
  #lose(board: FenceBoard, member: BoardMember): void {
    this.#gone.add(member)
    const peer = this.peers.find((one) => one.member === member)
    if (peer === undefined) return
    const hasLeft = peer.words.load(MEMBER_LEFT) !== 0
    must(!hasLeft || member.isLeaving, `The death of ${member.actor.name} is taken for a goodbye`)
    must(hasLeft || !member.hasLeft, `The goodbye of ${member.actor.name} is taken for a death`)
    this.peers.splice(this.peers.indexOf(peer), 1)
    board.dismiss(member.index)
    for (const slot of peer.pinned) board.unpin(slot)
    peer.reader.lookAtAll()
    for (const follow of this.follows.filter(({ owner }) => owner === member)) {
      follow.lastLook()
      this.#drop(follow)
    }
  }

  #take(board: FenceBoard, message: BoardMessage): void {
    if (message.kind === 'accept') {
      const { from, slot } = message
      const pinned = this.peers.find(({ member }) => member === from)?.pinned ?? []
      const at = pinned.indexOf(slot)
      if (at < 0) return
      pinned.splice(at, 1)
      board.unpin(slot)
      return
    }
    const { from, line, at } = message
    const peer = this.peers.find((one) => one.member === from)
    if (peer === undefined) {
      // From one of whom nothing is known yet: it stays in the socket.
      if (!this.#gone.has(from)) this.mail.push(message)
      return
    }
    const follow = new Follow(from, from.useOf(at))
    must(follow.line === line, 'A message names the line that it was sent for')
    const watched = peer.reader.watch(at, follow)
    must(
      watched !== undefined,
      `Slot ${at.slot} of ${from.actor.name} is used again while it is pinned`,
    )
    follow.remote = watched
    watched.look()
    if (this.follows.length < MOST_FOLLOWS) this.follows.push(follow)
    else watched.close()
    this.#send(from, { kind: 'accept', from: this, slot: at.slot })
  }

  #send(to: BoardMember, message: BoardMessage): void {
    step()
    to.mail.push(message)
    this.#home.simulation.ring(to.actor)
  }

  // ---- work

  // @returns whether to sleep
  #work(board: FenceBoard): boolean {
    const { random } = this.#home.simulation
    if (random.chance(this.#home.failures)) {
      this.#fail(board)
      return false
    }
    if (random.chance(this.#home.waits)) {
      if (random.chance(0.5)) return this.#want()
      this.#signal(board)
      return false
    }
    // Whoever is new looks around first.
    switch (this.#age++ < 5 ? 7 : random.below(9)) {
      case 0:
        this.#open(board)
        return false
      case 1:
        this.#share(board)
        return false
      case 2:
      case 3:
        this.#signal(board)
        return false
      case 4:
        if (random.chance(0.3)) this.#close(board)
        return false
      case 5:
        return this.#want()
      case 6:
        this.#publish(board)
        return false
      case 7:
        this.#lookUp()
        return false
      default:
        if (random.chance(0.3) && this.follows.length > 0) this.#drop(random.pick(this.follows))
        return true
    }
  }

  #open(board: FenceBoard): void {
    if (this.lines.length >= this.#home.lines) return
    const at = board.allocate(this.#seqno)
    if (at === undefined) return
    const line = new Line(at, this.#seqno)
    this.uses.set(useName(at), { line, since: this.#seqno })
    this.lines.push(line)
  }

  #share(board: FenceBoard): void {
    const { random } = this.#home.simulation
    if (this.lines.length === 0 || this.peers.length === 0) return
    const line = random.pick(this.lines)
    const peer = random.pick(this.peers)
    board.pin(line.at.slot)
    peer.pinned.push(line.at.slot)
    this.#send(peer.member, { kind: 'share', from: this, line, at: line.at })
  }

  #signal(board: FenceBoard): void {
    const { random } = this.#home.simulation
    if (this.lines.length === 0) return
    const line = random.pick(this.lines)
    const seqno = line.announced + 1 + (random.chance(0.1) ? random.below(1000) : 0)
    line.announced = seqno
    board.signal(line.at.slot, seqno)
    line.completed = seqno
    this.#checkReaders(line)
  }

  #fail(board: FenceBoard): void {
    const { random } = this.#home.simulation
    if (this.lines.length === 0) return
    const line = random.pick(this.lines)
    const seqno = line.announced + 1 + random.below(2)
    const errno = 1 + random.below(30)
    const next = board.allocate(seqno)
    if (next === undefined) {
      // Others keep all slots: it cannot go on, and they are asked to look.
      const { hoarder } = board
      const isKnown = this.peers.some(({ member }) => member.index === hoarder?.member)
      must(hoarder === undefined || isKnown, 'Whoever keeps most slots is one of the others')
      board.ringAll()
      this.#endLine(board, line, errno)
      return
    }
    line.announced = seqno
    line.failures.set(seqno, errno)
    this.uses.set(useName(next), { line, since: seqno })
    board.fail(line.at.slot, { seqno, errno, next })
    line.at = next
    line.completed = seqno
    this.#checkReaders(line)
  }

  #close(board: FenceBoard): void {
    const { random } = this.#home.simulation
    if (this.lines.length === 0) return
    this.#endLine(board, random.pick(this.lines), 1 + random.below(30))
  }

  #endLine(board: FenceBoard, line: Line, errno: number): void {
    this.lines.splice(this.lines.indexOf(line), 1)
    line.endErrno = errno
    board.end(line.at.slot, errno)
    line.isEnded = true
    this.#checkReaders(line)
    board.unpin(line.at.slot)
  }

  // Nobody sleeps for what has happened.
  #checkReaders(line: Line): void {
    for (const { member } of this.peers)
      for (const follow of member.follows)
        if (follow.line === line && follow.isOverdue && member.isForgottenBy(this))
          must(
            false,
            `${member.actor.name} sleeps though seqno ${follow.wanted ?? 0} of ${this.actor.name} is over`,
          )
  }

  // ---- lists: what they name is looked up without asking its owner

  // Its own lines, as the fences of a buffer: those of the list before are let go when the new one is there.
  #publish(board: FenceBoard): void {
    const fences = this.#home.isEnding
      ? []
      : this.lines.map(({ at, announced }) => ({ ...at, seqno: announced + 1, usage: 0 }))
    for (const { slot } of fences) board.pin(slot)
    const number = this.listed + 1
    this.lists.set(JSON.stringify(fences), number)
    this.#list?.publish(fences)
    this.listed = number
    for (const { slot } of this.#listed) board.unpin(slot)
    this.#listed = fences
  }

  // What a list names is there, or the list is another by now.
  #lookUp(): void {
    const { random } = this.#home.simulation
    if (this.peers.length === 0 || this.follows.length >= MOST_FOLLOWS) return
    const { member, list, reader } = random.pick(this.peers)
    const before = random.chance(0.5) ? member.listed : -1
    if (before >= 0) list.refresh()
    const { fences } = list
    const number = member.lists.get(JSON.stringify(fences))
    must(number !== undefined, 'A list is one that its owner published')
    must(number >= before, `List ${before} was published, and list ${number} is read`)
    if (fences.length === 0) return
    const fence = random.pick(fences)
    const follow = new Follow(member, member.useOf(fence))
    const watched = reader.watch(fence, follow)
    if (watched === undefined) {
      must(
        list.hasChanged,
        `Slot ${fence.slot} of ${member.actor.name} is used again though its list names it`,
      )
      return
    }
    follow.remote = watched
    watched.look()
    this.follows.push(follow)
    if (follow.isOver) this.#drop(follow)
  }

  /** What is in a slot, as its owner knows. */
  useOf(at: FenceSlot): LineUse {
    const use = this.uses.get(useName(at))
    must(use !== undefined, `Slot ${useName(at)} of ${this.actor.name} was never used`)
    return use
  }

  // ---- waiting

  #want(): boolean {
    const { random } = this.#home.simulation
    if (this.follows.length === 0) return false
    // For one of them, or for whatever happens first.
    const wanted = random.chance(0.5) ? [random.pick(this.follows)] : [...this.follows]
    for (const follow of wanted) {
      follow.want(follow.seen + 1 + random.below(3))
      follow.remote?.look()
      if (follow.isOver) this.#drop(follow)
    }
    return wanted.some(({ isOver }) => !isOver) && random.chance(0.7)
  }

  #drop(follow: Follow): void {
    const at = this.follows.indexOf(follow)
    if (at >= 0) this.follows.splice(at, 1)
    follow.remote?.close()
  }

  // By its bells, or in a futex of what it waits for. Other work comes some time.
  #rest(): void {
    const { simulation, isEnding } = this.#home
    const blocking = this.follows.find(({ wanted }) => wanted !== undefined)
    const isPatient = blocking !== undefined && simulation.random.chance(0.3)
    const hasWork = (): void => {
      this.actor.isRung = true
    }
    if (!isEnding)
      simulation.later(`${this.actor.name} has work`, hasWork, isPatient ? PATIENCE : undefined)
    if (blocking !== undefined && simulation.random.chance(0.3)) this.#sleepInFutex(blocking)
    else sleep(this.actor)
  }

  // Says that it sleeps; the system call looks whether the word is still as it was seen, and sleeps, in one step.
  #sleepInFutex(follow: Follow): void {
    const { owner, remote } = follow
    const slot = remote?.slot ?? -1
    if (remote === undefined || slot < 0) return
    const own = this.#words(this)
    const expected = remote.latest | 0
    own.store(MEMBER_SLEEPS, 1)
    step()
    const at = this.#home.layout.slotAt(slot) + SLOT_COUNTER
    if (
      owner.page.words[at] === expected &&
      !follow.isStopped(owner.page, this.#home.layout.slotAt(slot))
    ) {
      this.futex = { owner, slot }
      this.actor.isAsleep = true
      step()
      this.futex = undefined
    }
    own.store(MEMBER_SLEEPS, 0)
    remote.look()
  }

  #wake(slot: number): void {
    step()
    for (const { member } of this.peers)
      if (member.futex?.owner === this && member.futex.slot === slot) member.actor.isRung = true
  }

  #ring(index: number): void {
    step()
    const target = this.peers.find(({ member }) => member.index === index)?.member
    if (target === undefined || target.ringsFrom.has(this)) return
    target.ringsFrom.add(this)
    this.#home.simulation.later(`ring ${target.actor.name} for ${this.actor.name}`, () => {
      target.ringsFrom.delete(this)
      target.rungBy.add(this)
      target.actor.isRung = true
    })
  }

  // ---- the end

  // Ends what is its own, waits for what is not. @returns whether to sleep
  #finish(board: FenceBoard): boolean {
    if (this.lines.length > 0) {
      this.#close(board)
      return false
    }
    if (this.#listed.length > 0) this.#publish(board)
    for (const follow of [...this.follows]) {
      follow.want(Number.MAX_SAFE_INTEGER)
      follow.remote?.look()
      if (follow.isOver) this.#drop(follow)
    }
    this.isDone = this.follows.length === 0
    return true
  }
}
