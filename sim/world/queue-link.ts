import type { SlotBuffer } from '#src/frames/slot-buffers.js'
import type { QueueMode } from '#src/interprocess/queue-consumer.js'
import type { Page } from '../engine/memory.js'
import type { Actor, Simulation } from '../engine/simulation.js'
import { step } from '../engine/stepped.js'
import type { Camera } from './camera.js'
import { asDmaBuf, pictureOf } from './picture.js'
import type { Visit } from './visit.js'

/** What a camera says to a viewer. */
export type ToViewer =
  | {
      readonly kind: 'welcome'
      readonly firstTicket: number
      readonly index: number
      readonly buffers: readonly SlotBuffer[]
    }
  | { readonly kind: 'refused' }
  | { readonly kind: 'buffers'; readonly buffers: readonly SlotBuffer[] }
  /** Clean: the queue was closed. Otherwise the viewer is told to leave. */
  | { readonly kind: 'goodbye'; readonly clean: boolean }

/** A wish to join: the viewer's page comes with it. */
export interface Join {
  readonly mode: QueueMode
  readonly maxHeld: number
  readonly page: Page
}

/** A socket between a camera and a viewer: messages in order, so many at a time; an end that is noticed later. */
export class QueueLink {
  readonly camera: Camera
  readonly visit: Visit
  join: Join | undefined
  /** The camera has begun to tell the viewer to leave. */
  isEvicted = false
  /** The viewer's end is closed, and the camera has noticed. */
  viewerGone = false
  /** The camera's end is closed, and the viewer has noticed. */
  cameraGone = false
  /** News of buffers waits for room in the socket. */
  isWaiting = false
  /** There is room again, and the camera has noticed. */
  isWritable = false
  readonly #simulation: Simulation
  readonly #room: number
  readonly #toViewer: ToViewer[] = []
  /** What waits in the camera for room in the socket. */
  readonly #unsent: ToViewer[] = []
  /** What the viewer was told of, by slot. */
  #known: Map<number, SlotBuffer> | undefined

  constructor(simulation: Simulation, camera: Camera, visit: Visit) {
    this.#simulation = simulation
    this.camera = camera
    this.visit = visit
    this.#room = camera.habits.room
  }

  // ---- the camera's end

  /** Sends as soon as there is room: it lies there then, and is noticed later. */
  send(message: ToViewer): void {
    step()
    if (this.#isFull) this.#unsent.push(message)
    else this.#put(message)
  }

  /** Admits the viewer, and lets it know what buffers there are. */
  sendWelcome(firstTicket: number, index: number, slots: readonly SlotBuffer[]): void {
    const present = slots.filter(({ buffer }) => buffer !== undefined)
    this.#known = new Map(present.map((one) => [one.slot, one]))
    this.send({ kind: 'welcome', firstTicket, index, buffers: present.map(received) })
  }

  /** Lets the viewer know the buffers that it does not know: those that there are when the socket has room. */
  offer(slots: readonly SlotBuffer[]): void {
    if (!this.isWaiting) this.#tellNews(slots)
  }

  /** The socket has room: sends what is new by now. */
  resume(slots: readonly SlotBuffer[]): void {
    this.isWritable = false
    this.#tellNews(slots)
  }

  // News that waited does so until it is sent: the camera may be killed on the way.
  #tellNews(slots: readonly SlotBuffer[]): void {
    const known = this.#known
    if (known === undefined) return
    const news = slots.filter(({ slot, serial, buffer }) => {
      const before = known.get(slot)
      return before?.serial !== serial || before.buffer !== buffer
    })
    if (news.length > 0) step()
    this.isWaiting = news.length > 0 && this.#isFull
    if (news.length === 0 || this.isWaiting) return
    for (const one of news) known.set(one.slot, one)
    this.#put({ kind: 'buffers', buffers: news.map(received) })
  }

  // ---- the viewer's end

  /** Whether there is something to read. */
  get hasMail(): boolean {
    return this.#toViewer.length > 0
  }

  /** The next message that is there. */
  take(): ToViewer | undefined {
    const message = this.#toViewer.shift()
    if (message === undefined) return undefined
    const next = this.#unsent.shift()
    if (next !== undefined) this.#put(next)
    else if (this.isWaiting)
      this.#simulation.later(`room for ${this.visit.actor.name}`, () => {
        this.isWritable = true
        wake(this.camera.actor)
      })
    return message
  }

  /** Sends the wish to join. */
  sendJoin(join: Join): void {
    step()
    this.join = join
    if (!this.camera.isServing || !this.camera.actor.isAlive) {
      this.endOfCamera()
      return
    }
    this.camera.links.push(this)
    this.#simulation.ring(this.camera.actor)
  }

  // ---- ends

  /** The viewer's process ends, or closes its end. */
  endOfViewer(): void {
    const { actor } = this.camera
    this.#simulation.later(`end of ${this.visit.actor.name}`, () => {
      this.viewerGone = true
      wake(actor)
    })
  }

  /** The camera's process ends, with what did not fit into the socket. */
  endOfCamera(): void {
    const { actor } = this.visit
    this.#unsent.length = 0
    this.#simulation.later(`end of ${this.camera.actor.name}`, () => {
      this.cameraGone = true
      wake(actor)
    })
  }

  get #isFull(): boolean {
    return this.#toViewer.length >= this.#room || this.#unsent.length > 0
  }

  #put(message: ToViewer): void {
    this.#toViewer.push(message)
    this.#simulation.ring(this.visit.actor)
  }
}

/** Sleeps until something rings, or has rung already. */
export function sleep(actor: Actor): void {
  actor.isAsleep = true
  step()
}

function wake(actor: Actor): void {
  actor.isRung = true
}

// A descriptor that was sent is another one, of the same memory.
function received({ slot, serial, buffer }: SlotBuffer): SlotBuffer {
  return { slot, serial, buffer: buffer && asDmaBuf(pictureOf(buffer).mapped()) }
}
