import { DmaBufError } from '../core/errors.js'
import type { Fence } from '../core/fence/fence.js'
import type { FenceSlot } from './fence-board.js'
import type { FenceReader } from './fence-reader.js'
import { FollowedTimeline, type RemoteNames } from './followed-timeline.js'

/** Finished timelines that are looked for whenever another is followed: so that few are ever left over. */
const TIDIED = 2

/** What a fence is named by between members. */
export interface FenceName extends FenceSlot {
  readonly seqno: number
}

/** All that this program follows of one other member, until that one dies or is left. */
export class RemoteFences {
  readonly reader: FenceReader
  /** What was opened by hand, and is closed by hand. */
  readonly #timelines = new Set<FollowedTimeline>()
  /** What is followed while fences of it are pending, and the slot that it was found in; oldest first. */
  readonly #pending = new Map<FollowedTimeline, number>()
  /** What was found last in a slot. */
  readonly #found = new Map<number, { generation: number; followed: FollowedTimeline }>()

  constructor(reader: FenceReader) {
    this.reader = reader
  }

  /** Follows a timeline until close(); undefined where its slot is used for something else by now. */
  follow(at: FenceSlot, names: RemoteNames): FollowedTimeline | undefined {
    const followed = FollowedTimeline.of(this.reader, at, { names })
    if (followed !== undefined) this.#timelines.add(followed)
    return followed
  }

  /** Follows it no more: its pending fences fail with this. Idempotent. */
  close(followed: FollowedTimeline, error: DmaBufError): void {
    this.#timelines.delete(followed)
    followed.closeWith(error)
  }

  /**
   * One fence, as an ordinary one; undefined where its slot is used for something else by now: look again at
   * where you had it from. The same timeline serves all fences of a slot.
   */
  fence(name: FenceName, names: RemoteNames): Fence | undefined {
    this.#tidy()
    const followed = this.#inSlot(name) ?? this.#followPending(name, names)
    if (followed === undefined) return undefined
    // Before the look: what failed just now is then told exactly.
    const fence = followed.timeline.fence(name.seqno)
    followed.look()
    return fence
  }

  /** To be called when rung: finds what changed. */
  rung(): void {
    this.reader.catchUp()
    this.#tidy()
  }

  /** The other member is gone: looks a last time, then fails what is pending, once. */
  end(errorOf: (timelineName: string) => DmaBufError): void {
    this.reader.lookAtAll()
    const all = [...this.#timelines, ...this.#pending.keys()]
    this.#timelines.clear()
    this.#pending.clear()
    this.#found.clear()
    for (const followed of all) followed.closeWith(errorOf(followed.timeline.name))
  }

  // Not what went on elsewhere since: of what failed long ago it may know nothing any more.
  #inSlot({ slot, generation }: FenceSlot): FollowedTimeline | undefined {
    const found = this.#found.get(slot)
    const isThere = found?.generation === generation && found.followed.slot === slot
    return isThere ? found.followed : undefined
  }

  #followPending(
    { slot, generation }: FenceSlot,
    names: RemoteNames,
  ): FollowedTimeline | undefined {
    const idle = (): void => {
      if (followed !== undefined) this.#forget(followed)
    }
    const at = { slot, generation }
    const followed = FollowedTimeline.of(this.reader, at, { names, idle })
    if (followed === undefined) return undefined
    this.#pending.set(followed, slot)
    this.#found.set(slot, { generation, followed })
    return followed
  }

  // What is over keeps its owner's slot from being used again. What is not goes to the end.
  #tidy(): void {
    for (let tries = 0; tries < TIDIED; tries++) {
      const [first] = this.#pending
      if (first === undefined) return
      const [followed, slot] = first
      this.#pending.delete(followed)
      this.#pending.set(followed, slot)
      followed.look()
    }
  }

  #forget(followed: FollowedTimeline): void {
    const slot = this.#pending.get(followed)
    if (slot === undefined) return
    this.#pending.delete(followed)
    if (this.#found.get(slot)?.followed === followed) this.#found.delete(slot)
    followed.closeWith(over(followed.timeline.name))
  }
}

function over(name: string): DmaBufError {
  return new DmaBufError('ENOENT', 'timeline', `Timeline ${name} is not followed any more`)
}
