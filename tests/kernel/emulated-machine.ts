// Our emulation: the same calls on src/syscalls, over memory of JavaScript.
import assert from 'node:assert/strict'
import { DmaBufError } from '#src/core/errors.js'
import { openMemoryHeap } from '#src/core/heap/memory-heap.js'
import { HeapRegistry } from '#src/core/heap/registry.js'
import { mapDescriptor } from '#src/syscalls/mmap.js'
import { bufferOfDescriptor, OpenBuffer } from '#src/syscalls/open-buffer.js'
import { OpenHeap } from '#src/syscalls/open-heap.js'
import { OpenSwSync } from '#src/syscalls/open-sw-sync.js'
import { pollDescriptors } from '#src/syscalls/poll.js'
import { MAP_SHARED, PROT_READ, PROT_WRITE } from '#src/uapi/file.js'
import type { MapArea } from '#src/core/buffer/map-area.js'
import { Program } from '../helpers/program.js'
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

const TASK_NAME = 'emulated'
const LIMIT = 64

export class EmulatedMachine implements Machine {
  readonly features: ReadonlySet<Feature> = new Set<Feature>(['sw_sync'])
  readonly fenceNames = { driver: 'sw_sync', timeline: TASK_NAME }
  readonly #program = new Program({ limit: LIMIT })
  readonly #heaps = new HeapRegistry()

  constructor() {
    const memory = openMemoryHeap({ name: 'system' })
    const allocate = ({ lengthBytes, flags }: { lengthBytes: number; flags: number }) =>
      memory.allocate(lengthBytes, { flags })
    this.#heaps.add({ name: 'system', driverData: null, ops: { allocate } })
    // 0 to 2, as every program has them.
    for (let fd = 0; fd < 3; fd++) this.open('heap', 0)
  }

  open(node: NodeName, flags: number): Outcome {
    switch (node) {
      case 'heap':
        return this.#program.table.open(new OpenHeap(this.#heaps.find('system')!, flags))
      case 'sw_sync':
        return this.#program.table.open(new OpenSwSync(TASK_NAME, flags))
      default:
        return 'ENOENT'
    }
  }

  close(fd: number): Outcome {
    return outcome(() => {
      this.#program.table.close(fd)
      return 0
    })
  }

  dup(fd: number): Outcome {
    return outcome(() => this.#program.table.dup(fd))
  }

  closesOnExec(fd: number): boolean {
    return this.#program.table.closeOnExec(fd)
  }

  flagsOf(fd: number): Outcome {
    return outcome(() => this.#program.table.file(fd).flags)
  }

  async withFullTable<T>(use: () => Promise<T>): Promise<T> {
    const taken: number[] = []
    for (let fd = this.dup(0); typeof fd === 'number'; fd = this.dup(0)) taken.push(fd)
    try {
      return await use()
    } finally {
      for (const fd of taken) this.close(fd)
    }
  }

  ioctl(fd: number, command: number, argument: Uint8Array | bigint): Promise<Outcome> {
    const { memory } = this.#program
    const address = typeof argument === 'bigint' ? argument : memory.map(argument)
    return later(() => this.#program.ioctlAt(fd, command, address))
  }

  importBuffer(fd: number): Outcome {
    return outcome(() => {
      bufferOfDescriptor(this.#program.table, fd).close()
      return 0
    })
  }

  lseek(fd: number, offset: bigint, whence: number): Outcome {
    return outcome(() => Number(this.#program.table.file(fd).lseek(offset, whence)))
  }

  read(fd: number): Outcome {
    return outcome(() => this.#program.table.file(fd).read())
  }

  write(fd: number): Outcome {
    return outcome(() => this.#program.table.file(fd).write())
  }

  async mmap(fd: number, call: MmapCall): Promise<Mapped | string> {
    const defaults = { protection: PROT_READ | PROT_WRITE, flags: MAP_SHARED, pageOffset: 0n }
    try {
      const area = await mapDescriptor(this.#program.table, fd, { ...defaults, ...call })
      return new EmulatedMapping(area)
    } catch (error) {
      return nameOf(error)
    }
  }

  async poll(fd: number, events: number): Promise<number> {
    const [found] = await pollDescriptors(this.#program.table, [{ fd, events }], { timeoutMs: 0 })
    return found!
  }

  stat(fd: number): Stat {
    const file = this.#buffer(fd)
    const { mode, sizeBytes, blockCount } = file.fstat()
    return { mode, sizeBytes, blockCount, fileSystem: file.statfs().type }
  }

  fdinfo(fd: number): readonly string[] {
    const closeOnExec = this.closesOnExec(fd)
    const text = this.#buffer(fd).fdinfo({ closeOnExec, mountId: 1 })
    return text
      .replace(/^(mnt_id|ino):\t\d+$/gm, '$1:\tN')
      .replace(/\n$/, '')
      .split('\n')
  }

  path(fd: number): string {
    return this.#buffer(fd).path
  }

  memfd(): never {
    throw new Error('There are no memfds here')
  }

  addSeals(): Outcome {
    return 'EINVAL'
  }

  truncate(): Outcome {
    return 'EINVAL'
  }

  async fence(): Promise<MachineFence> {
    const program = this.#program
    const timeline = program.openTimeline(TASK_NAME)
    const fd = await program.createFence(timeline, 1)
    return { fd, signal: () => program.increment(timeline, 1) }
  }

  address(bytes: Uint8Array): bigint {
    return this.#program.memory.map(bytes)
  }

  readOnly(bytes: Uint8Array): bigint {
    return this.#program.memory.map(bytes, { isWritable: false })
  }

  atTheEnd(bytes: Uint8Array): bigint {
    return this.#program.memory.map(bytes)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#program[Symbol.dispose]()
  }

  #buffer(fd: number): OpenBuffer {
    const file = this.#program.table.file(fd)
    assert(file instanceof OpenBuffer)
    return file
  }
}

class EmulatedMapping implements Mapped {
  readonly #area: MapArea

  constructor(area: MapArea) {
    this.#area = area
  }

  read(offset: number, lengthBytes: number): readonly number[] {
    return [...this.#area.bytes!.subarray(offset, offset + lengthBytes)]
  }

  write(offset: number, bytes: readonly number[]): void {
    this.#area.bytes!.set(bytes, offset)
  }

  unmap(): void {
    this.#area.close()
  }
}

function outcome(call: () => number): Outcome {
  try {
    return call()
  } catch (error) {
    return nameOf(error)
  }
}

async function later(call: () => Promise<number>): Promise<Outcome> {
  try {
    return await call()
  } catch (error) {
    return nameOf(error)
  }
}

function nameOf(error: unknown): string {
  if (DmaBufError.is(error)) return error.code
  throw error
}
