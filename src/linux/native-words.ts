import type { Words } from '../interprocess/words.js'
import { native, type MappingHandle } from './native.js'

/** Words of a mapped page where the runtime forbids views of foreign memory (Electron): one call each. */
export class NativeWords implements Words {
  readonly length: number
  readonly #handle: MappingHandle

  constructor(handle: MappingHandle, lengthBytes: number) {
    this.#handle = handle
    this.length = Math.floor(lengthBytes / 4)
  }

  load(index: number): number {
    return native().load(this.#handle, index * 4)
  }

  store(index: number, value: number): void {
    native().store(this.#handle, index * 4, value)
  }

  read(index: number): number {
    return native().load(this.#handle, index * 4)
  }

  write(index: number, value: number): void {
    native().store(this.#handle, index * 4, value)
  }
}
