// What memory costs by its size: of the kernel's heap, of udmabuf, and of memfds beside them.
import type { Measurement } from '../measurement.js'
import type { Effort } from '../side.js'
import { ratioTo, timeCalls, type Call, type Source } from './kernel-calls.js'

const SIZES: readonly (readonly [number, string])[] = [
  [4096, '4 KiB'],
  [64 << 10, '64 KiB'],
  [1 << 20, '1 MiB'],
  [8 << 20, '8 MiB'],
  [32 << 20, '32 MiB'],
]

const SOURCES: readonly (readonly [Source, string])[] = [
  ['heap', 'system heap'],
  ['udmabuf', 'udmabuf'],
  ['memfd', 'memfd'],
]

const LEAST_ROUND_MS = 250

/** Promised of the heap: allocation, times C. */
const MOST_TIMES = 1.3

/** Allocations and closing, with and without a write to each page. */
export async function kernelAllocationCosts(effort: Effort): Promise<readonly Measurement[]> {
  const found: Measurement[] = []
  for (const [source, name] of SOURCES)
    for (const operation of ['allocate', 'touch'] as const)
      found.push(...(await bySize(operation, [source, name], effort)))
  return found
}

async function bySize(
  operation: 'allocate' | 'touch',
  [source, name]: readonly [Source, string],
  effort: Effort,
): Promise<readonly Measurement[]> {
  const calls = SIZES.map(([lengthBytes, size]) => {
    const doing =
      operation === 'touch' ? 'allocated, each page written to, closed' : 'allocated, closed'
    const id = `${operation}-${source}-${lengthBytes}`
    const table = operation === 'touch' ? 'Allocating, each page written to' : 'Allocating'
    const call: Call = {
      id,
      what: `${size} of ${name} ${doing}`,
      operation,
      source,
      lengthBytes,
      row: name,
      size: { table, column: size },
    }
    const target = operation === 'allocate' && source === 'heap' ? MOST_TIMES : undefined
    return [call, ratioTo(`${id}-times`, 'times C', target)] as const
  })
  // A round of a few operations would say how long a process takes to go on after another.
  return timeCalls(calls, { ...effort, roundMs: Math.max(effort.roundMs, LEAST_ROUND_MS) })
}
