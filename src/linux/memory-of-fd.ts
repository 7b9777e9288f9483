import type { Access, CpuView, ViewLifetime } from '../core/buffer/access.js'
import { bufferObject, type DmaBuf } from '../core/buffer/buffer.js'
import type { ExporterOps } from '../core/buffer/exporter.js'
import { IosysMap } from '../core/buffer/iosys-map.js'
import { PAGE_BYTES } from '../core/buffer/page.js'
import { DmaBufError } from '../core/errors.js'
import { systemFrames } from '../core/heap/page-frames.js'
import { PlacedMemory } from '../core/heap/placed-memory.js'
import type { Backing } from '../core/heap/placement.js'
import { MapMode, Mapping } from './mapping.js'
import type { OwnedFd } from './owned-fd.js'

/** Memory that is a descriptor: our own memfd, one that a peer sent, a buffer of the kernel's. */
export class MemoryOfFd implements Backing {
  readonly fd: OwnedFd
  readonly lengthBytes: number
  /** Whether others have, or had, a descriptor of it, or work on it: of a buffer of the kernel's they may add some. */
  isForeign = false
  #mapping: Mapping | undefined
  #placed: PlacedMemory | undefined

  /**
   * @param fd - moved
   * @param mapping - of all of it, moved; made when it is first needed where absent
   */
  constructor(fd: OwnedFd, lengthBytes: number, mapping?: Mapping) {
    this.fd = fd
    this.lengthBytes = lengthBytes
    this.#mapping = mapping
  }

  /** @throws {DmaBufError} what mmap says */
  openView(access: Access, lifetime: ViewLifetime, lengthBytes: number): CpuView {
    return this.#mapped.openView(access, lifetime, lengthBytes)
  }

  /** Where devices of this process see it; found when the first of them asks. @throws {DmaBufError} ENOMEM */
  get placed(): PlacedMemory {
    return (this.#placed ??= new PlacedMemory(systemFrames, this.lengthBytes, this))
  }

  /** @throws {DmaBufError} EFAULT where the runtime forbids views of foreign memory */
  deviceBytes(offset: number, lengthBytes: number): Uint8Array {
    const view = this.openView('readwrite', 'loan', this.lengthBytes)
    view.end()
    if (view.zeroCopy) return view.bytes.subarray(offset, offset + lengthBytes)
    throw new DmaBufError('EFAULT', 'dmaMemory', 'This runtime forbids views of foreign memory')
  }

  release(): void {
    this.#placed?.release()
    this.#mapping?.close()
    this.fd.close()
  }

  get #mapped(): Mapping {
    return (this.#mapping ??= mapWritable(this.fd, this.lengthBytes))
  }
}

// A descriptor that is open for reading only can still be read.
function mapWritable(fd: OwnedFd, lengthBytes: number): Mapping {
  try {
    return new Mapping(fd, lengthBytes, MapMode.shared)
  } catch (error) {
    if (!DmaBufError.is(error, 'EACCES')) throw error
    return new Mapping(fd, lengthBytes, MapMode.readOnly)
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

/** The descriptor behind a buffer, borrowed, for somebody else to have. @throws {DmaBufError} EINVAL where it has none */
export function fdOf(buffer: DmaBuf, operation: string): OwnedFd {
  const { state } = bufferObject(buffer, operation)
  if (state instanceof MemoryOfFd) {
    state.isForeign = true
    return state.fd
  }
  throw new DmaBufError(
    'EINVAL',
    operation,
    `A buffer of ${buffer.exporterName} has no file descriptor`,
  )
}
