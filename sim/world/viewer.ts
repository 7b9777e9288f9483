import type { Actor } from '../engine/simulation.js'
import type { Camera } from './camera.js'
import { sleep } from './queue-link.js'
import { Visit, type ViewerHabits, type VisitWorld } from './visit.js'

/** What a viewer needs of its world. */
export interface ViewerWorld extends VisitWorld {
  /** The camera that serves now. */
  readonly camera: Camera | undefined
}

/** A consumer's process: visits the camera that there is, and the next one. */
export class Viewer {
  actor!: Actor
  readonly habits: ViewerHabits
  visit: Visit | undefined
  readonly #world: ViewerWorld
  #visits = 0

  constructor(world: ViewerWorld, name: string, habits: ViewerHabits) {
    this.#world = world
    this.habits = habits
    this.actor = world.simulation.spawn(name, () => {
      this.#run()
    })
  }

  #run(): void {
    for (;;) {
      const { camera } = this.#world
      if (camera?.isServing === true && camera.actor.isAlive) {
        this.visit = new Visit(this.#world, camera, this)
        this.visit.run(`${this.actor.name}.page${++this.#visits}`)
        this.visit = undefined
      }
      this.#world.simulation.later(`${this.actor.name} tries again`, () => {
        this.actor.isRung = true
      })
      sleep(this.actor)
    }
  }
}
