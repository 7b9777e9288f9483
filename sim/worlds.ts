// The entry of the stepped build: one seed, from its parameters to its verdict.
import { Random } from './engine/random.js'
import { Simulation, type Tempo } from './engine/simulation.js'
import { setStarts } from './engine/stepped.js'
import type { TraceEntry } from './engine/trace.js'
import { must, Violation } from './engine/violation.js'
import { BoardWorld } from './world/board-world.js'
import { LockWorld } from './world/lock-world.js'
import { QueueWorld } from './world/queue-world.js'
import type { World } from './engine/world.js'

/** What came of a seed. */
export interface SeedResult {
  readonly seed: number
  readonly world: string
  readonly steps: number
  readonly crashes: number
  /** Of everything that happened. */
  readonly hash: string
  /** What must not have happened; undefined where nothing did. */
  readonly violation: string | undefined
  readonly trace: readonly TraceEntry[]
}

/** How to run a seed. */
export interface SeedOptions {
  /** Keeps the last steps in words. */
  readonly keepsText?: boolean
  /** Only this world. */
  readonly world?: string
  /** Steps with faults; then it comes to its end. */
  readonly steps?: number
}

const WORLDS: ReadonlyMap<string, (simulation: Simulation) => World> = new Map<
  string,
  (simulation: Simulation) => World
>([
  ['queue', (simulation) => new QueueWorld(simulation)],
  ['board', (simulation) => new BoardWorld(simulation)],
  ['lock', (simulation) => new LockWorld(simulation)],
])

/** The names of what can be simulated. */
export const worldNames: readonly string[] = [...WORLDS.keys()]

const STEPS = 4000
const LAST_STEPS = 60000

/** Runs one seed from its start to its end, or to its first violation. */
export function runSeed(seed: number, options: SeedOptions = {}): SeedResult {
  const { keepsText = false } = options
  const random = new Random(Math.imul(seed, 0x9e3779b1) ^ seed)
  const world = options.world ?? random.pick(worldNames)
  chooseStarts(random)
  const simulation = new Simulation(random, tempoOf(random), keepsText)
  let violation: string | undefined = undefined
  try {
    const make = WORLDS.get(world)
    if (make === undefined) throw new RangeError(`No world ${world}: ${worldNames.join(', ')}`)
    play(simulation, make(simulation), options.steps)
  } catch (error) {
    violation = error instanceof Violation ? error.message : textOf(error)
    simulation.note('VIOLATION', violation)
  }
  return {
    seed,
    world,
    steps: simulation.steps,
    crashes: simulation.crashes,
    hash: simulation.trace.hash,
    violation,
    trace: simulation.trace.entries,
  }
}

function play(simulation: Simulation, world: World, wanted: number | undefined): void {
  const { random } = simulation
  const steps = wanted ?? world.steps ?? STEPS
  const kills = random.pick([0, 0.2, 0.5])
  const longest = random.pick([400, 400, 3000])
  simulation.fault = () => {
    if (simulation.actors.length === 0) return
    const actor = random.pick(simulation.actors)
    if (random.chance(kills)) world.kill(actor)
    else simulation.pause(actor, 1 + random.below(longest))
  }
  while (simulation.steps < steps) {
    if (!simulation.run(steps - simulation.steps)) continue
    world.checkRest()
    break
  }
  simulation.fault = undefined
  simulation.note('world', 'has no more faults')
  simulation.resumeAll()
  world.end()
  must(simulation.run(LAST_STEPS), `It does not come to its end in ${LAST_STEPS} steps`)
  world.checkRest()
  world.checkEnd()
}

function tempoOf(random: Random): Tempo {
  return {
    persistence: random.pick([0, 0.5, 0.9, 0.97]),
    arrivals: random.pick([0.02, 0.1, 0.5]),
    faultEvery: random.pick([100, 300, 1000]),
    delay: random.pick([5, 50, 400]),
    isWeak: random.chance(0.75),
  }
}

// Below each limit by so little that a run goes beyond it.
const STARTS: ReadonlyMap<string, readonly number[]> = new Map([
  ['BellWish#value', [0, 2 ** 31 - 3]],
  ['QueueProducer#published', [0, 0, 2 ** 31 - 4, 2 ** 32 - 4, 2 ** 53 - 5000]],
])

function chooseStarts(random: Random): void {
  const isNearLimits = random.chance(0.4)
  setStarts((field, usual) => {
    const choices = STARTS.get(field)
    return isNearLimits && choices !== undefined ? random.pick(choices) : usual
  })
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
