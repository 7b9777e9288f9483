/**
 * What a fence in a reservation stands for, from the least to the most.
 *
 * `kernel`: memory management, moves and clears: always to be waited for. `write` and `read`: access that others wait
 * for without being told. `bookkeep`: kept in mind, and waited for by nobody who only reads or writes.
 *
 * @kernel enum dma_resv_usage
 * @rule RESV-1, RESV-2
 */
export type Usage = 'kernel' | 'write' | 'read' | 'bookkeep'

/** All usages in their order: index 0 is KERNEL, as in the kernel's numbers. @rule C-4, RESV-1 */
export const USAGES: readonly Usage[] = Object.freeze(['kernel', 'write', 'read', 'bookkeep'])

/**
 * The place of a usage in the order: a query for a usage covers every fence whose place is not higher.
 *
 * @rule RESV-1
 * @throws {TypeError} for what is no usage
 */
export function usageOrder(usage: Usage): number {
  switch (usage) {
    case 'kernel':
      return 0
    case 'write':
      return 1
    case 'read':
      return 2
    case 'bookkeep':
      return 3
    default:
      throw new TypeError(`Usage must be kernel, write, read or bookkeep: ${String(usage)}`)
  }
}

/**
 * What to wait for before an access: a new writer waits for readers and writers, a new reader for
 * writers only. It looks the wrong way round and is not.
 *
 * @kernel dma_resv_usage_rw
 * @rule RESV-3
 */
export function usageToWaitFor(write: boolean): Usage {
  return write ? 'read' : 'write'
}
