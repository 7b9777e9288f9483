import type { Actor, Simulation } from '../engine/simulation.js'
import { must } from '../engine/violation.js'
import type { World } from '../engine/world.js'
import { Camera, type CameraHabits } from './camera.js'
import { Viewer, type ViewerWorld } from './viewer.js'
import type { ViewerHabits } from './visit.js'

const LAST_FRAMES = 12

/** Where the runs of cameras are counted from. */
const EPOCHS = [1, 2 ** 31 - 2, 2 ** 32 - 2, 2 ** 52]

/** One camera at a time, one to five viewers; any of them may die and come again. */
export class QueueWorld implements World, ViewerWorld {
  readonly simulation: Simulation
  camera: Camera | undefined
  isEnding = false
  readonly #habits: CameraHabits
  readonly #viewers: Viewer[] = []
  readonly #offspring = new Map<string, number>()
  #epoch: number
  #cameras = 0

  constructor(simulation: Simulation) {
    this.simulation = simulation
    const { random } = simulation
    const many = random.chance(0.05)
    const passes = random.chance(0.3)
    const viewers: ViewerHabits[] = []
    const leaves = random.pick([0, 0, 0.01])
    for (let i = 1 + random.below(random.chance(0.3) ? 5 : 3); i > 0; i--)
      viewers.push({
        mode: random.chance(0.5) ? 'fifo' : 'latest',
        fences: passes && random.chance(0.7) ? 'pass' : 'wait',
        maxHeld: 1 + random.below(many ? 12 : 2),
        leaves,
      })
    const caps = viewers.reduce((sum, { maxHeld }) => sum + maxHeld, 0)
    const depth = Math.min(64, (many ? 36 : 2) + caps + random.below(3))
    this.#habits = {
      depth,
      slotCount: Math.min(64, depth + random.below(4)),
      room: random.pick([1, 2, 5, 100]),
      evictions: random.pick([0, 0, 0.01, 0.05]),
      cancels: random.pick([0, 0.1]),
      fences: passes ? random.pick([0.3, 0.8]) : random.pick([0, 0, 0.4]),
      failures: random.pick([0, 0.05, 0.3]),
      formats: random.pick([0, 0.2]),
      resizes: random.pick([0, 0, 0.05]),
      closes: random.pick([0, 0, 0.005]),
      filling: 1 + random.below(2),
    }
    this.#epoch = random.pick(EPOCHS)
    this.#startCamera()
    for (const habits of viewers) this.#startViewer(`viewer${this.#viewers.length + 1}`, habits)
  }

  kill(actor: Actor): void {
    const viewer = this.#viewers.find((one) => one.actor === actor)
    this.simulation.kill(actor)
    if (viewer !== undefined) {
      this.#viewers.splice(this.#viewers.indexOf(viewer), 1)
      viewer.visit?.link.endOfViewer()
      this.simulation.later(`${actor.name} comes again`, () => {
        this.#startViewer(actor.name.split("'")[0]!, viewer.habits)
      })
      return
    }
    const { camera } = this
    if (camera?.actor !== actor) return
    for (const link of camera.links) link.endOfCamera()
    this.#replace()
  }

  #replace(): void {
    this.camera = undefined
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
    const { record, memory, views } = camera
    for (const { visit } of views.keys())
      if (visit.isJoined)
        must(
          !record.hasNewsFor(visit),
          `${visit.actor.name} sleeps for ever though frame ${visit.next} is there, or a fence`,
        )
    if (camera.remaining > 0)
      must(
        record.freeSlots(memory, [...views.keys()]).length === 0,
        'The camera sleeps for ever though a buffer is free',
      )
  }

  /** After the faults: everything was read, nothing is lost. */
  checkEnd(): void {
    const { camera } = this
    must(camera !== undefined && camera.remaining <= 0, 'The camera published its last frames')
    for (const { visit, actor } of this.#viewers) {
      const isThere = visit?.isJoined === true && visit.link.camera === camera
      must(isThere, `${actor.name} is with the camera`)
      must(visit.next === camera.record.published + 1, `${actor.name} has the last frame`)
      must(visit.slotsInUse.length === 0, `${actor.name} has given everything back`)
    }
    must(camera.views.size === this.#viewers.length, 'Whoever is gone is forgotten')
    this.simulation.spawn('auditor', () => {
      this.#countBuffers(camera)
    })
    must(this.simulation.run(10000) && this.#counted, 'The buffers were counted')
  }

  #counted = false

  #countBuffers({ memory, producer, record, habits: { depth } }: Camera): void {
    memory.balance()
    const count = producer?.bufferCount
    must(count === depth, `Buffers are lost: there are ${count ?? 0} instead of ${depth}`)
    let free = 0
    while (producer?.take() !== undefined) free++
    const isNewest = record.slots.some(({ ticket }) => ticket === record.published && ticket > 0)
    const expected = isNewest ? depth - 1 : depth
    must(free === expected, `Buffers are lost: ${free} are free instead of ${expected}`)
    this.#counted = true
  }

  #limit(camera: Camera): void {
    camera.remaining = LAST_FRAMES
    this.simulation.ring(camera.actor)
  }

  #startCamera(): void {
    this.camera = new Camera(this.simulation, this.#habits, {
      name: `camera${++this.#cameras}`,
      epoch: ++this.#epoch,
      closed: () => {
        this.#replace()
      },
    })
    if (this.isEnding) this.#limit(this.camera)
    for (const viewer of this.#viewers) this.simulation.ring(viewer.actor)
  }

  #startViewer(family: string, habits: ViewerHabits): void {
    const count = (this.#offspring.get(family) ?? 0) + 1
    this.#offspring.set(family, count)
    this.#viewers.push(new Viewer(this, `${family}'${count}`, habits))
  }
}
