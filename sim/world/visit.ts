import { DmaBufError, errnoNumber } from '#src/core/errors.js'
import { SlotBuffers, type BufferHold, type SlotBuffer } from '#src/frames/slot-buffers.js'
import { FENCE_PENDING, FENCE_READY } from '#src/interprocess/frame-descriptor.js'
import {
  initConsumerPage,
  QueueConsumer,
  type ClaimedFrame,
  type FenceMode,
  type QueueMode,
} from '#src/interprocess/queue-consumer.js'
import { CONSUMER_PAGE_BYTES } from '#src/interprocess/queue-page.js'
import { Page, SharedWords } from '../engine/memory.js'
import type { Actor, Simulation } from '../engine/simulation.js'
import { step } from '../engine/stepped.js'
import { must, Violation } from '../engine/violation.js'
import type { Camera } from './camera.js'
import { PICTURE_WORDS, pictureOf, pixelOf, type PictureBuffer } from './picture.js'
import { QueueLink, sleep, type ToViewer } from './queue-link.js'

/** How a viewer works. */
export interface ViewerHabits {
  readonly mode: QueueMode
  readonly fences: FenceMode
  readonly maxHeld: number
  /** How often it leaves of its own will. */
  readonly leaves: number
}

/** What a visit needs of its world. */
export interface VisitWorld {
  readonly simulation: Simulation
  /** No more faults: give back what you hold before you sleep. */
  readonly isEnding: boolean
}

/** A frame in a viewer's hands. */
interface Held {
  readonly frame: ClaimedFrame
  readonly hold: BufferHold
  /** Of its fence, as far as the viewer knows. */
  status: number
  /** Given back, but still looked at. */
  isUsed: boolean
}

type Welcome = ToViewer & { readonly kind: 'welcome' }

/** A viewer with one camera: joins, takes frames, looks at every pixel, gives them back, until one of them leaves. */
export class Visit {
  readonly actor: Actor
  readonly habits: ViewerHabits
  readonly link: QueueLink
  /** The first ticket it has not taken; its camera sets it when it admits the viewer. */
  next = 0
  isJoined = false
  readonly #world: VisitWorld
  readonly #held: Held[] = []
  /** Given back, but not to be refilled yet. */
  readonly #releasing: Held[] = []
  readonly #buffers = new SlotBuffers()
  /** All buffers that it was sent, and has open. */
  #mapped: PictureBuffer[] = []
  /** What fences fail with now that the camera is gone, or has told it to leave; 0 before. */
  #gone = 0
  /** The camera has closed its queue. */
  #isClean = false
  /** It goes of its own will. */
  #isLeaving = false
  /** A frame could not be taken. */
  #hasFailed = false
  #consumer!: QueueConsumer

  constructor(
    world: VisitWorld,
    camera: Camera,
    viewer: { readonly actor: Actor; readonly habits: ViewerHabits },
  ) {
    this.#world = world
    this.actor = viewer.actor
    this.habits = viewer.habits
    this.link = new QueueLink(world.simulation, camera, this)
  }

  /** Slots that it looks at. */
  get slotsInUse(): readonly number[] {
    return [...this.#held, ...this.#releasing].map(({ frame }) => frame.bufferIndex)
  }

  /** Frames whose fence it waits for. */
  get pending(): readonly number[] {
    return [...this.#held, ...this.#releasing]
      .filter(({ status }) => status === FENCE_PENDING)
      .map(({ frame }) => frame.facts.ticket)
  }

  /** From joining to the end of the link. */
  run(pageName: string): void {
    const { simulation } = this.#world
    const page = new Page(pageName, CONSUMER_PAGE_BYTES / 4, this.actor)
    const own = new SharedWords(simulation, page, this.actor)
    initConsumerPage(own)
    this.link.sendJoin({ ...this.habits, page })
    const welcome = this.#awaitWelcome()
    if (welcome !== undefined) {
      this.#open(own, welcome)
      this.isJoined = true
      this.#read()
      this.isJoined = false
      this.#leave()
    }
    this.link.endOfViewer()
  }

  #awaitWelcome(): Welcome | undefined {
    for (;;) {
      step()
      const message = this.link.take()
      if (message?.kind === 'welcome') return message
      if (message !== undefined || this.link.cameraGone) return undefined
      sleep(this.actor)
    }
  }

  #open(own: SharedWords, { firstTicket, index, buffers }: Welcome): void {
    const { camera } = this.link
    this.#put(buffers)
    this.#consumer = new QueueConsumer({
      queue: new SharedWords(this.#world.simulation, camera.page, this.actor),
      own,
      ...this.habits,
      slotCount: camera.habits.slotCount,
      firstTicket,
      consumerIndex: index,
      bufferLength: (slot, serial) => this.#lengthOf(slot, serial),
      toldToLeave: () => {
        this.#pump()
        return new DmaBufError('EPIPE', 'queue', 'Told to leave')
      },
      claimDropped: () => {
        this.#ringCamera()
      },
    })
    must(this.#consumer.epoch === camera.epoch, 'The epoch is that of another run')
  }

  // Until one of them leaves.
  #read(): void {
    const { random } = this.#world.simulation
    while (!this.#isOver()) {
      if (random.chance(0.2)) this.#pump()
      const { length } = this.#held
      if (length > 0 && (length >= this.habits.maxHeld || random.chance(0.5))) this.#release()
      else {
        const outcome = this.#acquire()
        if (outcome === 'left') return
        if (outcome === 'nothing') this.#rest()
      }
    }
  }

  // What was published before a clean close still is to be read.
  #isOver(): boolean {
    if (this.#world.simulation.random.chance(this.habits.leaves)) {
      this.#isLeaving = true
      return true
    }
    if (this.#gone === 0) return false
    return !this.#isClean || !this.#consumer.hasFrame
  }

  // A program may come back to its event loop before a ring, or after it.
  #rest(): void {
    while (this.#world.isEnding && this.#held.length > 0) this.#release()
    for (const one of [...this.#releasing]) if (one.isUsed) this.#stopUsing(one)
    if (this.pending.length > 0 && this.#askForFences()) return
    if (this.#gone !== 0 || this.#pump()) return
    sleep(this.actor)
  }

  // Everything is given back: what fences have not signalled has failed.
  #leave(): void {
    if (this.#gone === 0) this.#end(errnoNumber('ENOENT'))
    must(this.pending.length === 0, 'Fences are pending though the camera is gone')
    for (const one of [...this.#held, ...this.#releasing]) this.#checkPicture(one)
    if (this.#isClean && !this.#isLeaving && !this.#hasFailed) {
      const { published, knownReady } = this.link.camera.record
      const { mode, fences } = this.habits
      const last = mode === 'latest' && fences === 'wait' ? knownReady : published
      must(this.next > last, `Frame ${last} was published before the close, and not read`)
    }
    this.#held.length = 0
    this.#releasing.length = 0
    this.#buffers[Symbol.dispose]()
    must(!this.#mapped.some(({ isOpen }) => isOpen), 'A buffer is still open')
  }

  // ---- what the camera says

  // @returns whether there was something
  #pump(): boolean {
    step()
    let count = 0
    while (this.#gone === 0) {
      const message = this.link.take()
      if (message === undefined) break
      count++
      this.#hear(message)
    }
    if (this.link.cameraGone && this.#gone === 0) {
      count++
      this.#end(errnoNumber('EOWNERDEAD'))
    }
    return count > 0
  }

  #hear(message: ToViewer): void {
    if (message.kind === 'buffers') {
      this.#put(message.buffers)
      return
    }
    must(message.kind === 'goodbye', 'Nothing else is said after the welcome')
    this.#isClean = message.clean
    this.#end(errnoNumber(message.clean ? 'ENOENT' : 'EPIPE'))
  }

  // Nobody will signal fences any more.
  #end(errno: number): void {
    this.#gone = errno
    this.#consumer.producerGone(errno)
    this.#lookAtFences()
  }

  #put(buffers: readonly SlotBuffer[]): void {
    for (const one of buffers) {
      if (one.buffer !== undefined) this.#mapped.push(pictureOf(one.buffer))
      this.#buffers.put(one)
    }
    this.#mapped = this.#mapped.filter(({ isOpen }) => isOpen)
    const most = this.link.camera.habits.slotCount + this.slotsInUse.length
    must(this.#mapped.length <= most, `${this.#mapped.length} buffers are open, at most ${most}`)
  }

  #lengthOf(slot: number, serial: number): number | undefined {
    const lengthBytes = this.#buffers.lengthOf(slot, serial)
    if (lengthBytes !== undefined) return lengthBytes
    this.#pump()
    return this.#buffers.lengthOf(slot, serial)
  }

  // ---- frames

  #acquire(): 'frame' | 'nothing' | 'left' {
    const { published, knownReady } = this.link.camera.record
    let frame: ClaimedFrame | undefined = undefined
    try {
      frame = this.#consumer.acquireOrAsk()
    } catch (error) {
      if (error instanceof Violation) throw error
      const isLate = this.#gone !== 0 && this.link.isWaiting
      must(
        (this.link.isEvicted || isLate) && DmaBufError.is(error, 'EPIPE'),
        `Acquiring failed: ${String(error)}`,
      )
      this.#hasFailed = true
      return 'left'
    }
    if (frame === undefined) return 'nothing'
    this.#hold(frame, this.habits.fences === 'pass' ? published : knownReady)
    return 'frame'
  }

  #hold(frame: ClaimedFrame, knownBefore: number): void {
    const { bufferIndex, facts, missed, format, fenceStatus: status } = frame
    const { ticket, damage } = facts
    const { record } = this.link.camera
    const known = record.slots[bufferIndex]!
    const hold = this.#buffers.hold(bufferIndex)
    must(known.ticket === ticket, 'Another frame is in the buffer')
    must(known.page === pictureOf(hold.buffer).page, 'The frame is in another buffer')
    must(facts.timestampNs === ticket, 'Facts of another frame')
    must(facts.lengthBytes === known.lengthBytes, 'Length of another frame')
    must(damage.length === (ticket % 3 === 0 ? 1 : 0), 'Damage of another frame')
    must(format?.width === 16 + (known.formatSerial % 100), 'Format of another frame')
    must(missed === ticket - this.next, 'Frames missed')
    if (this.habits.mode === 'fifo') must(missed === 0, 'Every frame in order')
    else must(missed >= 0 && ticket >= knownBefore, 'The newest, never back')
    // One that was pending when it was looked at may have signalled since.
    if (status !== FENCE_PENDING) record.checkFence(ticket, status, this.#gone || undefined)
    else must(this.habits.fences === 'pass', 'Whoever waits for fences gets no pending frame')
    this.next = ticket + 1
    const one = { frame, hold, status, isUsed: false }
    this.#held.push(one)
    must(this.#held.length <= this.habits.maxHeld, 'More than its cap')
    this.#checkPicture(one)
  }

  // One that has failed is whatever the camera left there.
  #checkPicture({ frame, hold, status }: Held): void {
    const { ticket } = frame.facts
    const { isOpen, page } = pictureOf(hold.buffer)
    must(isOpen, `The buffer of frame ${ticket} is closed while it is held`)
    if (status !== FENCE_READY) return
    const pixels = new SharedWords(this.#world.simulation, page, this.actor)
    for (let word = 0; word < PICTURE_WORDS; word++)
      must(pixels.read(word) === pixelOf(ticket, word), `Word ${word} of frame ${ticket} is torn`)
  }

  #release(): void {
    const { random } = this.#world.simulation
    const one = random.pick(this.#held)
    // Also at one that has signalled: it stays as it is.
    if (random.chance(0.5)) this.#look(one)
    this.#checkPicture(one)
    one.isUsed = random.chance(0.3)
    // Of what it has not finished with it has one at most: the camera needs buffers.
    if (one.isUsed)
      for (const other of [...this.#releasing]) if (other.isUsed) this.#stopUsing(other)
    this.#held.splice(this.#held.indexOf(one), 1)
    if (!one.isUsed && one.status !== FENCE_PENDING) {
      this.#consumer.release(one.frame.bufferIndex)
      this.#buffers.letGo(one.hold)
    } else {
      this.#releasing.push(one)
      this.#consumer.releaseLater(one.frame.bufferIndex)
      if (one.status === FENCE_PENDING) this.#askForFences()
    }
    this.#ringCamera()
  }

  #stopUsing(one: Held): void {
    this.#checkPicture(one)
    one.isUsed = false
    if (one.status !== FENCE_PENDING) this.#finish(one)
  }

  // Nothing uses it any more.
  #finish(one: Held): void {
    this.#releasing.splice(this.#releasing.indexOf(one), 1)
    this.#consumer.releaseDone(one.frame.bufferIndex)
    this.#buffers.letGo(one.hold)
    this.#ringCamera()
  }

  // ---- fences

  // Asks to be rung when one signals. @returns whether one has
  #askForFences(): boolean {
    this.#consumer.bell.ask()
    return this.#lookAtFences()
  }

  #lookAtFences(): boolean {
    let count = 0
    for (const one of [...this.#held, ...this.#releasing])
      if (one.status === FENCE_PENDING && this.#look(one)) count++
    return count > 0
  }

  #look(one: Held): boolean {
    const { bufferIndex, facts } = one.frame
    const status = this.#consumer.fenceStatus(bufferIndex)
    this.link.camera.record.checkFence(facts.ticket, status, this.#gone || undefined)
    if (status === FENCE_PENDING) return false
    one.status = status
    this.#checkPicture(one)
    if (this.#releasing.includes(one) && !one.isUsed) this.#finish(one)
    return true
  }

  #ringCamera(): void {
    if (!this.#consumer.producerBell.take()) return
    step()
    this.#world.simulation.ring(this.link.camera.actor)
  }
}
