import { warn } from '../warn.js'

let next = 1

/**
 * The first of `count` consecutive context numbers, never given out before: from 1, since 0 is the stubs'.
 *
 * @kernel dma_fence_context_alloc
 * @rule FENCE-5
 * @param count - asking for none warns, and answers with the next number without using it up
 * @throws {RangeError} if `count` is not a whole number from 0
 */
export function allocateContext(count = 1): number {
  if (!Number.isSafeInteger(count) || count < 0)
    throw new RangeError(`Count must be a whole number from 0: ${count}`)
  if (count === 0)
    warn({ rule: 'FENCE-5', message: 'allocateContext(0): ask for one context or more' })
  const first = next
  next += count
  return first
}
