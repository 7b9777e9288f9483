// What an observation may do: system calls of one program, on the real kernel or on our emulation of it.

/** What a call returned: a number, or the name of its error. */
export type Outcome = number | string

/** Files that a program opens by name. */
export type NodeName = 'heap' | 'udmabuf' | 'sw_sync'

/** What some machines have and others do not. */
export type Feature = 'udmabuf' | 'sw_sync'

/** The arguments of mmap(2). */
export interface MmapCall {
  readonly lengthBytes: bigint
  /** PROT_READ | PROT_WRITE where absent. */
  readonly protection?: number
  /** MAP_SHARED where absent. */
  readonly flags?: number
  /** Pages; 0 where absent. */
  readonly pageOffset?: bigint
}

/** Pages that a program mapped. */
export interface Mapped {
  read(offset: number, lengthBytes: number): readonly number[]
  write(offset: number, bytes: readonly number[]): void
  unmap(): void
}

/** A fence that the observation signals when it wants, and the sync_file that carries it. */
export interface MachineFence {
  readonly fd: number
  signal(): Promise<void>
}

/** What fstat(2) and fstatfs(2) tell of a buffer. */
export interface Stat {
  readonly mode: number
  readonly sizeBytes: number
  readonly blockCount: number
  readonly fileSystem: number
}

/** One program on one machine. Closing it closes all that it has left open. */
export interface Machine extends AsyncDisposable {
  readonly features: ReadonlySet<Feature>
  /** Driver and timeline of its fences, as sync_files tell them. */
  readonly fenceNames: { readonly driver: string; readonly timeline: string }

  open(node: NodeName, flags: number): Outcome
  close(fd: number): Outcome
  dup(fd: number): Outcome
  closesOnExec(fd: number): boolean
  /** F_GETFL. */
  flagsOf(fd: number): Outcome
  /** Calls `use` while no descriptor is free. */
  withFullTable<T>(use: () => Promise<T>): Promise<T>

  /**
   * @param argument - a structure, which is written in place, or a bare argument
   * @param waits - it may wait for a fence: the caller goes on meanwhile
   */
  ioctl(
    fd: number,
    command: number,
    argument: Uint8Array | bigint,
    waits?: boolean,
  ): Promise<Outcome>
  /** What importers do with a descriptor first. @returns 0, or the error */
  importBuffer(fd: number): Outcome
  lseek(fd: number, offset: bigint, whence: number): Outcome
  read(fd: number): Outcome
  write(fd: number): Outcome
  mmap(fd: number, call: MmapCall): Promise<Mapped | string>
  /** poll(2) without waiting: the events that are there. */
  poll(fd: number, events: number): Promise<number>
  stat(fd: number): Stat
  /** The lines of fdinfo; the number of the mount and the inode read as `N`. */
  fdinfo(fd: number): readonly string[]
  /** Where /proc says that it leads. */
  path(fd: number): string

  /**
   * Memory in a file, of machines that have udmabuf.
   *
   * @param seals - undefined: it cannot be sealed
   * @param hugePages - of huge pages of 2 MiB each: so many are set aside
   */
  memfd(lengthBytes: number, seals: number | undefined, hugePages?: number): number
  addSeals(fd: number, seals: number): Outcome
  truncate(fd: number, lengthBytes: number): Outcome

  /** A pending fence of its own. It may signal by itself after some seconds. */
  fence(): Promise<MachineFence>

  /** The address of bytes. They are the machine's memory until it is closed. */
  address(bytes: Uint8Array): bigint
  /** The same for bytes that calls cannot write to. */
  readOnly(bytes: Uint8Array): bigint
  /** The same for bytes behind which nothing is mapped. */
  atTheEnd(bytes: Uint8Array): bigint
}

/** F_SEAL_… */
export const SEAL = { seal: 1, shrink: 2, grow: 4, write: 8, futureWrite: 16 } as const

/** An address where nothing is mapped. */
export const NOWHERE = 0xdead0000n
