// Sync files without a kernel that makes them: pipes whose ioctls are answered here. What is real is the
// descriptor, its readiness and the event loop.
import { closeSync, fstatSync, writeSync } from 'node:fs'
import { native, type Addresses, type Native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import {
  decodeFileInfo,
  decodeMergeData,
  decodeSetDeadline,
  encodeFenceInfo,
  encodeFileInfo,
  storeMergedFence,
  SYNC_FENCE_INFO_BYTES,
  SYNC_IOC_FILE_INFO,
  SYNC_IOC_MERGE,
  SYNC_IOC_SET_DEADLINE,
  type FenceInfo,
} from '#src/uapi/sync-file.js'

const ENOTTY = 25
const EINVAL = 22

export const PENDING: FenceInfo = {
  driverName: 'gpu',
  timelineName: 'ring',
  status: 0,
  timestampNs: 0n,
}

/** One sync file; the test changes what it says. */
export class FakeSyncFile {
  name: string
  fences: FenceInfo[]
  /** Of the file's own fence; that of its fences where absent. */
  status: number | undefined
  readonly deadlines: bigint[] = []
  readonly writer: number

  constructor(writer: number, name: string, fences: FenceInfo[]) {
    this.writer = writer
    this.name = name
    this.fences = fences
  }

  /** Signals all that is pending, and makes the descriptor readable. */
  signal(status = 1, timestampNs = 5000n): void {
    this.fences = this.fences.map((fence) =>
      fence.status === 0 ? { ...fence, status, timestampNs } : fence,
    )
    writeSync(this.writer, '!')
  }
}

/** Answers ioctls of sync files until it is disposed. */
export class FakeSyncFiles implements Disposable {
  /** Called before each FILE_INFO: what may change meanwhile. */
  onFileInfo: (file: FakeSyncFile) => void = () => {}
  /** What SET_DEADLINE answers. */
  deadlineResult = 0
  readonly #files = new Map<number, FakeSyncFile>()
  readonly #real = native().ioctl
  readonly #native: { ioctl: Native['ioctl'] } = native()

  constructor() {
    this.#native.ioctl = (fd, request, argument, addresses = []) =>
      this.#answer(fd, request >>> 0, argument, addresses)
  }

  make(
    fences: readonly Partial<FenceInfo>[] = [{}],
    name = 'file',
  ): { fd: OwnedFd; file: FakeSyncFile } {
    const pair = new Int32Array(2)
    native().pipe(pair)
    const file = new FakeSyncFile(
      pair[1]!,
      name,
      fences.map((fence) => ({ ...PENDING, ...fence })),
    )
    this.#files.set(fstatSync(pair[0]!).ino, file)
    return { fd: OwnedFd.adopt(pair[0]!), file }
  }

  /** The sync file behind a descriptor. */
  of(fd: OwnedFd): FakeSyncFile | undefined {
    return this.#files.get(fstatSync(fd.number).ino)
  }

  [Symbol.dispose](): void {
    this.#native.ioctl = this.#real
    for (const { writer } of this.#files.values()) closeSync(writer)
  }

  #answer(
    fd: number,
    request: number,
    argument: Uint8Array | number | undefined,
    addresses: Addresses,
  ): number {
    const file = isOpen(fd) ? this.#files.get(fstatSync(fd).ino) : undefined
    if (file === undefined || !(argument instanceof Uint8Array))
      return this.#real(fd, request, argument, addresses)
    if (request === SYNC_IOC_FILE_INFO) return this.#fileInfo(file, argument, addresses)
    if (request === SYNC_IOC_MERGE) return this.#merge(file, argument)
    if (request !== SYNC_IOC_SET_DEADLINE) return -ENOTTY
    file.deadlines.push(decodeSetDeadline(argument).deadlineNs)
    return this.deadlineResult
  }

  #fileInfo(file: FakeSyncFile, argument: Uint8Array, [, array]: Addresses): number {
    this.onFileInfo(file)
    const asked = decodeFileInfo(argument)
    const { name, fences } = file
    if (asked.fenceCount > 0 && asked.fenceCount < fences.length) return -EINVAL
    if (asked.fenceCount > 0 && array instanceof Uint8Array)
      for (const [index, fence] of fences.entries())
        array.set(encodeFenceInfo(fence), index * SYNC_FENCE_INFO_BYTES)
    const worst = fences.find(({ status }) => status <= 0)?.status ?? 1
    const status = file.status ?? worst
    argument.set(encodeFileInfo({ ...asked, name, status, fenceCount: fences.length }))
    return 0
  }

  #merge(file: FakeSyncFile, argument: Uint8Array): number {
    const { name, fd2 } = decodeMergeData(argument)
    const other = this.#files.get(fstatSync(fd2).ino)
    const { fd } = this.make([...file.fences, ...(other?.fences ?? [])], name)
    storeMergedFence(argument, fd.release())
    return 0
  }
}

function isOpen(fd: number): boolean {
  try {
    fstatSync(fd)
    return true
  } catch {
    return false
  }
}
