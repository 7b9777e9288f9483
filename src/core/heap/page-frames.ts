import { longestSegment, type AddressRange, type Requirement } from '../buffer/constraints.js'
import { PAGE_BYTES, roundDown, roundUp } from '../buffer/page.js'
import type { Segment } from '../buffer/sg-table.js'
import { DmaBufError } from '../errors.js'
import { ExtentTree } from './extent-tree.js'
import { Placement, type Backing } from './placement.js'

export { Placement, type Backing } from './placement.js'

/** Where the simulated memory of a machine lies. */
export interface PageFramesOptions {
  /** A multiple of the page size; one page where absent, so that no buffer is at address 0. */
  readonly startAddress?: number
  /** Rounded down to whole pages; 1 TiB where absent. */
  readonly sizeBytes?: number
}

interface Use {
  readonly placement: Placement
  readonly backing: Backing
  /** Where in the buffer this run begins. */
  readonly offset: number
}

/**
 * A simulated physical address space: buffers get page frames in it that suit their devices, and devices
 * of this process reach memory by address.
 *
 * Takes the highest memory that suits, so that low addresses are left for the devices that need them.
 */
export class PageFrames {
  readonly range: AddressRange
  readonly #free = new ExtentTree<undefined>()
  readonly #used = new ExtentTree<Use>()
  #freeBytes: number
  #promisedBytes = 0

  constructor({ startAddress = PAGE_BYTES, sizeBytes = 2 ** 40 }: PageFramesOptions = {}) {
    const endAddress = startAddress + roundDown(sizeBytes, PAGE_BYTES)
    const ok = Number.isSafeInteger(endAddress) && startAddress >= 0 && sizeBytes >= PAGE_BYTES
    if (!ok || startAddress % PAGE_BYTES !== 0)
      throw new RangeError(`Not a range of pages: start=${startAddress} size=${sizeBytes}`)
    this.range = { startAddress, endAddress }
    this.#freeBytes = endAddress - startAddress
    this.#free.insert(startAddress, endAddress, undefined)
  }

  get sizeBytes(): number {
    return this.range.endAddress - this.range.startAddress
  }

  /** Bytes that no buffer is placed in. */
  get freeBytes(): number {
    return this.#freeBytes
  }

  /** Bytes that buffers were promised, placed or not. */
  get promisedBytes(): number {
    return this.#promisedBytes
  }

  /**
   * Promises memory to a buffer that is placed later.
   *
   * @throws {DmaBufError} ENOMEM where there is less
   */
  promise(lengthBytes: number): void {
    const left = this.sizeBytes - this.#promisedBytes
    if (lengthBytes > left)
      throw new DmaBufError(
        'ENOMEM',
        'allocate',
        `No memory for ${lengthBytes} bytes: ${left} left`,
      )
    this.#promisedBytes += lengthBytes
  }

  /** Takes a promise back. */
  unpromise(lengthBytes: number): void {
    this.#promisedBytes -= lengthBytes
  }

  /**
   * Puts a buffer's memory where all of some devices reach it.
   *
   * @rule ATT-34
   * @param lengthBytes - rounded up to whole pages
   * @throws {DmaBufError} ENOMEM where no free memory suits
   */
  place(lengthBytes: number, requirement: Requirement, backing: Backing): Placement {
    const needed = roundUp(Math.max(lengthBytes, 1), PAGE_BYTES)
    const longest = longestSegment(requirement)
    const aligned = roundDown(longest, requirement.alignBytes)
    let runs = this.#gather(needed, requirement, longest)
    // Segments that end where the next can begin leave no gaps: more of them, but more memory. As few longer ones
    // as the number of segments allows.
    if (runs === undefined && aligned > 0 && aligned < longest) {
      const beyond = needed - requirement.maxSegments * aligned
      const longer = Math.max(0, Math.ceil(beyond / (longest - aligned)))
      runs = this.#gather(needed, requirement, longest, { longer, rest: aligned })
    }
    if (runs === undefined)
      throw new DmaBufError(
        'ENOMEM',
        'place',
        `No free memory suits the devices: ${needed} bytes wanted, ${this.#freeBytes} free`,
        { rule: 'ATT-34' },
      )
    runs.sort((a, b) => a.address - b.address)
    const placement = new Placement(this, runs)
    this.#use(runs, placement, backing)
    return placement
  }

  /** @internal Use Placement.free(). */
  give(segments: readonly Segment[]): void {
    for (const { address, lengthBytes } of segments) {
      this.#used.remove(address)
      this.#release(address, lengthBytes)
    }
  }

  /**
   * The memory at a DMA address, as a device reads and writes it; meant for as long as the mapping lasts.
   *
   * @rule SG-6
   * @throws {DmaBufError} EFAULT where no mapped buffer is, or not all the way
   */
  memory(address: number, lengthBytes: number): Uint8Array {
    const found = this.#used.floor(address)
    if (
      found === undefined ||
      lengthBytes < 0 ||
      !(address + lengthBytes <= found.end) ||
      found.value.placement.mappings === 0
    )
      throw new DmaBufError(
        'EFAULT',
        'dmaMemory',
        `No buffer is mapped for ${lengthBytes} bytes at 0x${address.toString(16)}: map it first`,
        { rule: 'SG-6' },
      )
    const { backing, offset } = found.value
    return backing.deviceBytes(offset + address - found.start, lengthBytes)
  }

  // Neighbours are one extent: a device may see them as one segment.
  #use(runs: readonly Segment[], placement: Placement, backing: Backing): void {
    let offset = 0
    for (let index = 0; index < runs.length;) {
      const start = runs[index]!.address
      let end = start
      while (runs[index]?.address === end) end += runs[index++]!.lengthBytes
      this.#used.insert(start, end, { placement, backing, offset })
      offset += end - start
    }
  }

  // Largest pieces first, so that they are few. Takes nothing where it cannot take all.
  #gather(
    needed: number,
    requirement: Requirement,
    longest: number,
    mix: { readonly longer: number; readonly rest: number } = { longer: Infinity, rest: 0 },
  ): Segment[] | undefined {
    const runs: Segment[] = []
    let left = needed
    while (left > 0 && longest > 0 && runs.length < requirement.maxSegments) {
      const most = runs.length < mix.longer ? longest : mix.rest
      const size = this.#largest(Math.min(left, most), requirement)
      if (size === 0) break
      const address = this.#highest(size, requirement)
      this.#take(address, size)
      runs.push({ address, lengthBytes: size })
      left -= size
    }
    if (left === 0) return runs
    for (const { address, lengthBytes } of runs) this.#release(address, lengthBytes)
    return undefined
  }

  /** The longest run of whole pages that is free and suits, up to `most`. */
  #largest(most: number, requirement: Requirement): number {
    if (this.#highest(most, requirement) >= 0) return most
    let fits = 0
    let misfits = most / PAGE_BYTES
    while (misfits - fits > 1) {
      const middle = Math.floor((fits + misfits) / 2)
      if (this.#highest(middle * PAGE_BYTES, requirement) >= 0) fits = middle
      else misfits = middle
    }
    return fits * PAGE_BYTES
  }

  #highest(size: number, requirement: Requirement): number {
    const { lastAddress, alignBytes, boundaryBytes } = requirement
    const limit = lastAddress + 1
    return this.#free.findHighest(size, limit, (start, end) => {
      let address = roundDown(Math.min(end, limit) - size, alignBytes)
      const crossed = boundaryBytes === Infinity ? 0 : roundDown(address + size - 1, boundaryBytes)
      if (crossed > address) address = roundDown(crossed - size, alignBytes)
      return address >= start ? address : -1
    })
  }

  #take(address: number, size: number): void {
    const { start, end } = this.#free.floor(address)!
    this.#free.remove(start)
    if (start < address) this.#free.insert(start, address, undefined)
    if (address + size < end) this.#free.insert(address + size, end, undefined)
    this.#freeBytes -= size
  }

  #release(address: number, size: number): void {
    let start = address
    let end = address + size
    const before = this.#free.floor(start)
    if (before?.end === start) {
      this.#free.remove(before.start)
      start = before.start
    }
    const after = this.#free.floor(end)
    if (after?.start === end) {
      this.#free.remove(end)
      end = after.end
    }
    this.#free.insert(start, end, undefined)
    this.#freeBytes += size
  }
}

/** The memory of this process's simulated machine: all heaps use it that are not told otherwise. */
export const systemFrames = new PageFrames()

/**
 * The memory at a DMA address of `systemFrames`, as a device of this process reads and writes it; meant for
 * as long as the mapping lasts.
 *
 * @rule SG-6
 * @throws {DmaBufError} EFAULT where no mapped buffer is, or not all the way
 */
export function dmaMemory(address: number, lengthBytes: number): Uint8Array {
  return systemFrames.memory(address, lengthBytes)
}
