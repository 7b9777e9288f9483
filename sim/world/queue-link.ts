import type { QueueMode } from '#src/interprocess/queue-consumer.js'
import type { Page } from '../engine/memory.js'
import type { Actor, Simulation } from '../engine/simulation.js'
import { step } from '../engine/stepped.js'
import type { Camera } from './camera.js'
import type { Viewer } from './viewer.js'

/** What a camera says to a viewer. */
export type ToViewer =
  | { readonly kind: 'welcome'; readonly firstTicket: number; readonly index: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'goodbye' }

/** A wish to join: the viewer's page comes with it. */
export interface Join {
  readonly mode: QueueMode
  readonly maxHeld: number
  readonly page: Page
}

/** A socket between a camera and a viewer: messages in order, an end that shows when it is noticed. */
export class QueueLink {
  readonly camera: Camera
  readonly viewer: Viewer
  join: Join | undefined
  readonly toViewer: ToViewer[] = []
  /** The viewer's end is closed, and the camera has noticed. */
  viewerGone = false
  /** The camera's end is closed, and the viewer has noticed. */
  cameraGone = false
  readonly #simulation: Simulation

  constructor(simulation: Simulation, camera: Camera, viewer: Viewer) {
    this.#simulation = simulation
    this.camera = camera
    this.viewer = viewer
  }

  /** Sends to the viewer: it lies there at once, and is noticed later. */
  send(message: ToViewer): void {
    step()
    this.toViewer.push(message)
    this.#simulation.ring(this.viewer.actor)
  }

  /** Sends the wish to join. */
  sendJoin(join: Join): void {
    step()
    this.join = join
    this.camera.links.push(this)
    if (this.camera.actor.isAlive) this.#simulation.ring(this.camera.actor)
    else this.endOfCamera()
  }

  /** The viewer's process ends, or closes its end. */
  endOfViewer(): void {
    const { actor } = this.camera
    this.#simulation.later(`end of ${this.viewer.actor.name}`, () => {
      this.viewerGone = true
      wake(actor)
    })
  }

  /** The camera's process ends. */
  endOfCamera(): void {
    const { actor } = this.viewer
    this.#simulation.later(`end of ${this.camera.actor.name}`, () => {
      this.cameraGone = true
      wake(actor)
    })
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
