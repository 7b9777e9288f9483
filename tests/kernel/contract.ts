// The contract of heaps through our public interface: what memfd keeps, the kernel's heaps have to keep.
import type { Heap } from '#src/core/heap/heap.js'
import { assertNoLeaks, heapCases } from '#src/testing/index.js'

/** The kinds of heaps that give dma-bufs. */
type DeviceKind = 'dma-heap' | 'udmabuf'

export interface HeapClaim {
  readonly title: string
  readonly kind: DeviceKind
  /** `kept`, or how a heap breaks it. */
  resultOn(heap: Heap): Promise<string>
}

/** Every case of the contract, on each kind. */
export const heapClaims: readonly HeapClaim[] = (['dma-heap', 'udmabuf'] as const).flatMap((kind) =>
  heapCases.map(({ name, run }) => ({
    title: `${kind}: ${name}`,
    kind,
    async resultOn(heap) {
      try {
        using _leaks = assertNoLeaks()
        await run(heap)
        return 'kept'
      } catch (error) {
        return String(error)
      }
    },
  })),
)
