// Buffers of the kernel's without a kernel that has them: a pipe is a buffer, readable while nobody writes it, and the
// calls that only a dma-buf answers are answered here. What is real is the descriptor, its readiness and the event loop.
import { closeSync, readSync, writeSync } from 'node:fs'
import { native, ONLY_IF_READY, type Native } from '#src/linux/native.js'
import { OwnedFd } from '#src/linux/owned-fd.js'
import { DMA_BUF_IOCTL_SYNC, DMA_BUF_MAGIC, DMA_BUF_SET_NAME_B } from '#src/uapi/dma-buf.js'
import { POLLIN } from '#src/uapi/file.js'
import { Struct } from '#src/uapi/struct.js'

const ENOTTY = -25
const EAGAIN = -11

type Replaced = 'fileSystem' | 'sync' | 'ioctl' | 'ioctlOnThread' | 'pollNow' | 'allocateFromHeap'

/** Answers until it is disposed. */
export class FakeKernelBuffers implements Disposable {
  /** Each SYNC: its flags, with `thread` where it was not made here. */
  readonly syncs: string[] = []
  readonly names: string[] = []
  /** What a driver answers to any other ioctl. */
  answer: (request: number, argument: Uint8Array) => number = () => ENOTTY
  /** What a heap answers. */
  allocate: Native['allocateFromHeap'] = () => ENOTTY
  /** What SYNC answers. */
  syncResult: number | undefined = undefined
  /** Holds the next SYNC of a thread until it is called. */
  letThreadGo: (() => void) | undefined
  holdsThread = false
  readonly #native: Pick<Native, Replaced> = native()
  readonly #real: Pick<Native, Replaced>
  readonly #writers: number[] = []

  constructor() {
    const { fileSystem, sync, ioctl, ioctlOnThread, pollNow, allocateFromHeap } = this.#native
    this.#real = { fileSystem, sync, ioctl, ioctlOnThread, pollNow, allocateFromHeap }
    // Nobody reads what the test works on: who may read it may write it.
    this.#native.pollNow = (fd, events) => (pollNow(fd, POLLIN) === POLLIN ? events : 0)
    this.#native.fileSystem = (fd) => (fileSystem(fd) < 0 ? fileSystem(fd) : DMA_BUF_MAGIC)
    this.#native.sync = (call) => {
      if ((call & ONLY_IF_READY) !== 0 && pollNow(call >> 4, POLLIN) === 0) return EAGAIN
      this.syncs.push(String(call & 7))
      return this.syncResult
    }
    this.#native.allocateFromHeap = (heap, lengthBytes, flags, inode) => {
      const fd = this.allocate(heap, lengthBytes, flags, inode)
      if (fd >= 0) native().stat(fd, inode)
      return fd
    }
    this.#native.ioctl = (_fd, request, argument) => this.#ioctl(request >>> 0, argument)
    this.#native.ioctlOnThread = (_fd, request, argument) => this.#onThread(request >>> 0, argument)
  }

  /** A descriptor of a new buffer that nobody works on, and what makes it busy. */
  make(): { readonly fd: OwnedFd; busy(): void; ready(): void } {
    const pair = new Int32Array(2)
    native().pipe(pair)
    const [reader = -1, writer = -1] = pair
    this.#writers.push(writer)
    writeSync(writer, '!')
    return {
      fd: OwnedFd.adopt(reader),
      busy: () => void readSync(reader, new Uint8Array(1)),
      ready: () => void writeSync(writer, '!'),
    }
  }

  [Symbol.dispose](): void {
    Object.assign(this.#native, this.#real)
    for (const writer of this.#writers) closeSync(writer)
  }

  #ioctl(request: number, argument: Uint8Array | number | undefined): number {
    if (!(argument instanceof Uint8Array)) return ENOTTY
    if (request !== DMA_BUF_SET_NAME_B) return this.answer(request, argument)
    this.names.push(new Struct(argument).name(0))
    return 0
  }

  #onThread(request: number, argument: Uint8Array | number | undefined): Promise<number> | number {
    if (request !== DMA_BUF_IOCTL_SYNC || !(argument instanceof Uint8Array)) return ENOTTY
    this.syncs.push(`thread ${argument[0]}`)
    const result = this.syncResult ?? 0
    if (!this.holdsThread) return Promise.resolve(result)
    return new Promise((resolve) => {
      this.letThreadGo = () => resolve(result)
    })
  }
}
