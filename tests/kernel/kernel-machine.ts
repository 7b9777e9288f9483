// The real kernel, by bare system calls.
import { existsSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { check, native } from '#src/linux/native.js'
import { errnoName } from '#src/core/errors.js'
import { MAP_SHARED, PROT_READ, PROT_WRITE } from '#src/uapi/file.js'
import { Struct } from '#src/uapi/struct.js'
import type {
  Feature,
  Machine,
  MachineFence,
  Mapped,
  MmapCall,
  NodeName,
  Outcome,
  Stat,
} from './machine.js'
import { openDescriptors, withRoomFor } from './descriptor-table.js'
import { mustCall, raw, systemCall, wordOf } from './raw-calls.js'
import { Vgem } from './vgem.js'

const NODES: Readonly<Record<NodeName, string>> = {
  heap: '/dev/dma_heap/system',
  udmabuf: '/dev/udmabuf',
  sw_sync: '/sys/kernel/debug/sync/sw_sync',
}
/** Files that observations open: Node has files of its own. */
const OURS =
  /^(\/dmabuf:|anon_inode:sync_file|\/memfd:|\/dev\/dma_heap\/|\/dev\/udmabuf|\/.*\/sw_sync$)/
const PAGE_BYTES = 4096
const [F_GETFD, F_GETFL, FD_CLOEXEC] = [1, 3, 1]
const [MFD_CLOEXEC, MFD_ALLOW_SEALING, MFD_HUGETLB, F_ADD_SEALS] = [1, 2, 4, 1033]
const [MAP_PRIVATE, MAP_ANONYMOUS] = [2, 0x20]

export class KernelMachine implements Machine {
  readonly features: ReadonlySet<Feature>
  readonly fenceNames = { driver: 'vgem', timeline: 'unbound' }
  readonly #memory: Uint8Array[] = []
  readonly #mappings: KernelMapping[] = []
  readonly #vgem = new Vgem()
  /** What was open before; what is of a machine and came later is closed at the end. */
  readonly #before = openDescriptors()

  constructor() {
    const features: Feature[] = []
    if (existsSync(NODES.udmabuf)) features.push('udmabuf')
    if (existsSync(NODES.sw_sync)) features.push('sw_sync')
    this.features = new Set(features)
  }

  open(node: NodeName, flags: number): Outcome {
    const fd = native().openFile(NODES[node], flags)
    return fd < 0 ? errnoName(-fd) : fd
  }

  close(fd: number): Outcome {
    return systemCall('close', fd)
  }

  dup(fd: number): Outcome {
    return systemCall('dup', fd)
  }

  closesOnExec(fd: number): boolean {
    return (mustCall('fcntl', fd, F_GETFD) & FD_CLOEXEC) !== 0
  }

  flagsOf(fd: number): Outcome {
    return systemCall('fcntl', fd, F_GETFL)
  }

  withFullTable<T>(use: () => Promise<T>): Promise<T> {
    return withRoomFor(0, use)
  }

  async ioctl(
    fd: number,
    command: number,
    argument: Uint8Array | bigint,
    waits = false,
  ): Promise<Outcome> {
    if (!waits || typeof argument === 'bigint') return systemCall('ioctl', fd, command, argument)
    const result = await native().ioctlOnThread(fd, command, argument)
    return result < 0 ? errnoName(-result) : result
  }

  importBuffer(fd: number): Outcome {
    return this.#vgem.importBuffer(fd)
  }

  lseek(fd: number, offset: bigint, whence: number): Outcome {
    return systemCall('lseek', fd, offset, whence)
  }

  read(fd: number): Outcome {
    return systemCall('read', fd, new Uint8Array(1), 1)
  }

  write(fd: number): Outcome {
    return systemCall('write', fd, new Uint8Array(1), 1)
  }

  async mmap(fd: number, call: MmapCall): Promise<Mapped | string> {
    const { lengthBytes, protection = PROT_READ | PROT_WRITE, flags = MAP_SHARED } = call
    const offset = (call.pageOffset ?? 0n) * BigInt(PAGE_BYTES)
    const result = wordOf('mmap', 0, lengthBytes, protection, flags, fd, offset)
    if (result < 0n) return errnoName(Number(-result))
    const mapping = new KernelMapping(result, lengthBytes)
    this.#mappings.push(mapping)
    return mapping
  }

  async poll(fd: number, events: number): Promise<number> {
    const request = Struct.ofSize(8).setS32(0, fd).setU32(4, events)
    mustCall('poll', request.bytes, 1, 0)
    return request.u32(4) >>> 16
  }

  stat(fd: number): Stat {
    const file = Struct.ofSize(144)
    mustCall('fstat', fd, file.bytes)
    const system = Struct.ofSize(120)
    mustCall('fstatfs', fd, system.bytes)
    return {
      mode: file.u32(24),
      sizeBytes: Number(file.u64(48)),
      blockCount: Number(file.u64(64)),
      fileSystem: system.u32(0),
    }
  }

  fdinfo(fd: number): readonly string[] {
    const text = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
    return text
      .replace(/^(mnt_id|ino):\t\d+$/gm, '$1:\tN')
      .replace(/\n$/, '')
      .split('\n')
  }

  path(fd: number): string {
    return readlinkSync(`/proc/self/fd/${fd}`)
  }

  memfd(lengthBytes: number, seals: number | undefined, hugePages = 0): number {
    if (hugePages > 0) writeFileSync('/proc/sys/vm/nr_hugepages', String(hugePages))
    const sealing = seals === undefined ? 0 : MFD_ALLOW_SEALING
    const flags = MFD_CLOEXEC | sealing | (hugePages > 0 ? MFD_HUGETLB : 0)
    const fd = check(native().memfd('observed', flags), 'memfd', () => 'memfd')
    mustCall('ftruncate', fd, lengthBytes)
    if (seals !== undefined && seals !== 0) mustCall('fcntl', fd, F_ADD_SEALS, seals)
    return fd
  }

  addSeals(fd: number, seals: number): Outcome {
    return systemCall('fcntl', fd, F_ADD_SEALS, seals)
  }

  truncate(fd: number, lengthBytes: number): Outcome {
    return systemCall('ftruncate', fd, lengthBytes)
  }

  async fence(): Promise<MachineFence> {
    return this.#vgem.fence()
  }

  address(bytes: Uint8Array): bigint {
    this.#memory.push(bytes)
    return raw.addressOf(bytes)
  }

  readOnly(bytes: Uint8Array): bigint {
    const page = anonymousPages(1)
    raw.copy(bytes, page, bytes.length)
    mustCall('mprotect', page, PAGE_BYTES, PROT_READ)
    return page
  }

  atTheEnd(bytes: Uint8Array): bigint {
    const pages = anonymousPages(2)
    const end = pages + BigInt(PAGE_BYTES)
    mustCall('munmap', end, PAGE_BYTES)
    const start = end - BigInt(bytes.length)
    raw.copy(bytes, start, bytes.length)
    return start
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A process that has written to a private mapping of a heap's buffer cannot fork: see docs/kernel-vm.md.
    for (const mapping of this.#mappings) mapping.unmap()
    for (const fd of openDescriptors())
      if (!this.#before.has(fd) && OURS.test(this.path(fd))) systemCall('close', fd)
    this.#vgem.close()
    this.#memory.length = 0
  }
}

class KernelMapping implements Mapped {
  readonly #address: bigint
  readonly #lengthBytes: bigint
  #isMapped = true

  constructor(address: bigint, lengthBytes: bigint) {
    this.#address = address
    this.#lengthBytes = lengthBytes
  }

  read(offset: number, lengthBytes: number): readonly number[] {
    const bytes = new Uint8Array(lengthBytes)
    raw.copy(this.#address + BigInt(offset), bytes, lengthBytes)
    return [...bytes]
  }

  write(offset: number, bytes: readonly number[]): void {
    raw.copy(Uint8Array.from(bytes), this.#address + BigInt(offset), bytes.length)
  }

  /** Idempotent: the machine does it at its end. */
  unmap(): void {
    if (this.#isMapped) mustCall('munmap', this.#address, this.#lengthBytes)
    this.#isMapped = false
  }
}

function anonymousPages(count: number): bigint {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS
  return wordOf('mmap', 0, count * PAGE_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0)
}
