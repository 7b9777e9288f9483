// The memory of a program that calls: what is mapped is mapped, everything else faults.
import { DmaBufError } from '#src/core/errors.js'
import type { UserMemory } from '#src/syscalls/user-memory.js'

interface Region {
  readonly address: bigint
  readonly bytes: Uint8Array
  readonly isWritable: boolean
}

/** An address that nothing is ever mapped at. */
export const BAD_ADDRESS = 0xdead0000n

/** Regions of memory with holes between them: one byte past a region faults. */
export class TestMemory implements UserMemory {
  readonly #regions: Region[] = []
  #next = 0x7f0000001000n

  /** Maps bytes at a fresh address; what calls write to them is seen in the same array. */
  map(bytes: Uint8Array, { isWritable = true } = {}): bigint {
    const address = this.#next
    this.#regions.push({ address, bytes, isWritable })
    this.#next += BigInt(bytes.length) + 0x1000n
    return address
  }

  /** Takes a region away again. */
  unmap(address: bigint): void {
    const index = this.#regions.findIndex((region) => region.address === address)
    if (index >= 0) this.#regions.splice(index, 1)
  }

  read(address: bigint, lengthBytes: number): Uint8Array {
    const { region, offset } = this.#find(address, lengthBytes)
    return region.bytes.slice(offset, offset + lengthBytes)
  }

  write(address: bigint, bytes: Uint8Array): void {
    const { region, offset } = this.#find(address, bytes.length)
    if (!region.isWritable) throw fault(address)
    region.bytes.set(bytes, offset)
  }

  #find(address: bigint, lengthBytes: number): { region: Region; offset: number } {
    for (const region of this.#regions) {
      const offset = Number(address - region.address)
      if (offset >= 0 && offset + lengthBytes <= region.bytes.length) return { region, offset }
    }
    throw fault(address)
  }
}

function fault(address: bigint): DmaBufError {
  return new DmaBufError('EFAULT', 'user memory', `Nothing usable is mapped at ${address}`)
}
