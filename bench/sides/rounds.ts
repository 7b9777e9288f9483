// What the programs of the bench that are measured have in common: they run rounds when they are told to.
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { OwnedFd } from 'dmabuf/linux'

/** What a round found: nanoseconds for one operation, the median where it took the time of each. */
export interface Timing {
  readonly ns: number
  /** Of single operations; absent where only their sum was timed. */
  readonly p99?: number
}

/**
 * Answers each line of stdin, a number of operations, with a line of JSON; the process ends with stdin.
 *
 * A C program beside this one does the same: whoever alternates them sees no difference.
 */
export async function answerRounds(round: (count: number) => Promise<Timing>): Promise<void> {
  process.stdout.write('{"ready":true}\n')
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await round(Number(line)))}\n`)
  }
  process.exit()
}

/** Does an operation `count` times, and says how many nanoseconds that took. */
export type Batch = (count: number) => number | Promise<number>

/** Answers with the median of batches of so many. */
export async function answerBatches(batch: Batch, size: number): Promise<void> {
  await answerRounds(async (total) => {
    const samples = new Float64Array(Math.max(1, Math.floor(total / size)))
    for (let i = 0; i < samples.length; i++) samples[i] = (await batch(size)) / size
    return { ns: timingOf(samples).ns }
  })
}

/** Median and 99th percentile. Sorts in place. */
export function timingOf(samples: Float64Array<ArrayBuffer>): Timing {
  samples.sort()
  const at = (part: number): number => Math.round(samples[Math.floor(samples.length * part)] ?? 0)
  return { ns: at(0.5), p99: at(0.99) }
}

/** Round trips, each timed from the frame that came back before it. */
export class Round {
  readonly #samples: Float64Array<ArrayBuffer>
  readonly #done: (timing: Timing) => void
  #count = 0
  #lastMs = performance.now()

  constructor(count: number, done: (timing: Timing) => void) {
    this.#samples = new Float64Array(count)
    this.#done = done
  }

  /** A frame came back. False: it was the last. */
  next(): boolean {
    const nowMs = performance.now()
    this.#samples[this.#count++] = (nowMs - this.#lastMs) * 1e6
    this.#lastMs = nowMs
    if (this.#count < this.#samples.length) return true
    this.#done(timingOf(this.#samples))
    return false
  }
}

/** Times an operation that costs about as much as a look at the clock: in batches of 100. */
export function timeBatches(count: number, operation: () => void): Timing {
  const batch = Math.min(count, 100)
  const samples = new Float64Array(Math.ceil(count / batch))
  for (let at = 0; at < samples.length; at++) {
    const startMs = performance.now()
    for (let i = 0; i < batch; i++) operation()
    samples[at] = ((performance.now() - startMs) * 1e6) / batch
  }
  return timingOf(samples)
}

/** Monotonic nanoseconds, the same clock in all processes. */
export function nowNs(): number {
  return Number(process.hrtime.bigint())
}

/** Starts this same program again, as the other side on its own core; `fds` become 3 and up, and are closed here. */
export function startOther(
  cpu: string,
  args: readonly string[],
  fds: readonly (OwnedFd | 'pipe' | 'ipc')[],
): ChildProcess {
  const extra = fds.map((fd) => (typeof fd === 'string' ? fd : fd.number))
  const [program = ''] = process.argv.slice(1)
  const child = spawn('taskset', ['-c', cpu, process.execPath, program, 'other', ...args], {
    stdio: ['pipe', 'pipe', 'inherit', ...extra],
    serialization: 'advanced',
  })
  for (const fd of fds) if (typeof fd !== 'string') fd.close()
  child.on('error', (error) => {
    throw error
  })
  return child
}

/** Ends this process when whoever started it has gone. */
export function endWithStdin(): void {
  process.stdin.on('end', () => process.exit()).resume()
}
