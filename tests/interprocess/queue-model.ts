// A queue with everybody in one thread, where anybody may run between any two accesses of another, and a
// model beside it that knows what must be true. Steps nest: who is interrupted goes on afterwards.
import assert from 'node:assert/strict'
import { DmaBufError } from '#src/core/errors.js'
import type { ClaimedFrame, QueueConsumer, QueueMode } from '#src/interprocess/queue-consumer.js'
import type { Words } from '#src/interprocess/words.js'
import { HookedWords } from '../helpers/hooked-words.js'
import { QueueRig, type Joined } from '../helpers/queue-rig.js'
import type { Random } from '../helpers/random.js'

/** What a run of the model is made of. */
export interface ModelOptions {
  readonly bufferCount: number
  readonly consumers: readonly { readonly mode: QueueMode; readonly maxHeld: number }[]
  /** How likely somebody else runs before an access. */
  readonly interruption: number
  /** How likely a producer step tells a consumer to leave. */
  readonly eviction: number
}

const FILLING = -1

class Participant {
  /** In the middle of a step: cannot run again. */
  running = false
  /** Asked, looked again, found nothing. */
  asleep = false
  rung = false
  run: () => void = () => {}

  ring(): void {
    this.rung = true
  }

  get sleepsOn(): boolean {
    return this.asleep && !this.rung
  }
}

class Viewer extends Participant {
  readonly mode: QueueMode
  readonly maxHeld: number
  readonly joined: Joined
  readonly held: ClaimedFrame[] = []
  /** The first ticket it has not taken. */
  next: number
  consumer: QueueConsumer | undefined
  /** The producer's goodbye lies in the socket. */
  goodbye = false
  gone = false

  constructor(rig: QueueRig, mode: QueueMode, maxHeld: number) {
    super()
    this.mode = mode
    this.maxHeld = maxHeld
    this.next = rig.producer.firstTicket(mode)
    this.joined = rig.join(mode, maxHeld)
  }
}

/** The queue, its model, and the steps that everybody takes. */
export class QueueModel {
  /** Frames that were taken, by all. */
  taken = 0
  evicted = 0
  readonly #random: Random
  readonly #options: ModelOptions
  readonly #rig: QueueRig
  readonly #producer = new Participant()
  readonly #viewers: Viewer[] = []
  readonly #filling: number[] = []
  /** What is in each buffer: the ticket of its frame. */
  readonly #contents: number[]
  #published = 0
  #isQuiet = false

  constructor(random: Random, options: ModelOptions) {
    this.#random = random
    this.#options = options
    this.#contents = new Array<number>(options.bufferCount).fill(0)
    this.#rig = new QueueRig(options.bufferCount, (words) => this.#hook(words))
    this.#producer.run = () => this.#producerStep()
    this.#isQuiet = true
    for (const { mode, maxHeld } of options.consumers) this.#admit(mode, maxHeld)
    this.#isQuiet = false
  }

  /** Steps of anybody, each interrupted by others; throws where the model disagrees. */
  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.#enter(this.#random.pick([this.#producer, this.#producer, ...this.#viewers]))
      this.#checkSleepers()
    }
    this.#isQuiet = true
    this.#drain()
  }

  #hook(words: Words): Words {
    return new HookedWords(words, () => {
      if (this.#isQuiet || !this.#random.chance(this.#options.interruption)) return
      const others = [this.#producer, ...this.#viewers].filter(({ running }) => !running)
      if (others.length > 0) this.#enter(this.#random.pick(others))
    })
  }

  #enter(participant: Participant): void {
    participant.running = true
    participant.rung = false
    participant.asleep = false
    participant.run()
    participant.running = false
  }

  #admit(mode: QueueMode, maxHeld: number): void {
    const viewer = new Viewer(this.#rig, mode, maxHeld)
    viewer.run = () => this.#viewerStep(viewer)
    this.#viewers.push(viewer)
  }

  // ---- the producer

  #producerStep(): void {
    for (const viewer of this.#viewers.filter(({ gone }) => gone)) this.#replace(viewer)
    const { producer } = this.#rig
    assert.equal(producer.offender(), undefined, 'Everybody keeps to the protocol')
    if (this.#random.chance(this.#options.eviction)) this.#evict()
    const isFull = this.#filling.length >= 3
    if (this.#filling.length > 0 && (isFull || this.#random.chance(0.6))) this.#finishFrame()
    else this.#takeBuffer()
  }

  #takeBuffer(): void {
    const { producer } = this.#rig
    const index = producer.takeOrAsk()
    if (index === undefined) {
      this.#producer.asleep = true
      return
    }
    for (const { held } of this.#viewers)
      assert.ok(!held.some(({ bufferIndex }) => bufferIndex === index), 'Taken while it is held')
    assert.ok(!this.#filling.includes(index), 'Taken twice')
    this.#filling.push(index)
    this.#contents[index] = FILLING
  }

  #finishFrame(): void {
    const index = this.#filling.splice(this.#random.below(this.#filling.length), 1)[0]!
    if (this.#random.chance(0.1)) {
      this.#rig.producer.cancel(index)
      return
    }
    this.#contents[index] = this.#published + 1
    const ticket = this.#rig.publishBuffer(index, { timestampNs: this.#published + 1 })
    this.#published = ticket
    for (const viewer of this.#viewers) if (viewer.joined.view.bell.take()) viewer.ring()
  }

  #evict(): void {
    const viewer = this.#random.pick(this.#viewers)
    if (viewer.joined.view.evicted) return
    this.evicted++
    viewer.goodbye = true
    this.#rig.producer.evict(viewer.joined.view)
  }

  // Its process is gone, and another of its kind comes.
  #replace(viewer: Viewer): void {
    if (viewer.running) return
    this.#rig.producer.consumers.delete(viewer.joined.view)
    this.#viewers.splice(this.#viewers.indexOf(viewer), 1)
    this.#admit(viewer.mode, viewer.maxHeld)
  }

  // ---- a consumer

  #viewerStep(viewer: Viewer): void {
    if (viewer.gone) return
    const readsGoodbye = viewer.goodbye && this.#random.chance(0.2)
    if (readsGoodbye) this.#leave(viewer)
    else if (viewer.consumer === undefined) viewer.consumer = this.#open(viewer)
    else if (viewer.held.length > 0 && this.#random.chance(0.5)) this.#release(viewer)
    else this.#acquire(viewer, viewer.consumer)
  }

  #open(viewer: Viewer): QueueConsumer {
    return viewer.joined.open({
      wrap: (words) => this.#hook(words),
      claimDropped: () => this.#ringProducer(viewer),
    })
  }

  #acquire(viewer: Viewer, consumer: QueueConsumer): void {
    const publishedBefore = this.#published
    let frame: ClaimedFrame | undefined = undefined
    try {
      frame = consumer.acquireOrAsk()
    } catch (error) {
      assert.ok(viewer.goodbye && DmaBufError.is(error, 'EPIPE'), String(error))
      this.#leave(viewer)
      return
    }
    if (frame !== undefined) this.#hold(viewer, frame, publishedBefore)
    else viewer.asleep = viewer.held.length < viewer.maxHeld
  }

  #hold(viewer: Viewer, frame: ClaimedFrame, publishedBefore: number): void {
    const { bufferIndex, facts, missed } = frame
    assert.ok(!this.#filling.includes(bufferIndex), 'Claimed while it is filled')
    assert.equal(this.#contents[bufferIndex], facts.ticket, 'Another frame is in the buffer')
    assert.equal(facts.timestampNs, facts.ticket, 'Facts of another frame')
    assert.equal(missed, facts.ticket - viewer.next, 'Frames missed')
    if (viewer.mode === 'fifo') assert.equal(missed, 0, 'Every frame in order')
    else assert.ok(missed >= 0 && facts.ticket >= publishedBefore, 'The newest, never back')
    viewer.next = facts.ticket + 1
    viewer.held.push(frame)
    assert.ok(viewer.held.length <= viewer.maxHeld, 'More than its cap')
    this.taken++
  }

  #release(viewer: Viewer): void {
    const frame = viewer.held.splice(this.#random.below(viewer.held.length), 1)[0]!
    const { bufferIndex, facts } = frame
    assert.equal(this.#contents[bufferIndex], facts.ticket, 'Refilled while it is held')
    viewer.consumer!.release(bufferIndex)
    this.#ringProducer(viewer)
  }

  #ringProducer(viewer: Viewer): void {
    if (viewer.consumer?.producerBell.take() === true) this.#producer.ring()
  }

  #leave(viewer: Viewer): void {
    for (const { bufferIndex, facts } of viewer.held.splice(0))
      assert.equal(this.#contents[bufferIndex], facts.ticket, 'Refilled while it is held')
    viewer.gone = true
    // The end of the link wakes the producer.
    this.#producer.ring()
  }

  // ---- what must be true when nobody is in the middle of anything

  #checkSleepers(): void {
    for (const viewer of this.#viewers)
      if (viewer.sleepsOn && !viewer.goodbye)
        assert.ok(this.#published < viewer.next, 'A consumer sleeps though a frame is there')
    if (this.#producer.sleepsOn)
      assert.deepEqual(this.#freeBuffers(), [], 'The producer sleeps though a buffer is free')
  }

  #freeBuffers(): readonly number[] {
    const kept = this.#viewers
      .filter(({ mode, joined }) => mode === 'fifo' && !joined.view.evicted)
      .map(({ next }) => next)
    const unreadFrom = Math.min(Number.POSITIVE_INFINITY, ...kept)
    const held = this.#viewers.flatMap((viewer) => viewer.held.map((frame) => frame.bufferIndex))
    return [...this.#contents.keys()].filter((index) => {
      const ticket = this.#contents[index]!
      const isNewest = ticket === this.#published && ticket > 0
      return !isNewest && ticket !== FILLING && ticket < unreadFrom && !held.includes(index)
    })
  }

  /** Everybody reads what there is: nothing may be missing at the end. */
  #drain(): void {
    for (const viewer of this.#viewers) {
      if (viewer.gone || viewer.goodbye) continue
      viewer.consumer ??= this.#open(viewer)
      for (;;) {
        while (viewer.held.length > 0) this.#release(viewer)
        const before = this.taken
        this.#acquire(viewer, viewer.consumer)
        if (this.taken === before) break
      }
      assert.equal(viewer.next, Math.max(viewer.next, this.#published + 1), 'Frames are left')
    }
  }
}
