/**
 * Which way data goes over a mapping, as seen from memory.
 *
 * @kernel enum dma_data_direction
 * @rule C-4
 */
export type Direction = 'bidirectional' | 'to-device' | 'from-device'

/** What a device can reach. Absent: no limit. @rule ATT-34 */
export interface DeviceConstraints {
  /** Longest segment, bytes. @kernel dma_get_max_seg_size */
  readonly maxSegmentBytes?: number
  /** Most segments in one table. */
  readonly maxSegments?: number
  /** No segment crosses a multiple of this; a power of two. @kernel dma_get_seg_boundary */
  readonly boundaryBytes?: number
  /** Highest address bits it drives: an address above it cannot be reached. @kernel dma_mask */
  readonly addressMask?: number
  /** Each segment begins at a multiple of this; a power of two. */
  readonly alignBytes?: number
  /** One segment only: no scatter and gather. */
  readonly contiguous?: boolean
  /** Whether it sees the CPU's caches; a device that does not needs the brackets. */
  readonly coherent?: boolean
}

/** Something that wants to reach buffers. @kernel struct device */
export interface Device {
  /** Seen in statistics and error messages. */
  readonly name: string
  readonly constraints?: DeviceConstraints
}
