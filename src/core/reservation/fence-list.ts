import { debug } from '../debug.js'
import { DmaBufError } from '../errors.js'
import type { Fence } from '../fence/fence.js'

// The kernel's list is one piece of memory, and what its allocator rounds up to becomes more slots.
const HEADER_BYTES = 24
const SLOT_BYTES = 8
/** The largest piece the kernel's allocator gives. */
const MAX_BYTES = 4 * 1024 * 1024

/** The most slots a list can have. */
export const MAX_SLOTS = (MAX_BYTES - HEADER_BYTES) / SLOT_BYTES

/** The slots of a first list. @rule RESV-8 */
const FIRST_SLOTS = 4

/**
 * A table of fences and their usages. Its slots are overwritten and appended to in place; whoever walks it
 * without the lock sees another object where it was replaced as a whole.
 *
 * @kernel dma_resv_list
 * @rule RESV-8, RESV-19
 */
export class FenceList {
  /** Each with a reference of this list. */
  readonly fences: Fence[] = []
  /** Places in the order of usages, one for each fence. */
  readonly usages: number[] = []
  /** How many fences may be in it. */
  capacity: number

  constructor(capacity: number) {
    this.capacity = capacity
  }
}

/**
 * An empty list for at least `slots` fences.
 *
 * @kernel dma_resv_list_alloc
 * @throws {DmaBufError} ENOMEM where it would be larger than the kernel can make one
 */
export function allocateList(slots: number, operation: string): FenceList {
  checkMemory(slots, operation)
  return new FenceList(bucketSlots(slots))
}

/** @throws {DmaBufError} ENOMEM where `slots` fences are more than one list can hold */
export function checkMemory(slots: number, operation: string): void {
  if (slots <= MAX_SLOTS && !debug.failAllocations) return
  const message = `No memory for a list of fences: slots=${slots}`
  throw new DmaBufError('ENOMEM', operation, message, { rule: 'RESV-6' })
}

/** The capacity to ask for so that `slots` more fences find room in a list that is full. @rule RESV-8 */
export function grownSlots(list: FenceList | undefined, slots: number): number {
  if (list !== undefined && list.capacity > 0)
    return Math.max(list.fences.length + slots, list.capacity * 2)
  return Math.max(FIRST_SLOTS, slots > MAX_SLOTS ? slots : powerOfTwo(slots))
}

/** How many slots the piece of memory has that the allocator gives for so many. */
function bucketSlots(slots: number): number {
  const bytes = HEADER_BYTES + slots * SLOT_BYTES
  let bucketBytes = powerOfTwo(bytes)
  // Between 64, 128 and 256 bytes there is one more bucket each.
  // equivalent mutants: constant: bytes come in eights, and what is left of eight bytes is no slot
  if (bytes > 64 && bytes <= 96) bucketBytes = 96
  // equivalent mutants: constant: as above
  else if (bytes > 128 && bytes <= 192) bucketBytes = 192
  return Math.floor((bucketBytes - HEADER_BYTES) / SLOT_BYTES)
}

/** The power of two that is not below `value`; `value` is from 1 to 2^31. */
function powerOfTwo(value: number): number {
  return 2 ** (32 - Math.clz32(value - 1))
}
