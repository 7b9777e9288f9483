import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { holdingsOf, type Holdings } from '../chaos/holdings.js'
import { Random } from '../tests/helpers/random.js'
import { Remote } from '../tests/helpers/remote.js'
import type { Refusal } from './child/hostile.js'

/** A process of the run. */
export type Process = Remote

/** Honest peers of one kind, and the hostile ones they meet. */
export interface Target {
  readonly name: string
  readonly about: string
  /** Starts the honest ones. */
  readonly open: (fuzzer: Fuzzer) => Promise<void>
  /** One attack, as its seed says; what is wrong after it, in words. */
  readonly attack: (fuzzer: Fuzzer, seed: number) => Promise<readonly string[]>
}

/** What one target was put through. */
export interface TargetReport {
  readonly name: string
  readonly cases: number
  readonly seconds: number
  /** By errno, how often the honest side said no, or gave up. */
  readonly refusals: Readonly<Record<string, number>>
  readonly failures: readonly string[]
}

const HONEST = join(import.meta.dirname, 'child/honest-process.js')
const HOSTILE = join(import.meta.dirname, 'child/hostile-process.js')
const CASES_BETWEEN_COUNTS = 25
const MOST_FAILURES = 10

/** Runs the attacks of one target, and watches the honest processes. */
export class Fuzzer implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'dmabuf-fuzz-'))
  readonly #target: Target
  readonly #honest: Process[] = []
  readonly #before = new Map<Process, Holdings>()
  readonly #refusals: Record<string, number> = {}
  readonly #failures: string[] = []
  #hostile: Promise<Process> | undefined
  #cases = 0
  #paths = 0

  constructor(target: Target) {
    this.#target = target
  }

  /** A process that must survive. @param wrapper - a program that starts it, with its arguments */
  async startHonest(wrapper: readonly string[] = []): Promise<Process> {
    const honest: Process = await Remote.start({ preload: HONEST, wrapper })
    this.#honest.push(honest)
    return honest
  }

  /** The process that attacks; another one where the last has hurt itself. */
  async hostile(): Promise<Process> {
    this.#hostile ??= Remote.start({ preload: HOSTILE })
    return this.#hostile
  }

  /** Kills it in the middle of what it does. */
  async killHostile(): Promise<void> {
    const hostile = this.#hostile
    this.#hostile = undefined
    await (await hostile)?.[Symbol.asyncDispose]()
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** A path that nothing has been at. */
  freshPath(): string {
    return join(this.folder, `p${++this.#paths}`)
  }

  /** Notes an answer to an attack; in words, what is wrong with the answer itself. */
  judge({ code, reason }: Refusal): readonly string[] {
    this.#refusals[code] = (this.#refusals[code] ?? 0) + 1
    if (/[\r\n]/.test(reason)) return [`a refusal of several lines: ${JSON.stringify(reason)}`]
    // What was not checked, and told as if it had been.
    if (/\b(Type|Range|Reference)Error\b/.test(reason)) return [`a refusal by mistake: ${reason}`]
    if (reason.length > 400) return [`a refusal of ${reason.length} characters`]
    return []
  }

  /** Attacks until the time is over; the first case is number `first` of the seed. */
  async run(
    seed: number,
    { first, cases, endMs }: { first: number; cases: number; endMs: number },
  ): Promise<TargetReport> {
    const startedMs = performance.now()
    try {
      await this.#target.open(this)
      for (let i = first; i < first + cases && this.#goesOn(endMs); i++) await this.#case(seed, i)
      await this.#checkHoldings(`seed ${seed}, the last cases`)
    } catch (error) {
      this.#failures.push(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`)
    }
    const seconds = Math.round((performance.now() - startedMs) / 100) / 10
    const [name, cases_, refusals] = [this.#target.name, this.#cases, this.#refusals]
    return { name, cases: cases_, seconds, refusals, failures: this.#failures }
  }

  #goesOn(endMs: number): boolean {
    return this.#failures.length < MOST_FAILURES && (performance.now() < endMs || this.#cases === 0)
  }

  async #case(seed: number, index: number): Promise<void> {
    const here = `seed ${seed}, case ${index}`
    this.#cases++
    // One number of the two: any case can be run alone.
    const own = new Random(Math.imul(seed, 0x9e3779b1) ^ (index + 1)).below(0x7fffffff)
    const wrong = await this.#target.attack(this, own).catch((error: unknown) => [String(error)])
    for (const text of wrong) this.#failures.push(`${here}: ${text}`)
    if (this.#cases === 1) await this.#baseline()
    else if (this.#cases % CASES_BETWEEN_COUNTS === 0) await this.#checkHoldings(here)
  }

  async #baseline(): Promise<void> {
    for (const honest of this.#honest) this.#before.set(honest, await settledHoldings(honest))
  }

  async #checkHoldings(here: string): Promise<void> {
    for (const [honest, before] of this.#before) {
      let now = await settledHoldings(honest)
      for (let turn = 0; turn < 50 && isMore(before, now); turn++) {
        await delay(20)
        now = await settledHoldings(honest)
      }
      if (!isMore(before, now)) continue
      this.#failures.push(
        `${here}: leaked ${JSON.stringify(before)} to ${JSON.stringify(now)} since the last count`,
      )
      this.#before.set(honest, now)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const honest of this.#honest) await honest[Symbol.asyncDispose]()
    await this.killHostile()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

async function settledHoldings(honest: Process): Promise<Holdings> {
  await honest.run(({ resources }) => resources.settled())
  return holdingsOf(honest.pid)
}

function isMore(before: Holdings, now: Holdings): boolean {
  return now.fds > before.fds || now.mappings > before.mappings || now.buffers > before.buffers
}

/** Rejects where something takes that long: a hang has a name then. */
export async function within<T>(what: string, ms: number, promise: Promise<T>): Promise<T> {
  const clock = new AbortController()
  const bound = delay(ms, undefined, { signal: clock.signal }).then(() => {
    throw new Error(`${what} took more than ${ms} ms`)
  })
  bound.catch(() => {})
  try {
    return await Promise.race([promise, bound])
  } finally {
    clock.abort()
  }
}
