import { ioctlCommand, IOC_READ, IOC_WRITE } from './ioctl.js'
import { Struct } from './struct.js'

/** The CPU reads. @rule BUF-49 */
export const DMA_BUF_SYNC_READ = 1
/** The CPU writes. @rule BUF-49 */
export const DMA_BUF_SYNC_WRITE = 2
/** Both. */
export const DMA_BUF_SYNC_RW = 3
/** The access begins: no bit, the absence of END. @rule BUF-49 */
export const DMA_BUF_SYNC_START = 0
/** The access ends. */
export const DMA_BUF_SYNC_END = 4
/** All bits that SYNC knows. @rule BUF-49 */
export const DMA_BUF_SYNC_VALID_FLAGS_MASK = 7
/** Room for a buffer's name, its NUL included. @rule BUF-52 */
export const DMA_BUF_NAME_LEN = 32
/** What statfs says of a buffer's descriptor: "DMAB". @rule BUF-14 */
export const DMA_BUF_MAGIC = 0x444d4142

const magic = 'b'

/** Begins or ends CPU access. @rule BUF-49 */
export const DMA_BUF_IOCTL_SYNC = ioctlCommand({
  direction: IOC_WRITE,
  magic,
  number: 0,
  sizeBytes: 8,
})
/** Names a buffer, as 32-bit programs ask. @rule BUF-52 */
export const DMA_BUF_SET_NAME_A = ioctlCommand({
  direction: IOC_WRITE,
  magic,
  number: 1,
  sizeBytes: 4,
})
/** Names a buffer, as 64-bit programs ask. @rule BUF-52 */
export const DMA_BUF_SET_NAME_B = ioctlCommand({
  direction: IOC_WRITE,
  magic,
  number: 1,
  sizeBytes: 8,
})
/** Takes a snapshot of a buffer's fences as a sync_file. @rule BUF-55 */
export const DMA_BUF_IOCTL_EXPORT_SYNC_FILE = ioctlCommand({
  direction: IOC_READ | IOC_WRITE,
  magic,
  number: 2,
  sizeBytes: 8,
})
/** Adds a sync_file's fences to a buffer. @rule BUF-57 */
export const DMA_BUF_IOCTL_IMPORT_SYNC_FILE = ioctlCommand({
  direction: IOC_WRITE,
  magic,
  number: 3,
  sizeBytes: 8,
})

/** Size of the argument of DMA_BUF_IOCTL_SYNC. */
export const DMA_BUF_SYNC_BYTES = 8
/** Size of the argument of DMA_BUF_IOCTL_EXPORT_SYNC_FILE and of IMPORT. */
export const DMA_BUF_SYNC_FILE_BYTES = 8

/** The `flags` of `struct dma_buf_sync`. */
export function decodeSync(bytes: Uint8Array): bigint {
  return Struct.over(bytes, DMA_BUF_SYNC_BYTES).u64(0)
}

/** `struct dma_buf_sync`. */
export function encodeSync(flags: bigint): Uint8Array {
  return Struct.ofSize(DMA_BUF_SYNC_BYTES).setU64(0, flags).bytes
}

/** `struct dma_buf_export_sync_file`, and the import's, which looks the same. */
export interface SyncFileArgument {
  /** DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE or both. */
  readonly flags: number
  /** The sync_file's descriptor: out for the export, in for the import. */
  readonly fd: number
}

/** `struct dma_buf_export_sync_file` or `struct dma_buf_import_sync_file` of its bytes. */
export function decodeSyncFileArgument(bytes: Uint8Array | Struct): SyncFileArgument {
  const struct = Struct.over(bytes, DMA_BUF_SYNC_FILE_BYTES)
  return { flags: struct.u32(0), fd: struct.s32(4) }
}

/** The bytes of `struct dma_buf_export_sync_file` or `struct dma_buf_import_sync_file`. @param into - used again */
export function encodeSyncFileArgument(
  { flags, fd }: SyncFileArgument,
  into = Struct.ofSize(DMA_BUF_SYNC_FILE_BYTES),
): Uint8Array {
  return into.setU32(0, flags).setS32(4, fd).bytes
}
