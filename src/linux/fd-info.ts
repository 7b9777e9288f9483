import { readFileSync } from 'node:fs'
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
    return parseFdInfo(readFileSync(path))
  } catch {
    return undefined
  }
}

/** The same of the file's bytes. A name may have line ends in it, and stands last. */
export function parseFdInfo(bytes: Uint8Array): FdInfo | undefined {
  const text = decodeText(bytes)
  const [head = '', ...rest] = text.split('\nname:\t')
  const exporterName = /^exp_name:\t(.*)$/m.exec(head)?.[1]
  if (exporterName === undefined) return undefined
  const number = (key: string): string =>
    new RegExp(`^${key}:\\t(\\d+)$`, 'm').exec(head)?.[1] ?? '0'
  return {
    exporterName,
    name: rest.length === 0 ? undefined : rest.join('\nname:\t').replace(/\n$/, ''),
    lengthBytes: Number(number('size')),
    count: Number(number('count')),
    inode: BigInt(number('ino')),
  }
}
