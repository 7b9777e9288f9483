import { DESCRIPTOR_WORDS } from './frame-descriptor.js'

/** Buffers a queue may have: their claims fill two words. */
export const MAX_BUFFERS = 64

/** Consumers a queue may have. */
export const MAX_CONSUMERS = 1024

// The producer's page, written by the producer only. Word offsets:
//   0 magic   1 version   2 buffer count   6 "ring me when a buffer is given back"
//   7 evictions so far   16,17 tickets published (a counter)
//   32 … ring: buffer of ticket t at t % RING_SIZE    256 … a descriptor per buffer
export const QUEUE_MAGIC = 0x51424d44 // 'DMBQ'
export const QUEUE_VERSION = 1
export const QUEUE_BUFFER_COUNT = 2
export const QUEUE_BELL = 6
export const QUEUE_EVICTIONS = 7
export const QUEUE_PUBLISHED = 16
export const QUEUE_RING = 32
export const RING_SIZE = 128
const QUEUE_DESCRIPTORS = 256

// A consumer's page, written by that consumer only. Word offsets:
//   0 magic   1 version   4 "ring me when a frame is published"
//   8,9 next ticket to take (a counter)    12,13 a bit per buffer: claimed
export const CONSUMER_MAGIC = 0x43424d44 // 'DMBC'
export const CONSUMER_BELL = 4
export const CONSUMER_CURSOR = 8
export const CONSUMER_CLAIMS = 12

/** Bytes of a consumer's page. */
export const CONSUMER_PAGE_BYTES = 4096

/** Word offset of a buffer's descriptor. */
export function descriptorAt(bufferIndex: number): number {
  return QUEUE_DESCRIPTORS + bufferIndex * DESCRIPTOR_WORDS
}

/** Bytes of a producer's page for so many buffers. */
export function queuePageBytes(bufferCount: number): number {
  return descriptorAt(bufferCount) * 4
}
