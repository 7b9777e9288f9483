import { DmaBufError } from '../core/errors.js'
import { host } from '../core/host.js'
import { warn } from '../core/warn.js'
import type { QueueProducer } from '../interprocess/queue-producer.js'
import type { Consumer } from './consumer.js'
import type { SlowConsumerPolicy } from './queue-options.js'

/** What a queue does about slow consumers. */
interface SlowConsumerActions {
  /** Tells one to leave; what it has stays its own until it is gone. */
  readonly disconnect: (consumer: Consumer, reason: DmaBufError) => void
  /** Drops one that broke the protocol, with all it has. */
  readonly drop: (consumer: Consumer, reason: DmaBufError) => void
  /** Whether somebody waits for a buffer. */
  readonly isWaited: () => boolean
  /** Looks for free buffers once more. */
  readonly retry: () => void
}

/** Watches, while a queue has no free buffer, who keeps them: names whoever has not moved for too long. */
export class SlowConsumers {
  readonly #policy: SlowConsumerPolicy
  readonly #producer: QueueProducer
  readonly #consumers: readonly Consumer[]
  readonly #actions: SlowConsumerActions
  #stop: (() => void) | undefined
  #progress = new Map<Consumer, number>()

  constructor(
    policy: SlowConsumerPolicy,
    queue: { readonly producer: QueueProducer; readonly consumers: readonly Consumer[] },
    actions: SlowConsumerActions,
  ) {
    this.#policy = policy
    this.#producer = queue.producer
    this.#consumers = queue.consumers
    this.#actions = actions
  }

  /** Those that keep buffers now, the one with most first. */
  get blockers(): Consumer[] {
    const views = this.#producer.blockers().map((blocker) => blocker.consumer)
    return views.flatMap((view) => this.#consumers.filter((consumer) => consumer.view === view))
  }

  /** Why there is no free buffer, as the rest of a sentence. */
  describe(): string {
    const parts = this.blockers.map(describeConsumer)
    const { pendingCount } = this.#producer
    if (pendingCount > 0) parts.push(`${pendingCount} published frames wait for their own fences`)
    return parts.length === 0 ? '' : `: ${parts.join('; ')}`
  }

  /** Somebody waits for a buffer: time runs, if it does not already. */
  startPatience(): void {
    if (this.#stop !== undefined) return
    this.#progress = new Map(this.#consumers.map((consumer) => [consumer, progressOf(consumer)]))
    this.#stop = host().setTimer(this.#policy.afterMs, () => {
      this.#stop = undefined
      this.#loseOffenders()
      this.#losePatience()
    })
  }

  /** Nobody waits any more. */
  endPatience(): void {
    this.#stop?.()
    this.#stop = undefined
  }

  #losePatience(): void {
    const { afterMs, then } = this.#policy
    for (const consumer of this.blockers) {
      // What it holds within its cap never stalls the camera; what it has not read or still uses does.
      const { view } = consumer
      const stalls =
        !view.evicted && (view.keptFrom() <= this.#producer.published || consumer.releasing > 0)
      if (!stalls || this.#progress.get(consumer) !== progressOf(consumer)) continue
      const what = `Consumer ${consumer.id} (${consumer.peerName}) has not moved for ${afterMs} ms`
      if (then === 'wait')
        warn({ rule: 'DMABUF_SLOW_CONSUMER', message: `${what}: the queue waits for it` })
      else
        this.#actions.disconnect(
          consumer,
          new DmaBufError('ETIMEDOUT', 'queue', `${what}: disconnected`),
        )
    }
    if (this.#actions.isWaited()) this.startPatience()
    this.#actions.retry()
  }

  #loseOffenders(): void {
    const offender = this.#producer.offender()
    const consumer = this.#consumers.find(({ view }) => view === offender?.consumer)
    if (offender === undefined || consumer === undefined) return
    const reason = new DmaBufError('EPROTO', 'queue', `Disconnected: it ${offender.reason}`)
    this.#actions.drop(consumer, reason)
  }
}

function describeConsumer(consumer: Consumer): string {
  const { id, peerName, mode, held, lagFrames, releasing } = consumer
  const uses = releasing === 0 ? '' : `, still uses ${releasing} whose release fences are pending`
  return `consumer ${id} (${peerName}, ${mode}) holds ${held}, has ${lagFrames} to read${uses}`
}

/** The next frame it will take. Bits do not count: one that turns them on and off gets nowhere. */
function progressOf({ view }: Consumer): number {
  return view.cursor()
}
