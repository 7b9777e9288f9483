import { bufferObject, type DmaBuf } from '../core/buffer/buffer.js'
import type { ExporterOps } from '../core/buffer/exporter.js'
import { PAGE_BYTES } from '../core/buffer/page.js'
import { SgTable } from '../core/buffer/sg-table.js'
import { DmaBufError } from '../core/errors.js'
import type { Mapping } from './mapping.js'
import type { OwnedFd } from './owned-fd.js'

/** Memory behind a descriptor: our own memfd, or one that a peer sent. Both parts move here. */
export class MemoryOfFd {
  readonly fd: OwnedFd
  readonly mapping: Mapping
  readonly lengthBytes: number

  constructor(fd: OwnedFd, mapping: Mapping, lengthBytes: number) {
    this.fd = fd
    this.mapping = mapping
    this.lengthBytes = lengthBytes
  }
}

/** The exporter of mapped descriptors. */
export const memoryOfFdOps: ExporterOps<MemoryOfFd> = {
  map(_attachment, _direction, { lengthBytes }) {
    const pageCount = Math.ceil(lengthBytes / PAGE_BYTES)
    return SgTable.fromPages(Array.from({ length: pageCount }, (_, index) => index))
  },
  unmap() {},
  openView: (access, lifetime, lengthBytes, { mapping }) =>
    mapping.openView(access, lifetime, lengthBytes),
  release({ mapping, fd }) {
    mapping.close()
    fd.close()
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
