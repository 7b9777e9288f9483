import { closeSync, openSync, readSync } from 'node:fs'
import { decodeText } from '../uapi/struct.js'
import type { OwnedFd } from './owned-fd.js'

/** What the kernel tells of a dma-buf through /proc/self/fdinfo. @rule BUF-61, BUF-62 */
export interface FdInfo {
  readonly exporterName: string
  /** Undefined until it was set. Bytes that are no UTF-8 are lone surrogates, U+DC80 to U+DCFF. */
  readonly name: string | undefined
  readonly lengthBytes: number
  /** References on its file: descriptors, mappings, importers, armed polls. */
  readonly count: number
  readonly inode: bigint
}

/**
 * What the kernel tells of a dma-buf's descriptor.
 *
 * @returns undefined for what is no dma-buf, and where /proc cannot be read
 * @throws {DmaBufError} EBADF for a closed descriptor
 */
export function fdInfo(fd: OwnedFd): FdInfo | undefined {
  const path = `/proc/self/fdinfo/${fd.number}`
  try {
    return parseFdInfo(readSmallFile(path))
  } catch {
    return undefined
  }
}

/** More than the kernel has to tell, a name of 31 bytes included. */
const scratch = new Uint8Array(4096)

// For each buffer that comes in: readFileSync() takes half as long again.
function readSmallFile(path: string): Uint8Array {
  const file = openSync(path, 'r')
  try {
    return scratch.subarray(0, readSync(file, scratch))
  } finally {
    closeSync(file)
  }
}

/** The same of the file's bytes. A name may have line ends in it, and stands last. */
export function parseFdInfo(bytes: Uint8Array): FdInfo | undefined {
  const text = decodeText(bytes)
  const [head = '', ...rest] = text.split('\nname:\t')
  const facts = new Map(head.split('\n').map((line) => line.split(':\t') as [string, string]))
  const exporterName = facts.get('exp_name')
  if (exporterName === undefined) return undefined
  return {
    exporterName,
    name: rest.length === 0 ? undefined : rest.join('\nname:\t').replace(/\n$/, ''),
    lengthBytes: Number(facts.get('size') ?? 0),
    count: Number(facts.get('count') ?? 0),
    inode: BigInt(facts.get('ino') ?? 0),
  }
}
