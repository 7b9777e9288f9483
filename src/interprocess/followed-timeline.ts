import { DmaBufError, errnoName } from '../core/errors.js'
import { Timeline } from '../core/fence/timeline.js'
import type { FenceSlot } from './fence-board.js'
import type { FenceReader } from './fence-reader.js'
import type { LineListener, RemoteLine } from './remote-line.js'

/** What a timeline or fence of another member is called. */
export interface RemoteNames {
  /** Who owns it: "process 123". */
  readonly owner: string
  readonly driverName: string
  readonly timelineName: string
}

/** Another member's timeline as an ordinary one: its fences signal, fail and can be waited for. */
export class FollowedTimeline implements LineListener {
  readonly timeline: Timeline
  readonly #line: RemoteLine
  readonly #names: RemoteNames
  readonly #idle: (() => void) | undefined

  private constructor(reader: FenceReader, at: FenceSlot, names: RemoteNames, idle?: () => void) {
    this.#idle = idle
    this.#names = names
    const { owner, driverName, timelineName } = names
    const look = (): void => this.#line.look()
    this.timeline = new Timeline(timelineName, { owner, driverName, refresh: look, enable: look })
    const line = reader.watch(at, this)
    if (line === undefined) throw new Gone()
    this.#line = line
  }

  /**
   * Follows the timeline in a slot; undefined where that is used for something else by now.
   *
   * @param options.idle - called, perhaps more than once, when a look has left no fence pending
   */
  static of(
    reader: FenceReader,
    at: FenceSlot,
    options: { readonly names: RemoteNames; readonly idle?: () => void },
  ): FollowedTimeline | undefined {
    try {
      return new FollowedTimeline(reader, at, options.names, options.idle)
    } catch (error) {
      if (error instanceof Gone) return undefined
      throw error
    }
  }

  /** The slot that it is in now; -1 once closed. */
  get slot(): number {
    return this.#line.slot
  }

  /** The low word of the counter as it was last seen: what a sleeper expects to find. */
  get expectedWord(): number {
    return this.#line.latest | 0
  }

  /** Looks at the owner's words. */
  look(): void {
    this.#line.look()
  }

  /** Looks no more: pending fences fail with this, unless the timeline has ended before. */
  closeWith(error: DmaBufError): void {
    this.#line.close()
    this.timeline.closeWith(error)
  }

  /** @internal */
  get wanted(): number | undefined {
    return this.timeline.wanted
  }

  /** @internal */
  advanced(seqno: number): void {
    this.timeline.advance(seqno)
    this.#settled()
  }

  /** @internal */
  failed(seqno: number, errno: number): void {
    this.timeline.advance(seqno, this.#error(errno, `failed at ${seqno} in`))
    this.#settled()
  }

  /** @internal */
  ended(errno: number): void {
    if (this.timeline.end === undefined) this.timeline.closeWith(this.#error(errno, 'was ended by'))
    this.#settled()
  }

  #settled(): void {
    if (this.#idle !== undefined && !this.timeline.hasPending) this.#idle()
  }

  #error(errno: number, what: string): DmaBufError {
    const { owner, timelineName } = this.#names
    const message = `Timeline ${timelineName} ${what} its owner (${owner})`
    return new DmaBufError(errnoName(errno), 'timeline', message)
  }
}

class Gone extends Error {}
