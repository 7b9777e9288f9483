import { DmaBufError } from '../core/errors.js'
import type { Timeline } from '../core/fence/timeline.js'
import type { WaitOptions } from '../core/host.js'
import { MessageType } from '../interprocess/link-message.js'
import { TIMELINE_PAGE_BYTES, WatcherPageReader } from '../interprocess/timeline-page.js'
import { Doorbell } from './doorbell.js'
import type { Link } from './link.js'
import { MapMode, Mapping } from './mapping.js'
import { checkReceivedMemory } from './memfd.js'
import { TimelinePublisher, type Watcher } from './timeline-publisher.js'

let lastShare = 0

/**
 * Shows a timeline to the process at the other end of a link, which takes it with receiveTimeline().
 *
 * Signalling then reaches it through shared memory: a store, and a system call only if somebody waits.
 * The link's end is the end of the timeline there.
 *
 * @throws {DmaBufError} the error a timeline has ended with; EPROTO for a wrong answer; ETIMEDOUT
 */
export async function shareTimeline(
  timeline: Timeline,
  to: Link,
  options: WaitOptions = {},
): Promise<void> {
  if (timeline.end !== undefined) throw timeline.end
  const publisher = TimelinePublisher.of(timeline)
  const bell = new Doorbell()
  try {
    const name = new TextEncoder().encode(timeline.name)
    const argument = (lastShare = (lastShare + 1) & 0x7fffffff)
    const fds = [publisher.page, bell.set]
    await to.post(MessageType.timelineShare, name, { fds, argument, ...options })
    bell.set.close()
    const answer = await answerTo(argument, to, options)
    const [page, ...surplus] = answer?.fds ?? []
    for (const fd of surplus) fd.close()
    if (page === undefined)
      throw new DmaBufError('EPROTO', 'shareTimeline', 'The peer did not accept the timeline')
    try {
      checkReceivedMemory(page, TIMELINE_PAGE_BYTES, 'a watcher page')
      const mapping = new Mapping(page, TIMELINE_PAGE_BYTES, MapMode.readOnly)
      watch(publisher, bell, { mapping, to })
      // What was signalled, or ended, while the peer answered: nobody else will tell it.
      bell.ring()
    } finally {
      page.close()
    }
  } catch (error) {
    bell.close()
    throw error
  }
}

// Not the late answer to a share that was given up before.
async function answerTo(
  argument: number,
  to: Link,
  options: WaitOptions,
): ReturnType<Link['next']> {
  for (;;) {
    const answer = await to.next(MessageType.timelineAccept, options)
    if (answer === undefined || answer.argument === argument) return answer
    for (const fd of answer.fds) fd.close()
  }
}

function watch(
  publisher: TimelinePublisher,
  bell: Doorbell,
  watcherSide: { mapping: Mapping; to: Link },
): void {
  const { mapping, to } = watcherSide
  let watcher: Watcher
  try {
    watcher = { page: new WatcherPageReader(mapping.words()), bell }
  } catch (error) {
    mapping.close()
    throw error
  }
  publisher.watchers.add(watcher)
  to.onEnd(() => {
    publisher.watchers.delete(watcher)
    bell.close()
    mapping.close()
  })
}
