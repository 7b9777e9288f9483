import { MAX_MEMBERS, MemberLayout } from '../interprocess/member-page.js'
import { DomainGroup } from './domain-group.js'
import { DomainHub } from './domain-hub.js'
import { Domain } from './domain.js'
import { LinkServer } from './link-server.js'
import type { PeerPolicy } from './peer-policy.js'

/** What a domain is made for. */
export interface DomainOptions extends PeerPolicy {
  /** Members at a time, the hub among them: 2 to 32, 32 where absent. */
  readonly members?: number
  /** Buffers that are shared at a time: 1 to 1024, 64 where absent. */
  readonly buffers?: number
  /** Fences of one member that the others may wait for at a time: 64 to 65536, 1024 where absent. */
  readonly slots?: number
}

/** The domain of a hub, which can end members. */
export interface ServedDomain extends Domain {
  /**
   * Ends a member that is stuck, say: its fences fail and its locks are free for all others, though it may live.
   *
   * @returns false where there is no such member
   */
  evict(index: number, reason: string): boolean
}

/**
 * Begins a domain, and listens for members at a path. This process is its hub, and its member 0.
 *
 * @returns owned: close() it, or hold it with `await using`
 * @throws {DmaBufError} EADDRINUSE where somebody listens there; EACCES; ENAMETOOLONG
 */
export function serveDomain(path: string, options: DomainOptions = {}): Promise<ServedDomain> {
  try {
    const { members = MAX_MEMBERS, buffers = 64, slots = 1024 } = options
    checkRange('members', members, [2, MAX_MEMBERS])
    checkRange('buffers', buffers, [1, 1024])
    checkRange('slots', slots, [64, 65536])
    const group = new DomainGroup(0, new MemberLayout({ slots, buffers, members }))
    const hub = new DomainHub(group)
    const domain = new HubDomain(group, hub)
    try {
      hub.serve(new LinkServer(path, options, (link) => hub.accept(link)))
      return Promise.resolve(domain)
    } catch (error) {
      return domain.close().then(() => Promise.reject(error))
    }
  } catch (error) {
    return Promise.reject(error)
  }
}

class HubDomain extends Domain implements ServedDomain {
  readonly #hub: DomainHub

  constructor(group: DomainGroup, hub: DomainHub) {
    super(group, hub)
    this.#hub = hub
  }

  evict(index: number, reason: string): boolean {
    return this.#hub.evict(index, reason)
  }
}

function checkRange(what: string, value: number, [least, most]: readonly [number, number]): void {
  if (!Number.isSafeInteger(value) || value < least || value > most)
    throw new RangeError(`A domain has ${least} to ${most} ${what}: ${value}`)
}
