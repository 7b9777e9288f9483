import { ioctlCommand, IOC_WRITE } from './ioctl.js'
import { Struct } from './struct.js'

/** The new descriptor is closed where the process becomes another program. */
export const UDMABUF_FLAGS_CLOEXEC = 1

/** Size of `struct udmabuf_create`. */
export const UDMABUF_CREATE_BYTES = 24
/** Size of `struct udmabuf_create_item`. */
export const UDMABUF_CREATE_ITEM_BYTES = 24
/** Size of `struct udmabuf_create_list`, without the items that follow it. */
export const UDMABUF_CREATE_LIST_BYTES = 8

const magic = 'u'

/** Makes a buffer of a part of a memfd. */
export const UDMABUF_CREATE = ioctlCommand({
  direction: IOC_WRITE,
  magic,
  number: 0x42,
  sizeBytes: UDMABUF_CREATE_BYTES,
})
/** Makes a buffer of parts of several memfds. */
export const UDMABUF_CREATE_LIST = ioctlCommand({
  direction: IOC_WRITE,
  magic,
  number: 0x43,
  sizeBytes: UDMABUF_CREATE_LIST_BYTES,
})

/** `struct udmabuf_create_item`: a part of a memfd, in whole pages. */
export interface UdmabufItem {
  readonly memfd: number
  readonly offsetBytes: bigint
  readonly lengthBytes: bigint
}

/** `struct udmabuf_create`. */
export interface UdmabufCreate extends UdmabufItem {
  /** UDMABUF_FLAGS_CLOEXEC, or 0. */
  readonly flags: number
}

/** The bytes of `struct udmabuf_create`. */
export function encodeUdmabufCreate(create: UdmabufCreate): Uint8Array {
  return Struct.ofSize(UDMABUF_CREATE_BYTES)
    .setU32(0, create.memfd)
    .setU32(4, create.flags)
    .setU64(8, create.offsetBytes)
    .setU64(16, create.lengthBytes).bytes
}

/** `struct udmabuf_create` of its bytes. */
export function decodeUdmabufCreate(bytes: Uint8Array): UdmabufCreate {
  const struct = Struct.over(bytes, UDMABUF_CREATE_BYTES)
  return {
    memfd: struct.u32(0),
    flags: struct.u32(4),
    offsetBytes: struct.u64(8),
    lengthBytes: struct.u64(16),
  }
}

/** `struct udmabuf_create_list` with its items. */
export interface UdmabufCreateList {
  /** UDMABUF_FLAGS_CLOEXEC, or 0. */
  readonly flags: number
  /** 1 to 1024, where the kernel's `list_limit` is what it is by default. */
  readonly items: readonly UdmabufItem[]
}

/** The bytes of `struct udmabuf_create_list` and of what follows it. */
export function encodeUdmabufCreateList({ flags, items }: UdmabufCreateList): Uint8Array {
  const struct = Struct.ofSize(UDMABUF_CREATE_LIST_BYTES + items.length * UDMABUF_CREATE_ITEM_BYTES)
  struct.setU32(0, flags).setU32(4, items.length)
  for (const [index, item] of items.entries()) {
    const offset = UDMABUF_CREATE_LIST_BYTES + index * UDMABUF_CREATE_ITEM_BYTES
    struct
      .setU32(offset, item.memfd)
      .setU64(offset + 8, item.offsetBytes)
      .setU64(offset + 16, item.lengthBytes)
  }
  return struct.bytes
}

/**
 * `struct udmabuf_create_list` of its bytes, with the items that follow it.
 *
 * @throws {RangeError} unless there are as many items as it says
 */
export function decodeUdmabufCreateList(bytes: Uint8Array): UdmabufCreateList {
  const head = Struct.over(bytes.subarray(0, UDMABUF_CREATE_LIST_BYTES), UDMABUF_CREATE_LIST_BYTES)
  const count = head.u32(4)
  const sizeBytes = UDMABUF_CREATE_LIST_BYTES + count * UDMABUF_CREATE_ITEM_BYTES
  const struct = Struct.over(bytes, sizeBytes)
  const items: UdmabufItem[] = []
  for (let offset = UDMABUF_CREATE_LIST_BYTES; offset < sizeBytes;) {
    items.push({
      memfd: struct.u32(offset),
      offsetBytes: struct.u64(offset + 8),
      lengthBytes: struct.u64(offset + 16),
    })
    offset += UDMABUF_CREATE_ITEM_BYTES
  }
  return { flags: head.u32(0), items }
}
