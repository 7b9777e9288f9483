import type { Access, Bytes, CpuView, ViewLifetime } from '../buffer/access.js'
import { IosysMap } from '../buffer/iosys-map.js'
import { isEscaped, RevocableBytes } from '../buffer/revocable-bytes.js'
import { DmaBufError } from '../errors.js'
import type { Backing } from './placement.js'

const KEEPER = Symbol('dmabuf.keeper')

interface Kept {
  [KEEPER]?: HeapBytes
}

interface Runtime {
  structuredClone?: <T>(value: T, options: { transfer: unknown[] }) => T
}

/**
 * The bytes of one buffer, allocated when somebody first wants them.
 *
 * A bracket's view dies at its end: the memory moves on to another ArrayBuffer, without a copy. It stays where
 * it is while anybody may still use the old one: other views, loans, kernel maps and devices.
 */
export class HeapBytes implements Backing {
  readonly lengthBytes: number
  readonly #shared: boolean
  #memory: ArrayBufferLike | undefined
  /** Bracket views that have not ended, kernel maps, mappings of devices. */
  #users = 0
  /** Whether a loan may outlive its end: the memory stays in its ArrayBuffer for good. */
  #lent = false

  constructor(lengthBytes: number, shared: boolean) {
    this.lengthBytes = lengthBytes
    this.#shared = shared
  }

  /** Whether memory was taken already. */
  get allocated(): boolean {
    return this.#memory !== undefined
  }

  /** The memory. @throws {DmaBufError} ENOMEM where the runtime has none left */
  get memory(): ArrayBufferLike {
    return (this.#memory ??= allocate(this.lengthBytes, this.#shared))
  }

  /** A view for an exporter: see ExporterOps.openView. */
  openView(_access: Access, lifetime: ViewLifetime, lengthBytes: number): CpuView {
    const { memory } = this
    if (lifetime === 'loan' || !(memory instanceof ArrayBuffer)) {
      this.#lent = true
      // Whoever asked for a shared heap expects a view of shared memory, which the type of views cannot tell.
      return { bytes: new Uint8Array(memory, 0, lengthBytes) as Bytes, zeroCopy: true, end() {} }
    }
    // What code holds on to this view, on another thread perhaps, holds on to the memory, too.
    ;(memory as Kept)[KEEPER] = this
    this.#users++
    return new BracketView(this, new RevocableBytes(memory, 0, lengthBytes))
  }

  /** The bytes for a device, which may keep them until its mapping ends. */
  deviceBytes(offset: number, lengthBytes: number): Uint8Array {
    return new Uint8Array(this.memory, offset, lengthBytes)
  }

  /** The whole memory for kernel code. */
  vmap(): IosysMap {
    const map = IosysMap.ofMemory(new Uint8Array(this.memory))
    this.#users++
    return map
  }

  /** Lets nobody move the memory until drop(). */
  hold(): void {
    this.#users++
  }

  /** The opposite of one hold(), vmap() or view. */
  drop(): void {
    this.#users--
    const memory = this.#memory
    if (this.#users > 0 || this.#lent || !(memory instanceof ArrayBuffer)) return
    if (KEEPER in memory && !isEscaped(memory)) this.#memory = moved(memory)
  }
}

class BracketView implements CpuView {
  readonly bytes: Bytes
  readonly zeroCopy = true
  readonly #owner: HeapBytes

  constructor(owner: HeapBytes, bytes: Bytes) {
    this.#owner = owner
    this.bytes = bytes
  }

  end(): void {
    this.#owner.drop()
  }
}

function allocate(lengthBytes: number, shared: boolean): ArrayBufferLike {
  try {
    return shared ? new SharedArrayBuffer(lengthBytes) : new ArrayBuffer(lengthBytes)
  } catch (cause) {
    const message = `The runtime has no memory for ${lengthBytes} bytes`
    throw new DmaBufError('ENOMEM', 'allocate', message, { cause })
  }
}

/** The same memory in another ArrayBuffer; every view of the old one is empty. */
function moved(memory: ArrayBuffer & { transfer?: () => ArrayBuffer }): ArrayBuffer {
  if (memory.transfer !== undefined) return memory.transfer()
  const { structuredClone } = globalThis as Runtime
  return structuredClone === undefined ? memory : structuredClone(memory, { transfer: [memory] })
}
