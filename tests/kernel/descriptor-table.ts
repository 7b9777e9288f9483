// The table of descriptors of this process, made full but for some places.
import { Struct } from '#src/uapi/struct.js'
import { mustCall, systemCall } from './raw-calls.js'

const RLIMIT_NOFILE = 7
const F_GETFD = 1

/** The descriptors of this process. */
export function openDescriptors(): Set<number> {
  const open = new Set<number>()
  for (let fd = 0; fd < 256; fd++)
    if (typeof systemCall('fcntl', fd, F_GETFD) === 'number') open.add(fd)
  return open
}

/** Calls `use` while so many descriptors are free. */
export async function withRoomFor<T>(count: number, use: () => Promise<T>): Promise<T> {
  const limits = new Uint8Array(16)
  mustCall('prlimit64', 0, RLIMIT_NOFILE, 0, limits)
  const lower = Struct.ofSize(16)
  const most = Math.max(...openDescriptors()) + 8 + count
  lower.setU64(0, BigInt(most)).setU64(8, new Struct(limits).u64(8))
  const taken: number[] = []
  mustCall('prlimit64', 0, RLIMIT_NOFILE, lower.bytes, 0)
  try {
    for (let fd = systemCall('dup', 0); typeof fd === 'number'; fd = systemCall('dup', 0))
      taken.push(fd)
    for (const fd of taken.splice(0, count)) mustCall('close', fd)
    return await use()
  } finally {
    mustCall('prlimit64', 0, RLIMIT_NOFILE, limits, 0)
    for (const fd of taken) mustCall('close', fd)
  }
}
