import type { WaitOptions } from '../core/host.js'
import type { OwnedFd } from './owned-fd.js'

/** What the hub says of a buffer. */
export interface SharedBuffer {
  readonly index: number
  readonly lengthBytes: number
}

/** How a domain's buffers are asked for: of the hub over a link, or of the hub in this process. */
export interface DomainPort {
  /**
   * Gives a buffer's memory to the hub. Nobody can open it before announce().
   *
   * @param memory - borrowed
   * @throws {DmaBufError} EEXIST where the name is taken, ENOSPC, EPIPE without a hub
   */
  share(name: string, memory: OwnedFd, lengthBytes: number): Promise<SharedBuffer>
  /** Lets others open a buffer that we share: they can when this resolves. @throws {DmaBufError} EPIPE without a hub */
  announce(index: number): Promise<void>
  /**
   * Asks for a buffer's memory, which is the caller's then.
   *
   * @param wait - whether to wait until somebody shares it
   * @throws {DmaBufError} ENOENT, EPIPE without a hub
   */
  open(
    name: string,
    wait: boolean,
    options: WaitOptions,
  ): Promise<SharedBuffer & { readonly memory: OwnedFd }>
  /** Says that this process has no handle of a buffer any more. */
  release(index: number): void
  /** Ends the link, or all of them. Idempotent. */
  close(): Promise<void>
}
