/**
 * A page of 32-bit words that several processes have mapped, each word written by one of them only.
 *
 * load() and store() are sequentially consistent. read() and write() are plain: they are for payload that
 * a later store() publishes and an earlier load() has acquired. Indices count words, not bytes.
 */
export interface Words {
  readonly length: number
  load(index: number): number
  store(index: number, value: number): void
  read(index: number): number
  write(index: number, value: number): void
}

/** Words over memory that JavaScript can see: a mapped page, or a SharedArrayBuffer. */
export class ArrayWords implements Words {
  readonly length: number
  readonly #array: Int32Array

  constructor(buffer: ArrayBufferLike) {
    this.#array = new Int32Array(buffer)
    this.length = this.#array.length
  }

  load(index: number): number {
    return Atomics.load(this.#array, index)
  }

  store(index: number, value: number): void {
    Atomics.store(this.#array, index, value)
  }

  read(index: number): number {
    return this.#array[index]!
  }

  write(index: number, value: number): void {
    this.#array[index] = value
  }
}
