// What a program asks of the kernel, as strace counts it.
import { text } from 'node:stream/consumers'
import { startTracked } from './side.js'

/**
 * The system calls of a program's main thread.
 *
 * @param only - calls of this name; all where absent
 */
export async function countSystemCalls(command: readonly string[], only?: string): Promise<number> {
  const filter = only === undefined ? [] : ['-e', `trace=${only}`]
  const child = startTracked(['strace', '-c', ...filter, ...command], 'pipe')
  child.stdout!.resume()
  // strace reports to stderr, where the program itself says nothing.
  const report = await text(child.stderr!)
  // The last line: percent, seconds, microseconds a call, calls, errors or nothing, `total`.
  const total = report.trimEnd().split('\n').at(-1) ?? ''
  const calls = Number(total.trim().split(/\s+/)[3])
  if (!Number.isInteger(calls)) throw new Error(`strace did not count: ${report}`)
  return calls
}
