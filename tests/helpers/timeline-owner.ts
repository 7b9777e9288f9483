// A process that owns timelines and shares them over links, and what tests tell it to do.
import type { Timeline } from '#src/index.js'
import type { Link } from '#src/linux/index.js'
import { connectLink } from '#src/linux/link-connect.js'
import { receiveTimeline, type RemoteTimeline } from '#src/linux/remote-timeline.js'
import { Remote, type RemoteOptions } from './remote.js'

export interface OwnerState {
  timeline: Timeline
  links: Link[]
  shared: number
}

/** An owner process: everybody who connects to its path is shown its timeline. */
export class TimelineOwner implements AsyncDisposable {
  readonly remote: Remote<OwnerState>
  readonly path: string
  #received = 0

  private constructor(remote: Remote<OwnerState>, path: string) {
    this.remote = remote
    this.path = path
  }

  /** @param startsAt - the value that is reached before anybody sees it */
  static async start(
    path: string,
    startsAt = 0,
    process: RemoteOptions = {},
  ): Promise<TimelineOwner> {
    const remote = await Remote.start<OwnerState>(process)
    await remote.run(
      async ({ core, linux, state }, at, first) => {
        state.timeline = core.createTimeline('work')
        if (first > 0) state.timeline.signal(first)
        state.links = []
        state.shared = 0
        const listener = await linux.serveLinks(at)
        const serve = async (): Promise<void> => {
          for await (const link of listener) {
            state.links.push(link)
            void linux.shareTimeline(state.timeline, link).then(() => state.shared++)
          }
        }
        void serve()
      },
      path,
      startsAt,
    )
    return new TimelineOwner(remote, path)
  }

  get pid(): number {
    return this.remote.pid
  }

  /** Its timeline, as this process sees it, and the link it came over. */
  async receive(): Promise<{ timeline: RemoteTimeline; link: Link } & AsyncDisposable> {
    const link = await connectLink(this.path)
    const timeline = await receiveTimeline(link)
    const shared = ++this.#received
    await this.remote.run(
      ({ state, resources }, count) => resources.until(() => state.shared >= count),
      shared,
    )
    return {
      timeline,
      link,
      async [Symbol.asyncDispose]() {
        timeline.close()
        await link.close()
      },
    }
  }

  async signal(...seqnos: readonly number[]): Promise<void> {
    await this.remote.run(({ state }, all) => {
      for (const seqno of all) state.timeline.signal(seqno)
    }, seqnos)
  }

  /** Signals after so many milliseconds, without waiting for it; or kills itself then. */
  async later(delayMs: number, seqno: number | 'die'): Promise<void> {
    await this.remote.run(
      ({ state }, ms, what) => {
        setTimeout(() => {
          if (what === 'die') process.kill(process.pid, 'SIGKILL')
          else state.timeline.signal(what)
        }, ms)
      },
      delayMs,
      seqno,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.remote[Symbol.asyncDispose]()
  }
}
