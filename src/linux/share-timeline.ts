import type { Timeline } from '../core/fence/timeline.js'
import type { WaitOptions } from '../core/host.js'
import { MessageType } from '../interprocess/link-message.js'
import { LinkMember } from './link-member.js'
import type { Link } from './link.js'

/**
 * Shows a timeline to the process at the other end of a link, which takes it with receiveTimeline().
 *
 * Signalling then reaches it through shared memory: a few stores, and a system call only if somebody waits.
 * However many are shared, a link has one page and one doorbell each way. The link's end is the end of the
 * timeline there; what fails from now on fails there with the same errno.
 *
 * @throws {DmaBufError} the error a timeline has ended with; EBUSY where all slots are in use; EPROTO for a
 * wrong answer; ETIMEDOUT
 */
export async function shareTimeline(
  timeline: Timeline,
  to: Link,
  options: WaitOptions = {},
): Promise<void> {
  if (timeline.end !== undefined) throw timeline.end
  const member = LinkMember.of(to)
  const at = member.own.publisher.publishTimeline(timeline)
  const names = { driverName: 'dmabuf', timelineName: timeline.name }
  await member.offer(MessageType.timelineShare, { at, ...names }, options)
}
