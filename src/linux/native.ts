import { createRequire } from 'node:module'
import { DmaBufError, errnoName } from '../core/errors.js'

/** A mapping of the addon; opaque. */
export type MappingHandle = object & { readonly dmabufMapping: true }

/** A poll of the addon; opaque. Hold on to it: a collected one is closed. */
export type PollHandle = object & { readonly dmabufPoll: true }

/** Offsets in an argument, each followed by the array whose address belongs there. */
export type Addresses = readonly (number | Uint8Array)[]

/** What a poll does before it calls back. */
export const PollMode = { events: 0, messages: 1, doorbell: 2 } as const

/** In the call of sync(): nothing is done where somebody is in the way, but -EAGAIN. */
export const ONLY_IF_READY = 8

/** How a mapping is made: shared, private (reads follow the owner, stores go nowhere), or read only. */
export const MapMode = { shared: 0, private: 1, readOnly: 2 } as const

/**
 * The addon's functions. All return 0 or more, or -errno; none waits, but futexSleep, and
 * ioctl and openFile where the driver does.
 * The C files under native/ say what each does.
 */
export interface Native {
  memfd(name: string, flags: number): number
  truncate(fd: number, lengthBytes: number): number
  allocate(fd: number, lengthBytes: number): number
  addSeals(fd: number, seals: number): number
  getSeals(fd: number): number
  stat(fd: number, into: Int32Array): number
  dup(fd: number): number
  openFile(path: string, flags: number): number
  fileSystem(fd: number): number
  fileFlags(fd: number): number
  seek(fd: number, offset: number, whence: number): number
  pollNow(fd: number, events: number): number
  close(fd: number): number
  setCloseOnExec(fd: number): number
  own(fd: number): number
  disown(fd: number): number

  /** @param offsetBytes - whole pages; 0 where absent */
  map(fd: number, lengthBytes: number, mode: number, offsetBytes?: number): MappingHandle | number
  view(mapping: MappingHandle, lengthBytes: number, kept?: 0 | 1): ArrayBuffer | number | undefined
  end(mapping: MappingHandle, view: ArrayBuffer): number
  unmap(mapping: MappingHandle, lingers?: 0 | 1): number
  copy(mapping: MappingHandle, offset: number, bytes: Uint8Array, into: 0 | 1): number
  load(mapping: MappingHandle, offset: number): number
  store(mapping: MappingHandle, offset: number, value: number): number

  futexWake(mapping: MappingHandle, offset: number): number
  futexSleep(
    word: MappingHandle,
    offset: number,
    expected: number,
    ms: number,
    own: MappingHandle,
    ownOffset: number,
    wake?: MappingHandle,
    wakeOffset?: number,
  ): number

  ioctl(fd: number, request: number, argument?: Uint8Array | number, addresses?: Addresses): number
  ioctlOnThread(
    fd: number,
    request: number,
    argument?: Uint8Array | number,
  ): Promise<number> | number
  /**
   * Undefined where it is done, for speed.
   * @param call - 16 times the descriptor, the flags, and ONLY_IF_READY where it is not to wait
   */
  sync(call: number): number | undefined

  allocateFromHeap(heap: number, lengthBytes: number, flags: number, inode: Int32Array): number

  letOthersRun(): number

  socketPair(into: Int32Array): number
  listen(path: string, mode: number, backlog: number): number
  connect(path: string): number
  accept(fd: number): number
  peer(fd: number, into: Int32Array): number
  isLink(fd: number): number
  passCredentials(fd: number, on: 0 | 1): number
  send(fd: number, bytes: Uint8Array, lengthBytes: number, fds?: Int32Array): number
  receive(fd: number, bytes: Uint8Array, ancillary: Int32Array): number

  pipe(into: Int32Array): number

  doorbell(into: Int32Array): number
  ring(fd: number): number
  pollOpen(
    fd: number,
    callback: (events: number, received: number) => void,
    mode: number,
    bytes?: Uint8Array,
    ancillary?: Int32Array,
  ): PollHandle | number
  pollStart(poll: PollHandle, events: number): number
  pollRef(poll: PollHandle, on: 0 | 1): number
  pollClose(poll: PollHandle): number
}

let loaded: Native | undefined
let failure: DmaBufError | undefined

/**
 * The addon, loaded at the first call: importing this package never fails.
 *
 * @throws {DmaBufError} ERR_DMABUF_NATIVE_UNAVAILABLE where it is missing, with what to do
 */
export function native(): Native {
  if (loaded !== undefined) return loaded
  if (failure !== undefined) throw failure
  try {
    loaded = load()
    return loaded
  } catch (error) {
    failure = DmaBufError.is(error) ? error : unavailable(String(error), error)
    throw failure
  }
}

function load(): Native {
  const { platform, arch, versions } = process
  if (platform !== 'linux') throw unavailable(`it needs Linux, this is ${platform}`)
  if (versions['bun'] !== undefined)
    throw unavailable('Bun has no uv_poll: run this program on Node')
  const path = process.env['DMABUF_NATIVE'] ?? `../../prebuilds/linux-${arch}/dmabuf.node`
  // A copy: what V8 keeps as a dictionary while it is filled stays one, and each call looks into it.
  return { ...(createRequire(import.meta.url)(path) as Native) }
}

function unavailable(why: string, cause?: unknown): DmaBufError {
  const reason = why.split('\n')[0] ?? why
  return new DmaBufError(
    'ERR_DMABUF_NATIVE_UNAVAILABLE',
    'load',
    `The native part of dmabuf could not be loaded: ${reason}. ` +
      'In a checkout run `npm run build:native` (a C compiler is enough)',
    cause === undefined ? {} : { cause },
  )
}

/** The result of a native call, or the error it stands for. */
export function check(result: number, operation: string, what: () => string): number {
  if (result >= 0) return result
  const code = errnoName(-result)
  throw new DmaBufError(code, operation, `${what()}${HINTS[code] ?? ''}`)
}

const HINTS: Readonly<Record<string, string>> = {
  EMFILE: ': this process has too many open files; close some, or raise `ulimit -n`',
  ENFILE: ': the machine has too many open files',
  ENOMEM: ': not enough memory',
}
