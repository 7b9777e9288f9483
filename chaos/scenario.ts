import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Random } from '../tests/helpers/random.js'
import { Remote, type RemoteOptions } from '../tests/helpers/remote.js'
import { holdingsOf, isAlive, type Holdings } from './holdings.js'
import { percentilesOf, type ScenarioReport } from './report.js'

/** A process of a run. */
export type Process = Remote

/** One way to make trouble. */
export interface Scenario {
  readonly name: string
  /** In words, for the usage. */
  readonly about: string
  /** Part of the kills that is its own, relative to the others. */
  readonly share: number
  /**
   * Whether it tries each step once, in place of random moments: its kills are not among those asked for. Its share
   * of 1,000 has to be more than it has steps; `stepsLeftOut` says whether it was.
   */
  readonly isByStep?: boolean
  /** What starts each process, where they are to be strangers to each other. */
  readonly wrapper?: readonly string[]
  /** Why it cannot run here; undefined where it can. */
  readonly missing?: () => string | undefined
  readonly run: (run: Run, kills: number) => Promise<void>
}

/** Victims that start at the same time: one for each core, but a few are enough. */
const AHEAD = Math.min(4, availableParallelism())

const CHILD = join(import.meta.dirname, 'child/index.js')

/** What a scenario uses and notes while it runs. */
export class Run implements AsyncDisposable {
  readonly random: Random
  readonly folder = mkdtempSync(join(tmpdir(), 'dmabuf-chaos-'))
  readonly counts: Record<string, number> = {}
  readonly #name: string
  readonly #wrapper: readonly string[] | undefined
  readonly #started = performance.now()
  readonly #processes = new Map<Process, number>()
  readonly #resumeMs: number[] = []
  readonly #violations: string[] = []
  readonly #before = new Map<Process, Holdings>()
  readonly #leaked = { fds: 0, mappings: 0, buffers: 0, processes: 0 }
  readonly #progress: (killed: number) => void
  /** Victims that may still be asked for. */
  #expected: number
  #kills = 0
  #torn = 0
  readonly #ahead: Promise<Process>[] = []

  constructor(
    name: string,
    options: {
      seed: number
      wrapper: readonly string[] | undefined
      /** How many victims there may be: so many are started ahead, and no more. */
      victims: number
      progress: (killed: number) => void
    },
  ) {
    this.#name = name
    this.random = new Random(options.seed)
    this.#wrapper = options.wrapper
    this.#progress = options.progress
    this.#expected = options.victims
  }

  /** A path of a socket; one run has as many as it has names. */
  path(name = 's'): string {
    return join(this.folder, name)
  }

  /** A process that knows the parts in `chaos`; `isOutside`: where this program is, whatever the wrapper. */
  async start({ isOutside = false } = {}): Promise<Process> {
    const wrapper = isOutside || this.#wrapper === undefined ? {} : { wrapper: this.#wrapper }
    const options: RemoteOptions = { preload: CHILD, ...wrapper }
    const remote: Process = await Remote.start(options)
    this.#processes.set(remote, remote.pid)
    return remote
  }

  /** As start(), and starts those after it already: for those that do not live long. */
  async startVictim(): Promise<Process> {
    if (this.#ahead.length === 0) this.#startAhead(1)
    const victim = await this.#ahead.shift()!
    if (this.#ahead.length === 0) this.#startAhead(0)
    return victim
  }

  #startAhead(least: number): void {
    const count = Math.max(least, Math.min(AHEAD, this.#expected))
    this.#expected -= count
    for (let i = 0; i < count; i++) {
      const next = this.start()
      next.catch(() => {})
      this.#ahead.push(next)
    }
  }

  /** SIGKILL at once; when it was, on everybody's clock. */
  async kill(victim: Process): Promise<number> {
    // Processes that start are busy: what is measured next would wait for them.
    await Promise.all(this.#ahead)
    const killedMs = Number(process.hrtime.bigint()) / 1e6
    process.kill(victim.pid, 'SIGKILL')
    await this.buried(victim)
    return killedMs
  }

  /** Counts a process that has been killed, or has killed itself. */
  async buried(victim: Process): Promise<void> {
    await victim.exited
    this.#processes.delete(victim)
    this.#kills++
    this.#progress(this.#kills)
  }

  /** Counts a worker thread that was terminated. */
  ended(): void {
    this.#kills++
    this.#progress(this.#kills)
  }

  get kills(): number {
    return this.#kills
  }

  resumed(ms: number): void {
    this.#resumeMs.push(ms)
  }

  torn(count: number): void {
    this.#torn += count
  }

  violation(text: string): void {
    this.#violations.push(text)
  }

  count(name: string, by = 1): void {
    this.counts[name] = (this.counts[name] ?? 0) + by
  }

  /** Waits as long as a random moment takes. */
  async pause(mostMs: number): Promise<void> {
    const ms = this.random.next() * mostMs
    if (ms >= 1) await delay(ms)
  }

  /** Remembers what survivors have now: measure() compares with it. */
  async baseline(...survivors: readonly Process[]): Promise<void> {
    for (const survivor of survivors) this.#before.set(survivor, await settledHoldings(survivor))
  }

  /** Counts what survivors have more than at baseline(). */
  async measure(): Promise<void> {
    for (const [survivor, before] of this.#before) {
      let now = await settledHoldings(survivor)
      // A viewer of the last buffer, or a socket, may be on its way out still.
      for (let turn = 0; turn < 20 && grew(before, now); turn++) {
        await delay(20)
        now = await settledHoldings(survivor)
      }
      this.#leaked.fds += Math.max(0, now.fds - before.fds)
      this.#leaked.mappings += Math.max(0, now.mappings - before.mappings)
      this.#leaked.buffers += Math.max(0, now.buffers - before.buffers)
    }
    this.#before.clear()
  }

  /** Ends a survivor: nothing of ours may be left in it by then. */
  async finish(survivor: Process): Promise<void> {
    const { buffers, mappings } = await settledHoldings(survivor)
    this.#leaked.buffers += buffers
    this.#leaked.mappings += mappings
    const { pid } = survivor
    const end = await survivor.leave()
    if (end !== 0) this.violation(`a survivor ended with ${end}`)
    if (isAlive(pid)) this.#leaked.processes++
    this.#processes.delete(survivor)
  }

  report(): ScenarioReport {
    return {
      name: this.#name,
      kills: this.#kills,
      seconds: Math.round((performance.now() - this.#started) / 100) / 10,
      resumeMs: percentilesOf(this.#resumeMs),
      leaked: this.#leaked,
      torn: this.#torn,
      violations: this.#violations,
      counts: this.counts,
    }
  }

  /** All that were measured, for the sum over scenarios. */
  get resumeMs(): readonly number[] {
    return this.#resumeMs
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#ahead)
    for (const [remote, pid] of this.#processes) {
      await remote[Symbol.asyncDispose]()
      if (isAlive(pid)) this.#leaked.processes++
    }
    // A server that was killed leaves its socket; the next one at that path removes it.
    this.counts['socketsLeft'] = readdirSync(this.folder).length
    rmSync(this.folder, { recursive: true, force: true })
  }
}

async function settledHoldings(survivor: Process): Promise<Holdings> {
  await survivor.run(({ resources }) => resources.settled())
  return holdingsOf(survivor.pid)
}

function grew(before: Holdings, now: Holdings): boolean {
  return now.fds > before.fds || now.mappings > before.mappings || now.buffers > before.buffers
}
