import type { Access, CpuView, ViewLifetime } from '../core/buffer/access.js'
import { bufferObject, type DmaBuf } from '../core/buffer/buffer.js'
import type { ExporterOps } from '../core/buffer/exporter.js'
import { DmaBufError } from '../core/errors.js'
import type { Mapping } from './mapping.js'
import type { OwnedFd } from './owned-fd.js'

/** An exporter whose memory is a mapped descriptor: our own memfd, or one that a peer sent. */
export class MemoryOfFd implements ExporterOps {
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

/** The descriptor behind a buffer, borrowed. @throws {DmaBufError} EINVAL where it has none */
export function fdOf(buffer: DmaBuf, operation: string): OwnedFd {
  const { ops } = bufferObject(buffer, operation)
  if (ops instanceof MemoryOfFd) return ops.fd
  throw new DmaBufError(
    'EINVAL',
    operation,
    `A buffer of ${buffer.exporterName} has no file descriptor`,
  )
}
