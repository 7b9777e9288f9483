import { host } from '../host.js'
import { reportThrown } from './callback-queue.js'
import { isElementSignaled } from './element.js'
import { access } from './fence-access.js'
import type { Fence } from './fence.js'
import { originOf } from './origins.js'

/** A chain may be long: more lines than this help nobody. */
const MAX_FENCES = 20

const PENDING = 'pending'

/** One fence below another, and how deep. */
interface Level {
  readonly fence: Fence
  readonly depth: number
}

/** What a fence waits for, in words; see Fence.explain(). */
export function explain(fence: Fence): string {
  const lines: string[] = []
  const seen = new Set<Fence>()
  const stack: Level[] = [{ fence, depth: 0 }]
  let left = 0
  for (let level = stack.pop(); level !== undefined; level = stack.pop()) {
    if (seen.has(level.fence)) continue
    seen.add(level.fence)
    if (seen.size > MAX_FENCES) {
      left++
      continue
    }
    const state = stateOf(level.fence)
    lines.push(...linesOf(level, state))
    if (state !== PENDING) continue
    for (const next of below(level.fence).reverse())
      stack.push({ fence: next, depth: level.depth + 1 })
  }
  if (left > 0) lines.push(`and ${left} more`)
  return lines.join('\n')
}

/** What a pending fence waits for; a creator that throws is reported. @rule PORT-4 */
function below(fence: Fence): Fence[] {
  try {
    return [...(access.ops(fence).waitsFor?.(fence) ?? [])]
  } catch (error) {
    reportThrown('creator', fence, error)
    return []
  }
}

function linesOf({ fence, depth }: Level, state: string): readonly string[] {
  const indent = '  '.repeat(depth)
  const origin = originOf(fence)
  const name = `${fence.driverName} ${fence.timelineName} context ${fence.context} seqno ${fence.seqno}`
  const age = origin === undefined ? '' : `, ${secondsSince(origin.createdNs)} s old`
  const { owner } = access.ops(fence)
  const whose = owner === undefined ? '' : ` of ${owner}`
  const lines = [`${indent}${name}${whose}: ${state}${age}`]
  for (const line of createdAt(origin?.stack)) lines.push(`${indent}  made ${line}`)
  return lines
}

function stateOf(fence: Fence): string {
  if (!isElementSignaled(fence)) return PENDING
  return fence.error === undefined ? 'signalled' : `failed with ${fence.error.message}`
}

function secondsSince(thenNs: number): string {
  return ((host().nowNs() - thenNs) / 1e9).toFixed(3)
}

/** The innermost frames outside the framework's own fence code say the most. */
function createdAt(stack: string | undefined): readonly string[] {
  const frames = stack?.split('\n').slice(1) ?? []
  const outside = frames.filter(
    (frame) => !/\/core\/fence\/(origins|fence-watch|fence)\./.test(frame),
  )
  return outside.slice(0, 3).map((frame) => frame.trim())
}
