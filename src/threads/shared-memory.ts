import type { Bytes, CpuView } from '../core/buffer/access.js'
import { bufferObject, exportBuffer, type DmaBuf } from '../core/buffer/buffer.js'
import type { ExporterOps } from '../core/buffer/exporter.js'
import { IosysMap } from '../core/buffer/iosys-map.js'
import { PAGE_BYTES } from '../core/buffer/page.js'
import { DmaBufError } from '../core/errors.js'
import { systemFrames } from '../core/heap/page-frames.js'
import { PlacedMemory } from '../core/heap/placed-memory.js'
import type { Backing } from '../core/heap/placement.js'

/** One piece of shared memory as the exporter of a buffer. */
class SharedMemory implements Backing {
  readonly memory: SharedArrayBuffer
  readonly #released: () => void
  #placed: PlacedMemory | undefined

  constructor(memory: SharedArrayBuffer, released: () => void) {
    this.memory = memory
    this.#released = released
  }

  get placed(): PlacedMemory {
    return (this.#placed ??= new PlacedMemory(systemFrames, this.memory.byteLength, this))
  }

  deviceBytes(offset: number, lengthBytes: number): Uint8Array {
    return new Uint8Array(this.memory, offset, lengthBytes)
  }

  release(): void {
    this.#placed?.release()
    this.#released()
  }
}

const OPS: ExporterOps<SharedMemory> = {
  attach: (attachment, { placed }) => placed.attach(attachment),
  map: (attachment, direction, { placed }) => placed.map(attachment, direction),
  unmap: (attachment, table, direction, { placed }) => placed.unmap(attachment, table, direction),
  // Shared memory cannot be taken away from a view: one that has ended stays readable.
  openView: (_access, _lifetime, lengthBytes, { memory }): CpuView => ({
    bytes: new Uint8Array(memory, 0, lengthBytes) as Uint8Array as Bytes,
    zeroCopy: true,
    end() {},
  }),
  mmap(area, memory) {
    area.bytes = memory.deviceBytes(area.pageOffset * PAGE_BYTES, area.pageCount * PAGE_BYTES)
  },
  vmap: ({ memory }) => IosysMap.ofMemory(new Uint8Array(memory)),
  release(memory) {
    memory.release()
  },
}

/** A buffer over shared memory, which stays whoever's it is. */
export function bufferOver(
  memory: SharedArrayBuffer,
  lengthBytes: number,
  released: () => void = () => {},
): DmaBuf {
  const state = new SharedMemory(memory, released)
  return exportBuffer({ exporterName: 'thread', lengthBytes, ops: OPS, state })
}

/** As many pieces of shared memory as a queue can ever use at once: whoever has a port has them all. */
export class SharedPool {
  readonly memories: readonly SharedArrayBuffer[]
  readonly #free: Set<SharedArrayBuffer>
  readonly #capacityBytes: number

  /** @throws {DmaBufError} ENOMEM where the runtime has not so much */
  constructor(count: number, capacityBytes: number) {
    try {
      this.memories = Array.from({ length: count }, () => new SharedArrayBuffer(capacityBytes))
    } catch (cause) {
      const message = `The runtime has no shared memory for ${count} times ${capacityBytes} bytes`
      throw new DmaBufError('ENOMEM', 'allocate', message, { cause })
    }
    this.#free = new Set(this.memories)
    this.#capacityBytes = capacityBytes
  }

  /** A buffer of so many bytes, whose memory comes back when it is closed. @throws {DmaBufError} ENOMEM */
  allocate(lengthBytes: number): DmaBuf {
    const [memory] = this.#free
    if (lengthBytes > this.#capacityBytes || memory === undefined)
      throw new DmaBufError(
        'ENOMEM',
        'allocate',
        `Frames have at most ${this.#capacityBytes} bytes: createFrameQueue with { maxLengthBytes: ${lengthBytes} }`,
      )
    this.#free.delete(memory)
    return bufferOver(memory, lengthBytes, () => this.#free.add(memory))
  }

  /** Which of `memories` is a buffer's; -1: none. */
  indexOf(buffer: DmaBuf): number {
    const { state } = bufferObject(buffer, 'port')
    return state instanceof SharedMemory ? this.memories.indexOf(state.memory) : -1
  }
}
