/** A number type that IosysMap reads and writes, little endian. */
export type WordType = 'u8' | 'u16' | 'u32' | 'u64'

/**
 * Where a buffer's memory is for kernel code: an address, and whether it is I/O memory, which must not be
 * touched like system memory. Here an address is a place in an ArrayBuffer.
 *
 * @kernel iosys_map
 * @rule CPU-14
 */
export class IosysMap {
  #memory: ArrayBufferLike | undefined
  #offset = 0
  #isIomem = false

  /** A map of system memory. Borrows the bytes. @kernel IOSYS_MAP_INIT_VADDR */
  static ofMemory(bytes: Uint8Array): IosysMap {
    const map = new IosysMap()
    map.setMemory(bytes)
    return map
  }

  /** A map of I/O memory. Borrows the bytes. @kernel IOSYS_MAP_INIT_VADDR_IOMEM */
  static ofIomem(bytes: Uint8Array): IosysMap {
    const map = new IosysMap()
    map.setIomem(bytes)
    return map
  }

  get isIomem(): boolean {
    return this.#isIomem
  }

  /** Looks at the address only, of either kind. @kernel iosys_map_is_null */
  get isNull(): boolean {
    return this.#memory === undefined && this.#offset === 0
  }

  /** @kernel iosys_map_set_vaddr */
  setMemory(bytes: Uint8Array): void {
    this.#set(bytes.buffer, bytes.byteOffset, false)
  }

  /** @kernel iosys_map_set_vaddr_iomem */
  setIomem(bytes: Uint8Array): void {
    this.#set(bytes.buffer, bytes.byteOffset, true)
  }

  /** Null, and of I/O memory. @kernel iosys_map_set_vaddr_iomem with NULL */
  setNullIomem(): void {
    this.#set(undefined, 0, true)
  }

  /** Becomes the same map as another. */
  set(other: IosysMap): void {
    this.#set(other.#memory, other.#offset, other.#isIomem)
  }

  /** Null, and of system memory. @kernel iosys_map_clear */
  clear(): void {
    this.#set(undefined, 0, false)
  }

  /** The same kind and the same address: a null map of system memory is not one of I/O memory. @kernel iosys_map_is_equal */
  equals(other: IosysMap): boolean {
    return (
      this.#isIomem === other.#isIomem &&
      this.#memory === other.#memory &&
      this.#offset === other.#offset
    )
  }

  /** The memory from the address on. @throws {RangeError} where the map is null */
  get bytes(): Uint8Array {
    return new Uint8Array(this.#open(), this.#offset)
  }

  /** Moves the address, of either kind. @kernel iosys_map_incr */
  advance(lengthBytes: number): void {
    this.#offset += lengthBytes
  }

  /** Copies into the mapped memory. @kernel iosys_map_memcpy_to @throws {RangeError} outside of it */
  copyTo(offset: number, source: Uint8Array): void {
    this.#part(offset, source.length).set(source)
  }

  /** Copies out of the mapped memory. @kernel iosys_map_memcpy_from @throws {RangeError} outside of it */
  copyFrom(target: Uint8Array, offset: number): void {
    target.set(this.#part(offset, target.length))
  }

  /** @kernel iosys_map_memset @throws {RangeError} outside of the memory */
  fill(offset: number, value: number, lengthBytes: number): void {
    this.#part(offset, lengthBytes).fill(value)
  }

  /** @kernel iosys_map_rd @returns a bigint for u64 @throws {RangeError} outside of the memory */
  read(type: 'u64', offset: number): bigint
  read(type: Exclude<WordType, 'u64'>, offset: number): number
  read(type: WordType, offset: number): number | bigint {
    const view = this.#view(offset, WORD_BYTES[type])
    if (type === 'u8') return view.getUint8(0)
    if (type === 'u16') return view.getUint16(0, true)
    if (type === 'u32') return view.getUint32(0, true)
    return view.getBigUint64(0, true)
  }

  /** @kernel iosys_map_wr @throws {RangeError} outside of the memory */
  write(type: 'u64', offset: number, value: bigint): void
  write(type: Exclude<WordType, 'u64'>, offset: number, value: number): void
  write(type: WordType, offset: number, value: number | bigint): void {
    const view = this.#view(offset, WORD_BYTES[type])
    if (type === 'u64') view.setBigUint64(0, BigInt(value), true)
    else if (type === 'u8') view.setUint8(0, Number(value))
    else if (type === 'u16') view.setUint16(0, Number(value), true)
    else view.setUint32(0, Number(value), true)
  }

  #set(memory: ArrayBufferLike | undefined, offset: number, isIomem: boolean): void {
    this.#memory = memory
    this.#offset = offset
    this.#isIomem = isIomem
  }

  #part(offset: number, lengthBytes: number): Uint8Array {
    const { buffer, byteOffset } = this.#view(offset, lengthBytes)
    return new Uint8Array(buffer, byteOffset, lengthBytes)
  }

  #view(offset: number, lengthBytes: number): DataView {
    return new DataView(this.#open(), this.#offset + offset, lengthBytes)
  }

  #open(): ArrayBufferLike {
    if (this.#memory === undefined) throw new RangeError('The map is null: there is no memory')
    return this.#memory
  }
}

const WORD_BYTES = { u8: 1, u16: 2, u32: 4, u64: 8 } as const
