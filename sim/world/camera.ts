import type { DmaBuf } from '#src/core/buffer/buffer.js'
import { DmaBufError } from '#src/core/errors.js'
import type { LaidOutFormat } from '#src/core/frame/format.js'
import { QueueMemory } from '#src/frames/queue-memory.js'
import { ConsumerView } from '#src/interprocess/consumer-view.js'
import { FENCE_PENDING, FENCE_READY } from '#src/interprocess/frame-descriptor.js'
import { MAX_CONSUMERS, queuePageBytes } from '#src/interprocess/queue-page.js'
import { QueueProducer } from '#src/interprocess/queue-producer.js'
import { Page, SharedWords } from '../engine/memory.js'
import type { Actor, Simulation } from '../engine/simulation.js'
import { step } from '../engine/stepped.js'
import { must, Violation } from '../engine/violation.js'
import { CameraRecord, EMPTY, FILLING } from './camera-record.js'
import { asDmaBuf, PICTURE_WORDS, PictureBuffer, pictureOf, pixelOf } from './picture.js'
import { sleep, type Join, type QueueLink } from './queue-link.js'

/** How a camera works. */
export interface CameraHabits {
  /** Buffers. */
  readonly depth: number
  /** Slots: those beyond the depth replace what viewers keep that were told to leave. */
  readonly slotCount: number
  /** Messages that a socket takes. */
  readonly room: number
  readonly evictions: number
  readonly cancels: number
  readonly formats: number
  readonly resizes: number
  readonly closes: number
  /** How often a frame is published before it is painted, with a fence, and how often that fails. */
  readonly fences: number
  readonly failures: number
  /** Buffers it fills at once, at most. */
  readonly filling: number
}

/** Bytes that a buffer may have. */
const SIZES = [1024, 4096, 8192]

/** The producer's process: admits viewers, fills buffers, publishes them, and never waits for a message. */
export class Camera {
  actor!: Actor
  readonly habits: CameraHabits
  readonly epoch: number
  readonly record: CameraRecord
  readonly links: QueueLink[] = []
  readonly views = new Map<QueueLink, ConsumerView>()
  readonly page: Page
  /** Publish so many more, then stop; Infinity while the simulation has faults. */
  remaining = Number.POSITIVE_INFINITY
  /** Admits viewers. */
  isServing = true
  producer: QueueProducer | undefined
  memory!: QueueMemory
  readonly #simulation: Simulation
  readonly #closed: () => void
  #formatSerial: number
  #lengthBytes = SIZES[1]!
  #nextIndex: number
  #buffers = 0
  /** There is no memory, just now. */
  #isShort = false

  /** @param run.closed - called when it has closed of its own will */
  constructor(
    simulation: Simulation,
    habits: CameraHabits,
    run: { readonly name: string; readonly epoch: number; readonly closed: () => void },
  ) {
    this.#simulation = simulation
    this.habits = habits
    this.epoch = run.epoch
    this.#closed = run.closed
    this.#formatSerial = simulation.random.pick([1, 2 ** 31 - 3, 2 ** 32 - 3])
    this.#nextIndex = simulation.random.pick([0, MAX_CONSUMERS - 3])
    this.record = new CameraRecord(habits.slotCount)
    this.actor = simulation.spawn(run.name, () => {
      this.#run()
    })
    const words = queuePageBytes(habits.slotCount) / 4
    this.page = new Page(`${run.name}.queue`, words, this.actor)
  }

  #run(): void {
    const { random } = this.#simulation
    const { depth, slotCount, closes } = this.habits
    const words = new SharedWords(this.#simulation, this.page, this.actor)
    const producer = new QueueProducer(words, slotCount, this.epoch)
    this.producer = producer
    this.memory = new QueueMemory(producer, {
      allocate: (lengthBytes) => this.#allocate(lengthBytes),
      depth,
      lengthBytes: this.#lengthBytes,
      changed: () => {
        for (const link of this.views.keys()) link.offer(this.memory.slots)
      },
    })
    this.record.published = producer.published
    this.record.announced = producer.published
    for (;;) {
      this.#readLinks(producer)
      if (this.remaining === Number.POSITIVE_INFINITY && random.chance(closes)) break
      if (this.#work(producer)) sleep(this.actor)
    }
    this.#close()
  }

  #allocate(lengthBytes: number): DmaBuf {
    if (this.#isShort) throw new DmaBufError('ENOMEM', 'allocate', 'No memory')
    const page = new Page(`${this.actor.name}.buffer${++this.#buffers}`, PICTURE_WORDS, this.actor)
    return asDmaBuf(new PictureBuffer(page, lengthBytes))
  }

  // What is published can still be read; what is not finished never will be.
  #close(): void {
    this.isServing = false
    for (const link of this.links.splice(0)) {
      link.send(this.views.has(link) ? { kind: 'goodbye', clean: true } : { kind: 'refused' })
      link.endOfCamera()
    }
    this.memory[Symbol.dispose]()
    this.#closed()
  }

  // @returns whether there is nothing to do until somebody rings
  #work(producer: QueueProducer): boolean {
    const { random } = this.#simulation
    const { filling, unpainted } = this.record
    if (random.chance(0.05)) {
      const offender = producer.offender()
      must(offender === undefined, `Everybody keeps to the protocol: ${offender?.reason ?? ''}`)
    }
    if (random.chance(this.habits.evictions)) this.#evict(producer)
    if (random.chance(this.habits.resizes)) this.#resize()
    const isOver = this.remaining <= 0
    const isFull = filling.length >= this.habits.filling
    if (filling.length > 0 && (isOver || isFull || random.chance(0.6))) {
      this.#finishFrame(producer)
      return false
    }
    const settlesFirst = unpainted.length > 0 && random.chance(0.5)
    if (!settlesFirst && !isOver && this.#takeBuffer()) return false
    if (unpainted.length === 0) return true
    this.#settle(producer)
    return false
  }

  // ---- viewers

  #readLinks(producer: QueueProducer): void {
    for (const link of [...this.links]) {
      if (link.viewerGone) this.#forget(producer, link)
      else if (link.join !== undefined && !this.views.has(link))
        this.#admit(producer, link, link.join)
      else if (link.isWritable) link.resume(this.memory.slots)
    }
  }

  #forget(producer: QueueProducer, link: QueueLink): void {
    const view = this.views.get(link)
    this.links.splice(this.links.indexOf(link), 1)
    this.views.delete(link)
    if (view === undefined) return
    producer.consumers.delete(view)
    this.memory.balance()
  }

  #admit(producer: QueueProducer, link: QueueLink, join: Join): void {
    const { mode, maxHeld } = join
    if (producer.buffersNeeded + maxHeld > Math.min(this.habits.depth, this.memory.depth)) {
      this.links.splice(this.links.indexOf(link), 1)
      link.send({ kind: 'refused' })
      return
    }
    const own = new SharedWords(this.#simulation, join.page, this.actor)
    const firstTicket = producer.firstTicket(mode)
    const index = this.#nextIndex++ % MAX_CONSUMERS
    const view = new ConsumerView(own, { index, mode, maxHeld, firstTicket })
    link.visit.next = firstTicket
    this.views.set(link, view)
    producer.admit(view)
    link.sendWelcome(firstTicket, index, this.memory.slots)
  }

  #evict(producer: QueueProducer): void {
    const links = [...this.views.keys()]
    if (links.length === 0) return
    const link = this.#simulation.random.pick(links)
    const view = this.views.get(link)!
    if (view.evicted) return
    link.isEvicted = true
    link.send({ kind: 'goodbye', clean: false })
    producer.evict(view)
    this.memory.balance()
  }

  #ringViewers(): void {
    for (const [link, view] of [...this.views]) {
      if (!view.bell.take()) continue
      step()
      this.#simulation.ring(link.visit.actor)
    }
    for (const { visit, isEvicted, isWaiting } of this.views.keys()) {
      if (isEvicted || isWaiting || !visit.isJoined || !visit.actor.isForgotten) continue
      must(!this.record.hasNewsFor(visit), `${visit.actor.name} sleeps though a frame is there`)
    }
  }

  // ---- frames

  #resize(): void {
    const { random } = this.#simulation
    const lengthBytes = random.pick(SIZES)
    this.#isShort = random.chance(0.2)
    try {
      this.memory.resize(lengthBytes)
      this.#lengthBytes = lengthBytes
    } catch (error) {
      this.#checkShort(error)
    } finally {
      this.#isShort = false
    }
  }

  // The queue is as it was then.
  #checkShort(error: unknown): void {
    if (error instanceof Violation) throw error
    must(this.#isShort && DmaBufError.is(error, 'ENOMEM'), `No buffer: ${String(error)}`)
  }

  #takeBuffer(): boolean {
    const { random } = this.#simulation
    const { record } = this
    let slot: number | undefined = undefined
    this.#isShort = this.remaining > 100 && random.chance(this.habits.resizes)
    try {
      slot = this.memory.take(true)
    } catch (error) {
      this.#checkShort(error)
      return true
    } finally {
      this.#isShort = false
    }
    if (slot === undefined) return false
    for (const { visit } of this.views.keys())
      must(!visit.slotsInUse.includes(slot), `Slot ${slot} is taken from ${visit.actor.name}`)
    must(!record.filling.includes(slot), `Slot ${slot} is taken twice`)
    must(!record.unpainted.includes(slot), `Slot ${slot} is taken before its fence has signalled`)
    const { page, lengthBytes } = pictureOf(this.memory.bufferOf(slot))
    must(lengthBytes === this.#lengthBytes, `Slot ${slot} has a buffer of another size`)
    record.filling.push(slot)
    record.slots[slot] = { ticket: FILLING, formatSerial: 0, lengthBytes, page }
    return true
  }

  #finishFrame(producer: QueueProducer): void {
    const { random } = this.#simulation
    const { record, habits } = this
    const slot = random.pick(record.filling)
    record.filling.splice(record.filling.indexOf(slot), 1)
    if (random.chance(habits.cancels)) {
      record.slots[slot] = EMPTY
      producer.cancel(slot)
      return
    }
    const ticket = record.announced + 1
    const isLate = random.chance(habits.fences)
    const status = isLate ? FENCE_PENDING : this.#statusOf(ticket)
    if (status === FENCE_READY) this.#paint(slot, ticket)
    if (random.chance(habits.formats)) this.#formatSerial++
    const formatSerial = this.#formatSerial
    const { lengthBytes } = record.slots[slot]!
    record.slots[slot] = { ...record.slots[slot]!, ticket, formatSerial }
    const format = { serial: formatSerial, layout: formatOf(formatSerial) }
    const facts = { timestampNs: ticket, lengthBytes, damage: damageOf(ticket) }
    // From here on somebody may take it.
    record.announced = ticket
    if (isLate) record.unpainted.push(slot)
    else record.settles(ticket, status)
    must(producer.publish(slot, facts, format, status) === ticket, 'Tickets count up by one')
    record.published = ticket
    if (!isLate) record.settled(ticket)
    this.remaining--
    this.#ringViewers()
  }

  // Paints a frame that is published already, or part of it, and signals its fence.
  #settle(producer: QueueProducer): void {
    const { record } = this
    const slot = this.#simulation.random.pick(record.unpainted)
    const { ticket } = record.slots[slot]!
    const status = this.#statusOf(ticket)
    this.#paint(slot, ticket)
    record.unpainted.splice(record.unpainted.indexOf(slot), 1)
    record.settles(ticket, status)
    producer.settle(slot, status)
    record.settled(ticket)
    this.#ringViewers()
  }

  #statusOf(ticket: number): number {
    return this.#simulation.random.chance(this.habits.failures) ? -(1 + (ticket % 30)) : FENCE_READY
  }

  #paint(slot: number, ticket: number): void {
    const pixels = new SharedWords(this.#simulation, this.record.slots[slot]!.page!, this.actor)
    for (let word = 0; word < PICTURE_WORDS; word++) pixels.write(word, pixelOf(ticket, word))
  }
}

function formatOf(serial: number): LaidOutFormat {
  const width = 16 + (serial % 100)
  const planes = [{ offsetBytes: 0, strideBytes: width, rowCount: 4 }]
  return { fourcc: 'R8  ', width, height: 4, planes }
}

function damageOf(ticket: number): { x: number; y: number; width: number; height: number }[] {
  return ticket % 3 === 0 ? [{ x: ticket % 15, y: 1, width: 2, height: 3 }] : []
}
