import type { MapArea } from '../core/buffer/map-area.js'
import { DmaBufError } from '../core/errors.js'
import { MAP_PRIVATE, MAP_SHARED, PROT_WRITE } from '../uapi/file.js'
import type { DescriptorTable } from './descriptor-table.js'

/** The arguments of mmap(2), as 64-bit programs give them. */
export interface MmapArguments {
  readonly lengthBytes: bigint
  /** PROT_READ, PROT_WRITE. */
  readonly protection: number
  /** MAP_SHARED or MAP_PRIVATE. */
  readonly flags: number
  /** Where it begins in the file, pages. */
  readonly pageOffset: bigint
}

/** What a file is asked to map, after all checks that are the same for every file. */
export interface MapRequest {
  /** At least 1. */
  readonly pageCount: number
  readonly pageOffset: bigint
  readonly isShared: boolean
  readonly isWritable: boolean
}

const PAGE_BYTES = 4096n
const MAP_TYPE = 0xf
/** What an unsigned long counts to. */
const WORD = 2n ** 64n
/** The addresses that a program has. @kernel TASK_SIZE */
const ADDRESSES = 2n ** 47n - PAGE_BYTES

/**
 * Maps pages of an open file.
 *
 * @kernel mmap(2)
 * @rule BUF-31, HEAP-10
 * @returns yours to close; keeps the file open, whoever closes the descriptor
 * @throws {DmaBufError} EBADF; EINVAL for a length of 0; ENOMEM for one that no program has room for; EOVERFLOW
 *   for an end that wraps; EINVAL for other flags; EACCES where the access mode forbids it; then what the file says. As rejections
 */
export async function mapDescriptor(
  table: DescriptorTable,
  fd: number,
  { lengthBytes, protection, flags, pageOffset }: MmapArguments,
): Promise<MapArea> {
  const file = table.file(fd)
  if (lengthBytes === 0n) throw failure('EINVAL', 'Length must be 1 and up')
  const pages = (lengthBytes + PAGE_BYTES - 1n) / PAGE_BYTES
  if (pages * PAGE_BYTES > ADDRESSES) throw failure('ENOMEM', `Length must be less: ${lengthBytes}`)
  if ((pageOffset + pages) * PAGE_BYTES >= WORD)
    throw failure('EOVERFLOW', `Pages wrap: ${pages} at ${pageOffset}`)
  const type = flags & MAP_TYPE
  if (type !== MAP_SHARED && type !== MAP_PRIVATE)
    throw failure('EINVAL', `Mapping must be shared or private: ${flags}`)
  const isShared = type === MAP_SHARED
  const isWritable = (protection & PROT_WRITE) !== 0
  if (isShared && isWritable && !file.isWritable)
    throw failure('EACCES', 'File is not open for writing: map it private, or without PROT_WRITE')
  if (!file.isReadable) throw failure('EACCES', 'File is not open for reading')
  return file.map({ pageCount: Number(pages), pageOffset, isShared, isWritable })
}

function failure(code: string, message: string): DmaBufError {
  return new DmaBufError(code, 'mmap', message, { rule: 'BUF-31' })
}
