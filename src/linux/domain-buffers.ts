import { DmaBufError } from '../core/errors.js'
import { checkReceivedMemory } from './memfd.js'
import type { OwnedFd } from './owned-fd.js'

/** A buffer as the hub of a domain knows it. */
export interface KnownBuffer {
  readonly index: number
  readonly name: string
  readonly lengthBytes: number
  /** For whoever opens it. */
  readonly memory: OwnedFd
  /** Members that have a handle, or fences pending in it. */
  readonly users: Set<number>
  /** Whether whoever shares it has said what is pending in it: others may open it. */
  isReady: boolean
}

/** The buffers of a domain by name and index, at its hub. */
export class DomainBuffers implements Disposable {
  readonly #limit: number
  readonly #byIndex = new Map<number, KnownBuffer>()
  readonly #byName = new Map<string, KnownBuffer>()

  /** @param limit - how many there may be at a time */
  constructor(limit: number) {
    this.#limit = limit
  }

  get count(): number {
    return this.#byIndex.size
  }

  /**
   * Takes a buffer of a member.
   *
   * @param memory - moved, also if this throws
   * @throws {DmaBufError} EEXIST, ENOSPC; EPROTO where it is no memory
   */
  add(
    name: string,
    memory: OwnedFd,
    { lengthBytes, user }: { lengthBytes: number; user: number },
  ): KnownBuffer {
    try {
      checkReceivedMemory(memory, Math.max(1, lengthBytes), 'a buffer')
      if (this.#byName.has(name))
        throw new DmaBufError('EEXIST', 'share', `A buffer of this name is shared already: ${name}`)
      let index = 0
      while (this.#byIndex.has(index)) index++
      if (index >= this.#limit)
        throw new DmaBufError(
          'ENOSPC',
          'share',
          `The domain has ${this.#limit} buffers, its most: close some`,
        )
      const buffer = { index, name, lengthBytes, memory, users: new Set([user]), isReady: false }
      this.#byIndex.set(index, buffer)
      this.#byName.set(name, buffer)
      return buffer
    } catch (error) {
      memory.close()
      throw error
    }
  }

  /** Lets others open a buffer of that member. @returns undefined where it has none of that index */
  announce(index: number, user: number): KnownBuffer | undefined {
    const buffer = this.#byIndex.get(index)
    if (buffer?.users.has(user) !== true) return undefined
    buffer.isReady = true
    return buffer
  }

  /** A buffer, which the member uses from now on; undefined where nobody shares it, yet. */
  use(name: string, user: number): KnownBuffer | undefined {
    const buffer = this.#byName.get(name)
    if (buffer?.isReady !== true) return undefined
    buffer.users.add(user)
    return buffer
  }

  /** The member uses it no more. What nobody uses is forgotten, and its index free. */
  release(index: number, user: number): void {
    const buffer = this.#byIndex.get(index)
    if (buffer?.users.delete(user) !== true || buffer.users.size > 0) return
    this.#byIndex.delete(index)
    this.#byName.delete(buffer.name)
    buffer.memory.close()
  }

  /** The member is gone, with all its uses. */
  releaseAll(user: number): void {
    for (const index of [...this.#byIndex.keys()]) this.release(index, user)
  }

  [Symbol.dispose](): void {
    for (const { memory } of this.#byIndex.values()) memory.close()
    this.#byIndex.clear()
    this.#byName.clear()
  }
}
