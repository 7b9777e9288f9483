import type { Access, CpuView, ViewLifetime } from '../core/buffer/access.js'
import { bufferObject, type DmaBuf } from '../core/buffer/buffer.js'
import { mapForDma, unmapForDma } from '../core/buffer/dma-mapping.js'
import type { ExporterOps } from '../core/buffer/exporter.js'
import { PAGE_BYTES } from '../core/buffer/page.js'
import { SgTable } from '../core/buffer/sg-table.js'
import { DmaBufError } from '../core/errors.js'
import type { Mapping } from './mapping.js'
import type { OwnedFd } from './owned-fd.js'

/** Memory that is a mapped descriptor: our own memfd, or one that a peer sent. */
export class MemoryOfFd {
  readonly fd: OwnedFd
  readonly #mapping: Mapping

  /** Both move here. */
  constructor(fd: OwnedFd, mapping: Mapping) {
    this.fd = fd
    this.#mapping = mapping
  }

  openView(access: Access, lifetime: ViewLifetime, lengthBytes: number): CpuView {
    return this.#mapping.openView(access, lifetime, lengthBytes)
  }

  release(): void {
    this.#mapping.close()
    this.fd.close()
  }
}

/** The exporter of such memory: one for all buffers. */
export const MEMORY_OF_FD: ExporterOps<MemoryOfFd> = {
  map({ device, buffer }, direction) {
    const table = SgTable.fromRuns([{ address: PAGE_BYTES, lengthBytes: buffer.lengthBytes }])
    mapForDma(table, device, direction)
    return table
  },
  unmap({ device }, table, direction) {
    unmapForDma(table, device, direction)
  },
  openView(access, lifetime, lengthBytes, memory) {
    return memory.openView(access, lifetime, lengthBytes)
  },
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
