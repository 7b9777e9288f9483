import { joinDomain, openMemfdHeap } from '#src/linux/index.js'
import { until } from '../../tests/helpers/leaks.js'
import { Bystander } from './bystander.js'
import { Guest } from './guest.js'
import type { Operation } from './operation.js'
import { BUFFER_BYTES, STEP_BUFFERS } from './step-buffers.js'

/** What a member of a domain does to shared memory, and what the others may see of it meanwhile. */
export interface DomainOperation {
  /** How many of its fences are pending in the first buffer: before it, in the middle of it, after it. */
  readonly pending: readonly number[]
  /** What its fences may end with besides EOWNERDEAD. */
  readonly ends?: readonly string[]
  /** The buffer that another member has locked when it begins, and unlocks a while later. */
  readonly taken?: number
  /** Whether it has the first lock when it begins: the others wait for it then. */
  readonly isHolding?: boolean
  /** Joins, or serves. */
  readonly prepare: (path: string) => Promise<Operation>
}

/** An operation of one that has joined, and has both buffers. */
function asGuest(
  act: (guest: Guest) => unknown,
  ready: (guest: Guest) => unknown = () => {},
): DomainOperation['prepare'] {
  return async (path) => {
    const guest = await Guest.join(path)
    return {
      ready: async () => {
        await ready(guest)
      },
      act: () => act(guest),
    }
  }
}

/** An operation of the hub, which has shared both buffers. */
function asHub(act: (hub: Bystander) => unknown): DomainOperation['prepare'] {
  return async (path) => {
    const hub = await Bystander.serve(path)
    return { act: () => act(hub) }
  }
}

/** What members do: two others look on, one of them the hub. */
export const memberOperations: Readonly<Record<string, DomainOperation>> = {
  join: { pending: [0], prepare: async (path) => ({ act: () => joinDomain(path) }) },
  open: {
    pending: [0],
    prepare: async (path) => {
      const domain = await joinDomain(path)
      return { act: () => domain.open(STEP_BUFFERS[0]!) }
    },
  },
  lock: { pending: [0], prepare: asGuest((guest) => guest.lockAlone()) },
  'lock that is taken': {
    pending: [0],
    taken: 0,
    prepare: asGuest((guest) => guest.lockAlone()),
  },
  'lock two': { pending: [0], prepare: asGuest((guest) => guest.lock(2)) },
  // Whoever has the second is older: the first is given back, and both are taken anew.
  'lock two and give way': { pending: [0], taken: 1, prepare: asGuest((guest) => guest.lock(2)) },
  'reserve and add': {
    pending: [1],
    isHolding: true,
    prepare: asGuest(
      (guest) => guest.addOthers(2),
      async (guest) => {
        await guest.leaveFence()
        await guest.lock()
      },
    ),
  },
  unlock: {
    pending: [1, 3],
    isHolding: true,
    prepare: asGuest(
      (guest) => guest.unlock(),
      async (guest) => {
        await guest.leaveFence()
        await guest.lock()
        guest.addOthers(2)
      },
    ),
  },
  'unlock two': {
    pending: [0, 2],
    isHolding: true,
    prepare: asGuest(
      (guest) => guest.unlock(),
      async (guest) => {
        await guest.lock(2)
        guest.addOthers(2)
      },
    ),
  },
  replace: {
    pending: [1],
    prepare: asGuest(
      async (guest) => {
        await guest.lock()
        guest.add(2)
        guest.unlock()
      },
      (guest) => guest.leaveFence(),
    ),
  },
  signal: {
    pending: [1, 0],
    ends: ['signalled'],
    prepare: asGuest(
      (guest) => guest.signal(),
      (guest) => guest.leaveFence(2),
    ),
  },
  fail: {
    pending: [1, 0],
    ends: ['EIO'],
    prepare: asGuest(
      (guest) => guest.fail(),
      (guest) => guest.leaveFence(2),
    ),
  },
  // The slot of what has signalled is given back, and used again.
  retire: {
    pending: [1, 0, 1],
    ends: ['signalled'],
    prepare: asGuest(
      async (guest) => {
        guest.signal()
        await guest.lock()
        guest.add(2)
        guest.unlock()
      },
      (guest) => guest.leaveFence(),
    ),
  },
  'close a buffer': {
    pending: [1],
    prepare: asGuest(
      (guest) => guest.closeBuffer(),
      (guest) => guest.leaveFence(),
    ),
  },
  leave: {
    pending: [1, 0],
    ends: ['ENOENT'],
    prepare: asGuest(
      (guest) => guest.domain.close(),
      (guest) => guest.leaveFence(),
    ),
  },
  'leave with a lock': {
    pending: [0],
    isHolding: true,
    prepare: asGuest(
      (guest) => guest.domain.close(),
      (guest) => guest.lock(2),
    ),
  },
}

/** What hubs do: two members look on. */
export const hubOperations: Readonly<Record<string, DomainOperation>> = {
  admit: {
    pending: [0],
    prepare: asHub(({ domain }) => until(() => domain.members.length === 2)),
  },
  share: {
    pending: [0],
    prepare: asHub(({ domain }) => domain.share(openMemfdHeap().allocate(BUFFER_BYTES), 'third')),
  },
  lock: { pending: [0], prepare: asHub((hub) => hub.hold(0)) },
  evict: { pending: [0], prepare: asHub((hub) => hub.evict(2)) },
  leave: { pending: [0], prepare: asHub(({ domain }) => domain.close()) },
}
