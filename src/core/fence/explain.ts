import { host } from '../host.js'
import type { Fence } from './fence.js'

/** What is known of a fence besides what it says itself. */
export interface FenceOrigin {
  readonly createdNs: number
  readonly stack: string | undefined
}

/** How to look below a fence: what it waits for, and where it came from. */
export interface ExplainSource {
  /** The pending fences below a container; none for a plain fence. */
  waitsFor(fence: Fence): Iterable<Fence>
  /** Known only while debugging. */
  originOf(fence: Fence): FenceOrigin | undefined
}

/** A chain may be long: more lines than this help nobody. */
const MAX_LINES = 20

/** One fence below another, and how deep. */
interface Level {
  readonly fence: Fence
  readonly depth: number
}

/** What a fence waits for, in words: one line each for it and the pending fences below it. */
export function explain(fence: Fence, source: ExplainSource): string {
  const lines: string[] = []
  const seen = new Set<Fence>()
  const stack: Level[] = [{ fence, depth: 0 }]
  let left = 0
  for (let level = stack.pop(); level !== undefined; level = stack.pop()) {
    if (seen.has(level.fence)) continue
    seen.add(level.fence)
    if (lines.length >= MAX_LINES) {
      left++
      continue
    }
    lines.push(...linesOf(level, source))
    if (level.fence.status !== 'pending') continue
    const below = [...source.waitsFor(level.fence)].reverse()
    for (const next of below) stack.push({ fence: next, depth: level.depth + 1 })
  }
  if (left > 0) lines.push(`and ${left} more`)
  return lines.join('\n')
}

function linesOf({ fence, depth }: Level, source: ExplainSource): readonly string[] {
  const indent = '  '.repeat(depth)
  const origin = source.originOf(fence)
  const name = `${fence.driverName} ${fence.timelineName} context ${fence.context} seqno ${fence.seqno}`
  const age = origin === undefined ? '' : `, ${secondsSince(origin.createdNs)} old`
  const lines = [`${indent}${name}: ${stateOf(fence)}${age}`]
  const created = origin?.stack?.split('\n').slice(1, 4) ?? []
  return [...lines, ...created.map((line) => `${indent}  created ${line.trim()}`)]
}

function stateOf(fence: Fence): string {
  switch (fence.status) {
    case 'pending':
      return 'pending'
    case 'signaled':
      return 'signalled'
    case 'error':
      return `failed (${fence.error?.message ?? 'no message'})`
  }
}

function secondsSince(thenNs: number): string {
  return `${((host().nowNs() - thenNs) / 1e9).toFixed(3)} s`
}
