import { DESCRIPTOR_WORDS } from './frame-descriptor.js'

/** Slots a queue may have: their claims fill two words. A slot is a place for a buffer, which may change. */
export const MAX_BUFFERS = 64

/** Consumers a queue may have. */
export const MAX_CONSUMERS = 1024

// The producer's page, written by the producer only. Word offsets:
//   0 magic   1 version   2 slot count   6 "ring me when a buffer is given back"
//   8,9 epoch   16,17 tickets published (a counter)   18,19 newest ticket whose frame is ready (a counter)
//   32 … ring: slot of ticket t at t % RING_SIZE    160 … a bit per consumer: told to leave
//   256 … a descriptor per slot
export const QUEUE_MAGIC = 0x51424d44 // 'DMBQ'
export const QUEUE_VERSION = 2
export const QUEUE_SLOT_COUNT = 2
export const QUEUE_BELL = 6
export const QUEUE_EPOCH = 8
export const QUEUE_PUBLISHED = 16
export const QUEUE_READY = 18
export const QUEUE_RING = 32
export const RING_SIZE = 128
export const QUEUE_EVICTED = 160
const QUEUE_DESCRIPTORS = 256

// A consumer's page, written by that consumer only. Word offsets:
//   0 magic   1 version   4 "ring me when a frame is published"
//   8,9 next ticket to take (a counter)    12,13 a bit per slot: claimed
//   14,15 a bit per slot: given back, but still in use until a fence signals
export const CONSUMER_MAGIC = 0x43424d44 // 'DMBC'
export const CONSUMER_BELL = 4
export const CONSUMER_CURSOR = 8
export const CONSUMER_CLAIMS = 12
export const CONSUMER_RELEASING = 14

/** Bytes of a consumer's page. */
export const CONSUMER_PAGE_BYTES = 4096

/** Word offset of the ring's entry for a ticket. */
export function ringAt(ticket: number): number {
  // As a division's rest, which takes far longer once the ticket is no small integer to the compiler.
  return QUEUE_RING + (ticket & (RING_SIZE - 1))
}

/** Word offset of a slot's descriptor. */
export function descriptorAt(slot: number): number {
  return QUEUE_DESCRIPTORS + slot * DESCRIPTOR_WORDS
}

/** Bytes of a producer's page for so many slots. */
export function queuePageBytes(slotCount: number): number {
  return descriptorAt(slotCount) * 4
}
