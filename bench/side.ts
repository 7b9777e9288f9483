// One side of a comparison: a process that runs rounds when told to, pinned to a core.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Placement } from './machine.js'
import type { Timing } from './sides/rounds.js'

const running = new Set<ChildProcess>()
const daemons = new Set<ChildProcess>()

/** Ends every process of the bench, at once. Their own children see them go. */
export function stopAllSides(): void {
  for (const child of running) child.kill('SIGKILL')
  // They have to clean up after themselves.
  for (const child of daemons) child.kill('SIGTERM')
}

/** Starts a daemon that peers need; it is told to end with the bench. */
export function startDaemon(command: readonly string[]): ChildProcess {
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  daemons.add(child)
  child.once('close', () => daemons.delete(child))
  child.once('error', () => daemons.delete(child))
  return child
}

/** Starts a process that ends with the bench. */
export function startTracked(
  command: readonly string[],
  stderr: 'inherit' | 'pipe' = 'inherit',
): ChildProcess {
  const [program = '', ...args] = command
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', stderr] })
  running.add(child)
  child.once('close', () => running.delete(child))
  child.once('error', () => running.delete(child))
  return child
}

/** A program that answers rounds. */
export class Side {
  readonly name: string
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>

  private constructor(name: string, child: ChildProcess) {
    this.name = name
    this.#child = child
    this.#answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  }

  /** Starts a program on the first core of a placement; it is told the core of the other. */
  static async start(
    name: string,
    { first, other }: Placement,
    command: readonly string[],
  ): Promise<Side> {
    const child = startTracked(['taskset', '-c', first, ...command, other])
    const side = new Side(name, child)
    await Promise.race([side.#answer(), failure(child)])
    return side
  }

  /** Does an operation that many times. */
  async round(count: number): Promise<Timing> {
    this.#child.stdin!.write(`${count}\n`)
    return (await this.#answer()) as Timing
  }

  /** Lets it end. */
  async stop(): Promise<void> {
    if (!running.has(this.#child)) return
    const closed = once(this.#child, 'close')
    this.#child.stdin!.end()
    await closed
  }

  async #answer(): Promise<unknown> {
    const answer = await this.#answers.next()
    if (answer.done === true) throw new Error(`${this.name} ended before it answered`)
    return JSON.parse(answer.value)
  }
}

async function failure(child: ChildProcess): Promise<never> {
  const [error] = (await once(child, 'error')) as [Error]
  throw error
}

/** The command of a program under bench/sides. */
export function nodeCommand(program: string, ...args: readonly string[]): readonly string[] {
  return [process.execPath, join(import.meta.dirname, 'sides', `${program}.js`), ...args]
}

/** How long to measure. */
export interface Effort {
  /** How often each is measured. */
  readonly rounds: number
  /** Of one round of one side. */
  readonly roundMs: number
}

/**
 * Rounds of all sides in turn, so that whatever else the machine does meets all of them.
 *
 * @returns for each side its rounds, in order
 */
export async function alternate(
  sides: readonly Side[],
  { rounds, roundMs }: Effort,
): Promise<readonly (readonly Timing[])[]> {
  const counts: number[] = []
  for (const side of sides) counts.push(await warmUp(side, roundMs))
  const timings: Timing[][] = sides.map(() => [])
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < sides.length; turn++) {
      // Another one begins each time.
      const index = (round + turn) % sides.length
      timings[index]!.push(await sides[index]!.round(counts[index]!))
    }
  }
  return timings
}

const MOST = 1 << 20

/** Operations until the compiler of JavaScript has seen all of them, deoptimized what it guessed, and is done. */
const WARM_OPERATIONS = 20_000
/** Operations that take so long that this is over first are no matter of compilation. */
const WARM_NS = 0.8e9

/** Runs until the compiler has seen enough, and says how many operations fill a round. */
async function warmUp(side: Side, roundMs: number): Promise<number> {
  const roundNs = roundMs * 1e6
  let count = 1
  let operations = 0
  // A first operation may take as long as a whole round: nothing is known from one.
  for (let spentNs = 0; ;) {
    const { ns } = await side.round(count)
    spentNs += ns * count
    operations += count
    const next = Math.min(MOST, Math.max(1, Math.round(roundNs / ns)))
    const isWarm = operations >= WARM_OPERATIONS || spentNs >= WARM_NS
    if (isWarm && spentNs >= 4 * roundNs && next <= count * 2) return next
    count = Math.min(next, count * 8)
  }
}
