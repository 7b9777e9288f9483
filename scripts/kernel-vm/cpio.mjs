// Archives that the kernel unpacks into its first root file system ("newc").
const S_IFDIR = 0o040000
const S_IFREG = 0o100000
const S_IFLNK = 0o120000
const ALIGNMENT = 4

export const folder = (name) => ({ name, mode: S_IFDIR | 0o755 })
export const file = (name, bytes, permissions = 0o644) => ({
  name,
  mode: S_IFREG | permissions,
  bytes,
})
export const link = (name, target) => ({ name, mode: S_IFLNK | 0o777, bytes: Buffer.from(target) })

function padded(bytes) {
  const rest = bytes.length % ALIGNMENT
  return rest === 0 ? [bytes] : [bytes, Buffer.alloc(ALIGNMENT - rest)]
}

function record({ name, mode, bytes = Buffer.alloc(0) }, inode) {
  const path = Buffer.from(`${name}\0`)
  // inode, mode, uid, gid, links, time, size, device, device of the node, length of the name, checksum
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, path.length, 0]
  const numbers = fields.map((field) => field.toString(16).toUpperCase().padStart(8, '0'))
  const head = Buffer.concat([Buffer.from(`070701${numbers.join('')}`), path])
  return [...padded(head), ...padded(bytes)]
}

/** @param entries - folders before what is in them */
export function cpio(entries) {
  const end = { name: 'TRAILER!!!', mode: 0 }
  return Buffer.concat([...entries, end].flatMap((entry, index) => record(entry, index + 1)))
}
