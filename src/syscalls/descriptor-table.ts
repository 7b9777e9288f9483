import { DmaBufError } from '../core/errors.js'
import { O_PATH } from '../uapi/file.js'
import type { OpenFile } from './open-file.js'

interface Slot {
  /** Undefined while the number is only reserved. */
  file: OpenFile | undefined
  closeOnExec: boolean
}

/** What belongs to a descriptor rather than to its file. */
export interface DescriptorOptions {
  /** Whether exec() closes it; false where absent. @kernel O_CLOEXEC */
  readonly closeOnExec?: boolean
  /** The lowest number that will do; 0 where absent. @kernel F_DUPFD */
  readonly lowest?: number
}

/** How many descriptors a process may have where nobody says: what Linux starts processes with. */
const DEFAULT_LIMIT = 1024

/**
 * The descriptors of one process: small numbers for open files, the lowest free one first.
 *
 * A number is reserved first and gets its file last, when nothing can fail any more: a call that fails in
 * between leaves no descriptor behind.
 *
 * @kernel struct files_struct
 * @rule BUF-15, BUF-16
 */
export class DescriptorTable implements Disposable {
  /** Numbers are below it. @kernel RLIMIT_NOFILE */
  readonly limit: number
  readonly #slots: (Slot | undefined)[] = []
  #openCount = 0
  /** All numbers below it are taken: where the search for a free one begins. @kernel next_fd */
  #nextFree = 0

  constructor({ limit = DEFAULT_LIMIT }: { readonly limit?: number } = {}) {
    if (!Number.isSafeInteger(limit) || limit < 0)
      throw new RangeError(`limit must be an integer from 0: ${limit}`)
    this.limit = limit
  }

  /** Descriptors that are open; those only reserved do not count. */
  get openCount(): number {
    return this.#openCount
  }

  /** Numbers taken: open descriptors and those that wait for their file. */
  get takenCount(): number {
    return this.#slots.reduce((count, slot) => count + (slot === undefined ? 0 : 1), 0)
  }

  /**
   * Takes the lowest free number, for install() or cancel().
   *
   * @kernel get_unused_fd_flags
   * @throws {DmaBufError} EMFILE where all numbers below the limit are taken
   */
  reserve({ closeOnExec = false, lowest = 0 }: DescriptorOptions = {}): number {
    const slots = this.#slots
    let fd = Math.max(lowest, this.#nextFree)
    while (fd < slots.length && slots[fd] !== undefined) fd++
    if (fd >= this.limit)
      throw new DmaBufError(
        'EMFILE',
        'open',
        `Close descriptors first: all ${this.limit} are taken`,
      )
    slots[fd] = { file: undefined, closeOnExec }
    if (lowest <= this.#nextFree) this.#nextFree = fd + 1
    return fd
  }

  /** Opens a reserved number on a file, whose reference moves here. Cannot fail. @kernel fd_install */
  install(fd: number, file: OpenFile): void {
    this.#reserved(fd).file = file
    this.#openCount++
  }

  /** Gives a reserved number back. @kernel put_unused_fd */
  cancel(fd: number): void {
    this.#reserved(fd)
    this.#free(fd)
  }

  /**
   * A new descriptor on a file, whose reference moves here.
   *
   * @throws {DmaBufError} EMFILE; the caller still owns its reference then. @rule BUF-16
   */
  open(file: OpenFile, options: DescriptorOptions = {}): number {
    const fd = this.reserve(options)
    this.install(fd, file)
    return fd
  }

  /**
   * The file of a descriptor, borrowed: get() it where it must outlive this call.
   *
   * @kernel fget
   * @rule BUF-17
   * @throws {DmaBufError} EBADF where none is open there; an O_PATH descriptor counts as not open
   */
  file(fd: number): OpenFile {
    const { file } = this.#open(fd)
    if ((file.flags & O_PATH) !== 0) throw notOpen(fd)
    return file
  }

  /**
   * Another descriptor on the same open file.
   *
   * @kernel dup, F_DUPFD, F_DUPFD_CLOEXEC
   * @throws {DmaBufError} EBADF, EMFILE
   */
  dup(fd: number, options: DescriptorOptions = {}): number {
    const { file } = this.#open(fd)
    const copy = this.reserve(options)
    this.install(copy, file.get())
    return copy
  }

  /**
   * Another descriptor on the same open file in another process's table: what SCM_RIGHTS does.
   *
   * @rule BUF-20
   * @throws {DmaBufError} EBADF; EMFILE of the other table
   */
  pass(fd: number, to: DescriptorTable, options: DescriptorOptions = {}): number {
    const { file } = this.#open(fd)
    const copy = to.reserve(options)
    to.install(copy, file.get())
    return copy
  }

  /** Closes a descriptor; the last one of a file releases it. @throws {DmaBufError} EBADF */
  close(fd: number): void {
    const { file } = this.#open(fd)
    this.#free(fd)
    this.#openCount--
    file.put()
  }

  /** Whether exec() closes a descriptor. @kernel F_GETFD @throws {DmaBufError} EBADF */
  closeOnExec(fd: number): boolean {
    return this.#open(fd).closeOnExec
  }

  /** @kernel F_SETFD @throws {DmaBufError} EBADF */
  setCloseOnExec(fd: number, closeOnExec: boolean): void {
    this.#open(fd).closeOnExec = closeOnExec
  }

  /** Closes what the process leaves behind when it becomes another program. */
  exec(): void {
    for (const fd of this.descriptors()) if (this.closeOnExec(fd)) this.close(fd)
  }

  /** A table with the same descriptors on the same files: a child process's. */
  fork(): DescriptorTable {
    const child = new DescriptorTable({ limit: this.limit })
    for (const fd of this.descriptors()) {
      const { file, closeOnExec } = this.#open(fd)
      child.install(child.reserve({ closeOnExec, lowest: fd }), file.get())
    }
    return child
  }

  /** The numbers that are open, in order. */
  descriptors(): readonly number[] {
    const open: number[] = []
    for (let fd = 0; fd < this.#slots.length; fd++)
      if (this.#slots[fd]?.file !== undefined) open.push(fd)
    return open
  }

  /** Closes everything: the process is gone. */
  [Symbol.dispose](): void {
    for (const fd of this.descriptors()) this.close(fd)
  }

  #free(fd: number): void {
    this.#slots[fd] = undefined
    if (fd < this.#nextFree) this.#nextFree = fd
  }

  #open(fd: number): Slot & { file: OpenFile } {
    const slot = this.#slots[fd]
    if (slot?.file === undefined) throw notOpen(fd)
    return slot as Slot & { file: OpenFile }
  }

  #reserved(fd: number): Slot {
    const slot = this.#slots[fd]
    if (slot === undefined || slot.file !== undefined)
      throw new RangeError(`Descriptor must be reserved: ${fd}`)
    return slot
  }
}

function notOpen(fd: number): DmaBufError {
  return new DmaBufError('EBADF', 'descriptor', `No file is open there: ${fd}`, { rule: 'BUF-17' })
}
