const TURN_MS = 5

interface Port {
  postMessage(message: unknown): void
  onmessage: (() => void) | null
}

/** What runtimes have of these. @internal */
export interface TurnRuntime {
  performance: { now(): number }
  setImmediate?: (callback: () => void) => unknown
  MessageChannel?: new () => { readonly port1: Port; readonly port2: Port }
}

const runtime = globalThis as unknown as TurnRuntime

/**
 * Says when a loop over frames that are always ready has to let the event loop turn.
 *
 * Such a loop goes from promise to promise; without a pause no timer, signal or link of the process would
 * ever be served: a camera would not notice that its viewer died.
 */
export class EventLoopTurns {
  #lastMs = runtime.performance.now()

  /** Whether it is time for one, at most every few milliseconds. */
  isDue(): boolean {
    const nowMs = runtime.performance.now()
    if (nowMs - this.#lastMs < TURN_MS) return false
    this.#lastMs = nowMs
    return true
  }
}

/** Makes what nextTurn() is in a runtime. Browsers delay nested timers by 4 ms, but no messages. @internal */
export function turnerOf({
  setImmediate,
  MessageChannel,
}: Pick<TurnRuntime, 'setImmediate' | 'MessageChannel'>): (callback: () => void) => void {
  if (setImmediate !== undefined) return (callback) => void setImmediate(callback)
  const waiting: (() => void)[] = []
  const { port1, port2 } = new MessageChannel!()
  port1.onmessage = () => waiting.shift()?.()
  return (callback) => {
    waiting.push(callback)
    port2.postMessage(0)
  }
}

let turner: ((callback: () => void) => void) | undefined

/** Calls back when the event loop has turned once. */
export function nextTurn(callback: () => void): void {
  turner ??= turnerOf(runtime)
  turner(callback)
}

/** Resolves to the value when the event loop has turned once. */
export function afterTurn<T>(value: T): Promise<T> {
  return new Promise((resolve) => {
    nextTurn(() => {
      resolve(value)
    })
  })
}
