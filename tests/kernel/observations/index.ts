import type { Observation } from '../observation.js'
import { bufferFenceObservations } from './buffer-fences.js'
import { descriptorObservations } from './descriptors.js'
import { bufferObservations } from './dma-buf.js'
import { heapObservations } from './dma-heap.js'
import { mmapObservations } from './mmap.js'
import { swSyncObservations } from './sw-sync.js'
import { syncFileObservations } from './sync-file.js'
import { udmabufObservations } from './udmabuf.js'

/** All observations, in the order in which they are made. */
export const observations: readonly Observation[] = [
  ...heapObservations,
  ...bufferObservations,
  ...mmapObservations,
  ...descriptorObservations,
  ...syncFileObservations,
  ...bufferFenceObservations,
  ...swSyncObservations,
  ...udmabufObservations,
]
