import type { Access, CpuView, ViewLifetime } from '../core/buffer/access.js'
import { bufferObject, type DmaBuf } from '../core/buffer/buffer.js'
import type { ExporterOps } from '../core/buffer/exporter.js'
import { IosysMap } from '../core/buffer/iosys-map.js'
import { PAGE_BYTES } from '../core/buffer/page.js'
import { DmaBufError } from '../core/errors.js'
import { systemFrames } from '../core/heap/page-frames.js'
import { PlacedMemory } from '../core/heap/placed-memory.js'
import type { Backing } from '../core/heap/placement.js'
import type { Mapping } from './mapping.js'
import type { OwnedFd } from './owned-fd.js'

/** Memory that is a mapped descriptor: our own memfd, or one that a peer sent. */
export class MemoryOfFd implements Backing {
  readonly fd: OwnedFd
  readonly #mapping: Mapping
  #placed: PlacedMemory | undefined

  /** Both move here. */
  constructor(fd: OwnedFd, mapping: Mapping) {
    this.fd = fd
    this.#mapping = mapping
  }

  openView(access: Access, lifetime: ViewLifetime, lengthBytes: number): CpuView {
    return this.#mapping.openView(access, lifetime, lengthBytes)
  }

  get lengthBytes(): number {
    return this.#mapping.lengthBytes
  }

  /** Where devices of this process see it; found when the first of them asks. @throws {DmaBufError} ENOMEM */
  get placed(): PlacedMemory {
    return (this.#placed ??= new PlacedMemory(systemFrames, this.#mapping.lengthBytes, this))
  }

  /** @throws {DmaBufError} EFAULT where the runtime forbids views of foreign memory */
  deviceBytes(offset: number, lengthBytes: number): Uint8Array {
    const view = this.#mapping.openView('readwrite', 'loan', this.#mapping.lengthBytes)
    view.end()
    if (view.zeroCopy) return view.bytes.subarray(offset, offset + lengthBytes)
    throw new DmaBufError('EFAULT', 'dmaMemory', 'This runtime forbids views of foreign memory')
  }

  release(): void {
    this.#placed?.release()
    this.#mapping.close()
    this.fd.close()
  }
}

/** The exporter of such memory: one for all buffers. */
export const MEMORY_OF_FD: ExporterOps<MemoryOfFd> = {
  attach: (attachment, { placed }) => placed.attach(attachment),
  map: (attachment, direction, { placed }) => placed.map(attachment, direction),
  unmap: (attachment, table, direction, { placed }) => placed.unmap(attachment, table, direction),
  openView(access, lifetime, lengthBytes, memory) {
    return memory.openView(access, lifetime, lengthBytes)
  },
  mmap(area, memory) {
    area.bytes = memory.deviceBytes(area.pageOffset * PAGE_BYTES, area.pageCount * PAGE_BYTES)
  },
  vmap: (memory) => IosysMap.ofMemory(memory.deviceBytes(0, memory.lengthBytes)),
  release(memory) {
    memory.release()
  },
}

/** The descriptor behind a buffer, borrowed. @throws {DmaBufError} EINVAL where it has none */
export function fdOf(buffer: DmaBuf, operation: string): OwnedFd {
  const { state } = bufferObject(buffer, operation)
  if (state instanceof MemoryOfFd) return state.fd
  throw new DmaBufError(
    'EINVAL',
    operation,
    `A buffer of ${buffer.exporterName} has no file descriptor`,
  )
}
