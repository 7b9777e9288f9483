import type { AbortSignalLike } from '../core/host.js'
import type { DescriptorTable } from './descriptor-table.js'
import type { UserMemory } from './user-memory.js'

/** Who makes a system call: its memory and its descriptors, borrowed for the length of the call. */
export interface Caller {
  readonly memory: UserMemory
  readonly table: DescriptorTable
  /** Aborted where a signal interrupts the call: what waits then fails with EINTR. @rule C-1 */
  readonly signal?: AbortSignalLike | undefined
}
