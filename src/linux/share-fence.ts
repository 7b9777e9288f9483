import { DmaBufError } from '../core/errors.js'
import type { Fence } from '../core/fence/fence.js'
import { host, type WaitOptions } from '../core/host.js'
import { waitFor } from '../core/wait.js'
import type { FenceSlot } from '../interprocess/fence-board.js'
import { MessageType } from '../interprocess/link-message.js'
import { LinkMember } from './link-member.js'
import type { Link } from './link.js'

/** How long sharing waits for a slot that the peer lets go, and how often it looks. */
const PATIENCE_MS = 1000
const LOOK_MS = 2

/**
 * Shows one fence of any kind to the process at the other end of a link, which takes it with receiveFence():
 * software, merged, chained, of a timeline, or of another process.
 *
 * Resolves when the peer has it; from then on it signals there when it signals here, and fails with the same
 * errno. Two fences that are shared have nothing to do with each other: any of them may signal first.
 *
 * @rule FENCE-40
 * @throws {DmaBufError} EBUSY where the peer keeps all slots for fences that are over; EPROTO; ETIMEDOUT
 */
export async function shareFence(fence: Fence, to: Link, options: WaitOptions = {}): Promise<void> {
  const member = LinkMember.of(to)
  const slot = await freeSlot(member, options)
  if (member.own.closed) throw gone()
  const at = member.own.publisher.publishFence(fence, slot)
  const { driverName, timelineName } = fence
  await member.offer(MessageType.fenceShare, { at, driverName, timelineName }, options)
}

/**
 * The next fence that the process at the other end of a link shares: an ordinary one.
 *
 * It fails with EOWNERDEAD when its owner dies before it has signalled, with ENOENT when the link is closed.
 *
 * @throws {DmaBufError} EPROTO where what it sent is no fence; EPIPE when it left; EOWNERDEAD; ETIMEDOUT
 */
export async function receiveFence(from: Link, options: WaitOptions = {}): Promise<Fence> {
  return LinkMember.of(from).take(
    MessageType.fenceShare,
    ({ remote, at, names }) => remote.fences.fence({ ...at, seqno: 1 }, names),
    options,
  )
}

// A peer that is only slow is rung, looks, and lets slots go.
function freeSlot(member: LinkMember, options: WaitOptions): Promise<FenceSlot> {
  const { publisher } = member.own
  const deadlineNs = host().nowNs() + PATIENCE_MS * 1e6
  return waitFor('shareFence', options, (waiter) => {
    let stop = (): void => {}
    const look = (): void => {
      if (member.own.closed) {
        waiter.reject(gone())
        return
      }
      const slot = publisher.allocate()
      if (slot !== undefined) waiter.resolve(slot)
      else if (host().nowNs() >= deadlineNs) waiter.reject(publisher.busy())
      else stop = host().setTimer(LOOK_MS, look)
    }
    look()
    return () => stop()
  })
}

function gone(): DmaBufError {
  return new DmaBufError('EPIPE', 'shareFence', 'The link has ended')
}
