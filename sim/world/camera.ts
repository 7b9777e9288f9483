import type { LaidOutFormat } from '#src/core/frame/format.js'
import { queuePageBytes } from '#src/interprocess/queue-page.js'
import { ConsumerView } from '#src/interprocess/consumer-view.js'
import { FENCE_PENDING, FENCE_READY } from '#src/interprocess/frame-descriptor.js'
import { QueueProducer } from '#src/interprocess/queue-producer.js'
import { Page, SharedWords } from '../engine/memory.js'
import type { Actor, Simulation } from '../engine/simulation.js'
import { step } from '../engine/stepped.js'
import { must } from '../engine/violation.js'
import { sleep, type Join, type QueueLink } from './queue-link.js'
import type { Viewer } from './viewer.js'

/** Words of a simulated picture. */
export const PICTURE_WORDS = 4
/** Bytes that a buffer claims to have. */
export const BUFFER_BYTES = 4096

/** What each word of a picture is. */
export function pixelOf(ticket: number, word: number): number {
  return (Math.imul(ticket % 0x7fffffff, 0x9e3779b1) + word) | 0
}

/** How a camera works. */
export interface CameraHabits {
  readonly bufferCount: number
  readonly evictions: number
  readonly cancels: number
  readonly formats: number
  /** How often a frame is published before it is painted, with a fence. */
  readonly fences: number
  /** Buffers it fills at once, at most. */
  readonly filling: number
}

const FILLING = -1

/** The producer's process: admits viewers, fills buffers, publishes them, and never waits for a message. */
export class Camera {
  actor!: Actor
  readonly links: QueueLink[] = []
  readonly views = new Map<QueueLink, ConsumerView>()
  readonly page: Page
  readonly buffers: Page[] = []
  /** What is in each buffer: the ticket of its frame. */
  readonly contents: number[]
  readonly serials: number[]
  readonly filling: number[] = []
  /** Published, and not painted yet. */
  readonly unpainted: number[] = []
  published = 0
  /** The newest frame that everybody may have, once that was published. */
  knownReady = 0
  /** In the middle of something. */
  isBusy = true
  /** Publish so many more, then stop; Infinity while the simulation has faults. */
  remaining = Number.POSITIVE_INFINITY
  producer: QueueProducer | undefined
  readonly #simulation: Simulation
  readonly #habits: CameraHabits
  #serial = 1
  #nextIndex = 0

  constructor(simulation: Simulation, name: string, habits: CameraHabits) {
    this.#simulation = simulation
    this.#habits = habits
    this.contents = new Array<number>(habits.bufferCount).fill(0)
    this.serials = new Array<number>(habits.bufferCount).fill(0)
    this.actor = simulation.spawn(name, () => {
      this.#run()
    })
    this.page = new Page(`${name}.queue`, queuePageBytes(habits.bufferCount) / 4, this.actor)
    for (let i = 0; i < habits.bufferCount; i++)
      this.buffers.push(new Page(`${name}.buffer${i}`, PICTURE_WORDS, this.actor))
  }

  /** Where the number of buffers and the newest frame say that somebody waits in vain. */
  get freeBuffers(): readonly number[] {
    const links = [...this.views]
    const kept = links
      .filter(([{ join }, view]) => join?.mode === 'fifo' && !view.evicted)
      .map(([{ viewer }]) => viewer.next)
    const unreadFrom = Math.min(Number.POSITIVE_INFINITY, ...kept)
    const held = links.flatMap(([{ viewer }]) =>
      [...viewer.held, ...viewer.releasing].map((frame) => frame.bufferIndex),
    )
    return [...this.contents.keys()].filter((index) => {
      const ticket = this.contents[index]!
      const isNewest = ticket === this.published && ticket > 0
      return !isNewest && ticket !== FILLING && ticket < unreadFrom && !held.includes(index)
    })
  }

  #run(): void {
    const words = new SharedWords(this.#simulation, this.page, this.actor)
    const producer = new QueueProducer(words, this.#habits.bufferCount)
    for (let slot = 0; slot < this.#habits.bufferCount; slot++) producer.equip(slot)
    this.producer = producer
    this.published = producer.published
    for (;;) {
      this.isBusy = true
      this.#readLinks(producer)
      const waits = this.#work(producer)
      this.isBusy = false
      if (waits) sleep(this.actor)
    }
  }

  // @returns whether there is nothing to do until somebody rings
  #work(producer: QueueProducer): boolean {
    const { random } = this.#simulation
    if (random.chance(0.05)) {
      const offender = producer.offender()
      must(offender === undefined, `Everybody keeps to the protocol: ${offender?.reason ?? ''}`)
    }
    if (random.chance(this.#habits.evictions)) this.#evict(producer)
    if (this.unpainted.length > 0 && random.chance(0.5)) {
      this.#settle(producer)
      return false
    }
    const isOver = this.remaining <= 0
    if (isOver && this.filling.length === 0 && this.unpainted.length === 0) return true
    if (isOver && this.filling.length === 0) {
      this.#settle(producer)
      return false
    }
    const isFull = this.filling.length >= this.#habits.filling
    if (this.filling.length > 0 && (isOver || isFull || random.chance(0.6))) {
      this.#finishFrame(producer)
      return false
    }
    if (this.#takeBuffer(producer)) return false
    if (this.unpainted.length === 0) return true
    this.#settle(producer)
    return false
  }

  #readLinks(producer: QueueProducer): void {
    for (const link of [...this.links]) {
      if (link.viewerGone) this.#forget(producer, link)
      else if (link.join !== undefined && !this.views.has(link))
        this.#admit(producer, link, link.join)
    }
  }

  #forget(producer: QueueProducer, link: QueueLink): void {
    const view = this.views.get(link)
    this.links.splice(this.links.indexOf(link), 1)
    this.views.delete(link)
    if (view !== undefined) producer.consumers.delete(view)
  }

  #admit(producer: QueueProducer, link: QueueLink, join: Join): void {
    if (producer.buffersNeeded + join.maxHeld > this.#habits.bufferCount) {
      this.links.splice(this.links.indexOf(link), 1)
      link.send({ kind: 'refused' })
      return
    }
    const own = new SharedWords(this.#simulation, join.page, this.actor)
    const firstTicket = producer.firstTicket(join.mode)
    const { mode, maxHeld } = join
    const index = this.#nextIndex++ % 1024
    const view = new ConsumerView(own, { index, mode, maxHeld, firstTicket })
    link.viewer.next = firstTicket
    this.views.set(link, view)
    producer.admit(view)
    link.send({ kind: 'welcome', firstTicket, index })
  }

  #takeBuffer(producer: QueueProducer): boolean {
    const index = producer.takeOrAsk()
    if (index === undefined) return false
    for (const { viewer } of this.views.keys())
      must(
        ![...viewer.held, ...viewer.releasing].some(({ bufferIndex }) => bufferIndex === index),
        `Buffer ${index} is taken while ${viewer.actor.name} holds it`,
      )
    must(!this.filling.includes(index), `Buffer ${index} is taken twice`)
    this.filling.push(index)
    this.contents[index] = FILLING
    return true
  }

  #finishFrame(producer: QueueProducer): void {
    const { random } = this.#simulation
    const index = this.filling[random.below(this.filling.length)]!
    if (random.chance(this.#habits.cancels)) {
      this.#drop(index)
      this.contents[index] = 0
      producer.cancel(index)
      return
    }
    const ticket = this.published + 1
    const isLate = random.chance(this.#habits.fences)
    if (!isLate) this.#paint(index, ticket)
    if (random.chance(this.#habits.formats)) this.#serial++
    this.contents[index] = ticket
    this.serials[index] = this.#serial
    const format = { serial: this.#serial, layout: formatOf(this.#serial) }
    this.#drop(index)
    const facts = { timestampNs: ticket, lengthBytes: BUFFER_BYTES, damage: damageOf(ticket) }
    // From here on somebody may take it.
    this.published = ticket
    if (isLate) this.unpainted.push(index)
    const status = isLate ? FENCE_PENDING : FENCE_READY
    must(producer.publish(index, facts, format, status) === ticket, 'Tickets count up by one')
    if (!isLate) this.knownReady = ticket
    this.remaining--
    this.#ringViewers()
  }

  // Paints a frame that is published already, and signals its fence.
  #settle(producer: QueueProducer): void {
    const index = this.#simulation.random.pick(this.unpainted)
    this.#paint(index, this.contents[index]!)
    this.unpainted.splice(this.unpainted.indexOf(index), 1)
    producer.settle(index, FENCE_READY)
    this.knownReady = Math.max(this.knownReady, this.contents[index]!)
    this.#ringViewers()
  }

  /** The newest frame that is painted, and the first that is not, as tickets. */
  get ready(): { readonly newest: number; readonly pending: ReadonlySet<number> } {
    const pending = new Set(this.unpainted.map((index) => this.contents[index]!))
    const painted = this.contents.filter((ticket) => ticket > 0 && !pending.has(ticket))
    return { newest: Math.max(0, ...painted), pending }
  }

  /** Whether there is a frame for a viewer that waits for fences. */
  hasFrameFor({ next, habits }: Viewer): boolean {
    if (this.published < next) return false
    const { newest, pending } = this.ready
    return habits.mode === 'fifo' ? !pending.has(next) : newest >= next
  }

  #drop(index: number): void {
    this.filling.splice(this.filling.indexOf(index), 1)
  }

  #paint(index: number, ticket: number): void {
    const pixels = new SharedWords(this.#simulation, this.buffers[index]!, this.actor)
    for (let word = 0; word < PICTURE_WORDS; word++) pixels.write(word, pixelOf(ticket, word))
  }

  #ringViewers(): void {
    for (const [link, view] of [...this.views]) {
      if (!view.bell.take()) continue
      step()
      this.#simulation.ring(link.viewer.actor)
    }
    for (const [link, view] of this.views) {
      const { viewer } = link
      if (view.evicted || viewer.link !== link || !viewer.actor.isForgotten) continue
      must(!this.hasFrameFor(viewer), `${viewer.actor.name} sleeps though a frame is there`)
    }
  }

  #evict(producer: QueueProducer): void {
    const links = [...this.views.keys()]
    if (links.length === 0) return
    const link = this.#simulation.random.pick(links)
    const view = this.views.get(link)!
    if (view.evicted) return
    link.send({ kind: 'goodbye' })
    producer.evict(view)
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
