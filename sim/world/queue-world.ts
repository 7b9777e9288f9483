import type { Actor, Simulation } from '../engine/simulation.js'
import { must } from '../engine/violation.js'
import { Camera, type CameraHabits } from './camera.js'
import { Viewer, type ViewerHabits, type ViewerWorld } from './viewer.js'
import type { World } from '../engine/world.js'

const LAST_FRAMES = 12

/** One camera at a time, one to five viewers; any of them may die and come again. */
export class QueueWorld implements World, ViewerWorld {
  readonly simulation: Simulation
  camera: Camera | undefined
  isEnding = false
  readonly #habits: CameraHabits
  readonly #viewers: Viewer[] = []
  readonly #offspring = new Map<string, number>()
  #epoch = 0

  constructor(simulation: Simulation) {
    this.simulation = simulation
    const { random } = simulation
    const many = random.chance(0.05)
    const viewers: ViewerHabits[] = []
    for (let i = 1 + random.below(random.chance(0.3) ? 5 : 3); i > 0; i--)
      viewers.push({
        mode: random.chance(0.5) ? 'fifo' : 'latest',
        maxHeld: 1 + random.below(many ? 12 : 2),
      })
    const caps = viewers.reduce((sum, { maxHeld }) => sum + maxHeld, 0)
    this.#habits = {
      bufferCount: Math.min(64, (many ? 36 : 2) + caps + random.below(3)),
      evictions: random.pick([0, 0, 0.01]),
      cancels: random.pick([0, 0.1]),
      fences: random.pick([0, 0, 0.4]),
      formats: random.pick([0, 0.2]),
      filling: 1 + random.below(2),
    }
    this.#startCamera()
    for (const habits of viewers) this.#startViewer(`viewer${this.#viewers.length + 1}`, habits)
  }

  kill(actor: Actor): void {
    const viewer = this.#viewers.find((one) => one.actor === actor)
    this.simulation.kill(actor)
    if (viewer !== undefined) {
      this.#viewers.splice(this.#viewers.indexOf(viewer), 1)
      viewer.link?.endOfViewer()
      this.simulation.later(`${actor.name} comes again`, () => {
        this.#startViewer(actor.name.split("'")[0]!, viewer.habits)
      })
      return
    }
    const { camera } = this
    if (camera?.actor !== actor) return
    this.camera = undefined
    for (const link of camera.links) link.endOfCamera()
    this.simulation.later('a camera starts', () => {
      this.#startCamera()
    })
  }

  end(): void {
    this.isEnding = true
    if (this.camera !== undefined) this.#limit(this.camera)
  }

  /** When nothing moves: everybody who sleeps has a reason. */
  checkRest(): void {
    const { camera } = this
    must(camera?.actor.isAlive === true, 'There is a camera')
    const joined = this.#viewers.filter(({ link }) => link?.camera === camera)
    for (const viewer of joined)
      if (viewer.isJoined && viewer.next > 0)
        must(
          !camera.hasFrameFor(viewer),
          `${viewer.actor.name} sleeps for ever though frame ${viewer.next} is there`,
        )
    if (camera.remaining > 0)
      must(camera.freeBuffers.length === 0, 'The camera sleeps for ever though a buffer is free')
  }

  /** After the faults: everything was read, nothing is lost. */
  checkEnd(): void {
    const { camera } = this
    must(camera !== undefined && camera.remaining <= 0, 'The camera published its last frames')
    for (const viewer of this.#viewers) {
      const { link, isJoined, next, actor } = viewer
      must(link?.camera === camera && isJoined, `${actor.name} is with the camera`)
      must(next === camera.published + 1, `${actor.name} has the last frame`)
    }
    must(camera.views.size === this.#viewers.length, 'Whoever is gone is forgotten')
    this.simulation.spawn('auditor', () => {
      this.#countBuffers(camera)
    })
    must(this.simulation.run(10000) && this.#counted, 'The buffers were counted')
  }

  #counted = false

  #countBuffers(camera: Camera): void {
    let free = 0
    while (camera.producer?.take() !== undefined) free++
    const newest = camera.contents.includes(camera.published) ? 1 : 0
    const expected = this.#habits.bufferCount - newest
    must(free === expected, `Buffers are lost: ${free} are free instead of ${expected}`)
    this.#counted = true
  }

  #limit(camera: Camera): void {
    camera.remaining = LAST_FRAMES
    this.simulation.ring(camera.actor)
  }

  #startCamera(): void {
    this.camera = new Camera(this.simulation, `camera${++this.#epoch}`, this.#habits)
    if (this.isEnding) this.#limit(this.camera)
    for (const viewer of this.#viewers) this.simulation.ring(viewer.actor)
  }

  #startViewer(family: string, habits: ViewerHabits): void {
    const count = (this.#offspring.get(family) ?? 0) + 1
    this.#offspring.set(family, count)
    this.#viewers.push(new Viewer(this, `${family}'${count}`, habits))
  }
}
