import { DmaBufError } from '#src/core/errors.js'
import {
  initConsumerPage,
  QueueConsumer,
  type ClaimedFrame,
  type QueueMode,
} from '#src/interprocess/queue-consumer.js'
import { CONSUMER_PAGE_BYTES } from '#src/interprocess/queue-page.js'
import { Page, SharedWords } from '../engine/memory.js'
import type { Actor, Simulation } from '../engine/simulation.js'
import { step } from '../engine/stepped.js'
import { must, Violation } from '../engine/violation.js'
import { BUFFER_BYTES, PICTURE_WORDS, pixelOf, type Camera } from './camera.js'
import { QueueLink, sleep } from './queue-link.js'

/** How a viewer works. */
export interface ViewerHabits {
  readonly mode: QueueMode
  readonly maxHeld: number
}

interface Welcome {
  readonly firstTicket: number
  readonly consumerIndex: number
}

/** What a viewer needs of its world. */
export interface ViewerWorld {
  readonly simulation: Simulation
  /** The camera that serves now. */
  readonly camera: Camera | undefined
  /** No more faults: give back what you hold before you sleep. */
  readonly isEnding: boolean
}

/** A consumer's process: joins, takes frames, looks at every pixel, gives them back, joins again. */
export class Viewer {
  actor!: Actor
  readonly habits: ViewerHabits
  readonly held: ClaimedFrame[] = []
  /** Given back, but still looked at. */
  readonly releasing: ClaimedFrame[] = []
  link: QueueLink | undefined
  /** The first ticket it has not taken; its camera sets it when it admits the viewer. */
  next = 0
  /** Frames taken since it joined. */
  taken = 0
  isBusy = true
  isJoined = false
  consumer: QueueConsumer | undefined
  readonly #world: ViewerWorld
  #pages = 0

  constructor(world: ViewerWorld, name: string, habits: ViewerHabits) {
    this.#world = world
    this.habits = habits
    this.actor = world.simulation.spawn(name, () => {
      this.#run()
    })
  }

  #run(): void {
    for (;;) {
      this.isBusy = true
      const { camera } = this.#world
      if (camera?.actor.isAlive === true) this.#visit(camera)
      this.isBusy = false
      this.#world.simulation.later(`${this.actor.name} tries again`, () => {
        this.actor.isRung = true
      })
      sleep(this.actor)
    }
  }

  // From joining to the end of the link.
  #visit(camera: Camera): void {
    const { simulation } = this.#world
    const page = new Page(
      `${this.actor.name}.page${++this.#pages}`,
      CONSUMER_PAGE_BYTES / 4,
      this.actor,
    )
    const own = new SharedWords(simulation, page, this.actor)
    initConsumerPage(own)
    const link = new QueueLink(simulation, camera, this)
    this.link = link
    link.sendJoin({ ...this.habits, page })
    const welcome = this.#awaitWelcome(link)
    if (welcome !== undefined) {
      const consumer = this.#open(link, own, welcome)
      this.consumer = consumer
      this.isJoined = true
      this.#read(link, consumer)
      this.isJoined = false
      this.consumer = undefined
    }
    for (const frame of [...this.held.splice(0), ...this.releasing.splice(0)])
      this.#checkPicture(frame)
    this.link = undefined
    link.endOfViewer()
  }

  #awaitWelcome(link: QueueLink): Welcome | undefined {
    for (;;) {
      step()
      const message = link.toViewer.shift()
      if (message?.kind === 'welcome')
        return { firstTicket: message.firstTicket, consumerIndex: message.index }
      if (message !== undefined || link.cameraGone) return undefined
      sleep(this.actor)
    }
  }

  #open(link: QueueLink, own: SharedWords, welcome: Welcome): QueueConsumer {
    const { simulation } = this.#world
    const { camera } = link
    return new QueueConsumer({
      queue: new SharedWords(simulation, camera.page, this.actor),
      own,
      ...this.habits,
      slotCount: camera.contents.length,
      ...welcome,
      bufferLength: () => BUFFER_BYTES,
      toldToLeave: () => {
        step()
        return new DmaBufError('EPIPE', 'queue', 'Told to leave')
      },
      claimDropped: () => {
        this.#ringCamera(link)
      },
    })
  }

  // Until it is told to leave, or the camera is gone.
  #read(link: QueueLink, consumer: QueueConsumer): void {
    const { random } = this.#world.simulation
    for (;;) {
      this.isBusy = true
      const readsLink = random.chance(0.2)
      if (link.cameraGone || (readsLink && isToldToLeave(link))) return
      if (this.held.length > 0 && (this.held.length >= this.habits.maxHeld || random.chance(0.5)))
        this.#release(link, consumer)
      else {
        const outcome = this.#acquire(link, consumer)
        if (outcome === 'left') return
        if (outcome === 'nothing') this.#rest(link, consumer)
      }
    }
  }

  #rest(link: QueueLink, consumer: QueueConsumer): void {
    while (this.#world.isEnding && this.held.length > 0) this.#release(link, consumer)
    while (this.releasing.length > 0) this.#finish(link, consumer)
    this.isBusy = false
    sleep(this.actor)
  }

  #acquire(link: QueueLink, consumer: QueueConsumer): 'frame' | 'nothing' | 'left' {
    const { knownReady } = link.camera
    let frame: ClaimedFrame | undefined = undefined
    try {
      frame = consumer.acquireOrAsk()
    } catch (error) {
      if (error instanceof Violation) throw error
      must(
        isToldToLeave(link) && DmaBufError.is(error, 'EPIPE'),
        `Acquiring failed: ${String(error)}`,
      )
      return 'left'
    }
    if (frame === undefined) return 'nothing'
    this.#hold(link, frame, knownReady)
    return 'frame'
  }

  #hold(link: QueueLink, frame: ClaimedFrame, readyBefore: number): void {
    const { bufferIndex, facts, missed, format } = frame
    const { camera } = link
    must(
      !camera.filling.includes(bufferIndex),
      `Buffer ${bufferIndex} is claimed while it is filled`,
    )
    must(camera.contents[bufferIndex] === facts.ticket, 'Another frame is in the buffer')
    must(facts.timestampNs === facts.ticket, 'Facts of another frame')
    must(facts.damage.length === (facts.ticket % 3 === 0 ? 1 : 0), 'Damage of another frame')
    must(format?.width === 16 + (camera.serials[bufferIndex]! % 100), 'Format of another frame')
    must(missed === facts.ticket - this.next, 'Frames missed')
    if (this.habits.mode === 'fifo') must(missed === 0, 'Every frame in order')
    else must(missed >= 0 && facts.ticket >= readyBefore, 'The newest, never back')
    this.next = facts.ticket + 1
    this.held.push(frame)
    this.taken++
    must(this.held.length <= this.habits.maxHeld, 'More than its cap')
    this.#checkPicture(frame)
  }

  #checkPicture({ bufferIndex, facts }: ClaimedFrame): void {
    const { link } = this
    if (link === undefined) return
    const pixels = new SharedWords(
      this.#world.simulation,
      link.camera.buffers[bufferIndex]!,
      this.actor,
    )
    for (let word = 0; word < PICTURE_WORDS; word++)
      must(
        pixels.read(word) === pixelOf(facts.ticket, word),
        `Word ${word} of frame ${facts.ticket} is torn`,
      )
  }

  #release(link: QueueLink, consumer: QueueConsumer): void {
    const { random } = this.#world.simulation
    const frame = this.held[random.below(this.held.length)]!
    this.#checkPicture(frame)
    if (random.chance(0.3)) {
      // Of what it has not finished with it has one at most: the camera needs buffers.
      while (this.releasing.length > 0) this.#finish(link, consumer)
      this.held.splice(this.held.indexOf(frame), 1)
      this.releasing.push(frame)
      consumer.releaseLater(frame.bufferIndex)
      return
    }
    this.held.splice(this.held.indexOf(frame), 1)
    consumer.release(frame.bufferIndex)
    this.#ringCamera(link)
  }

  #finish(link: QueueLink, consumer: QueueConsumer): void {
    const frame = this.releasing[0]!
    this.#checkPicture(frame)
    this.releasing.shift()
    consumer.releaseDone(frame.bufferIndex)
    this.#ringCamera(link)
  }

  #ringCamera(link: QueueLink): void {
    const { consumer } = this
    if (consumer?.producerBell.take() !== true) return
    step()
    this.#world.simulation.ring(link.camera.actor)
  }
}

function isToldToLeave(link: QueueLink): boolean {
  return link.toViewer.some(({ kind }) => kind === 'goodbye')
}
