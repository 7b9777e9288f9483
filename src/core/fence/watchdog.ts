import { debug } from '../debug.js'
import { host } from '../host.js'
import { warn } from '../warn.js'
import { isElementSignaled } from './element.js'
import { watchFences } from './fence-watch.js'
import type { Fence } from './fence.js'

interface Watched {
  /** Weak: a fence that nobody knows any more cannot keep anybody waiting. */
  readonly fence: WeakRef<Fence>
  readonly dueNs: number
}

/** In the order they were made, which is the order they are due. */
let queue: Watched[] = []
let first = 0
let watch: Disposable | undefined = undefined
let stopTimer: (() => void) | undefined = undefined

/** Begins or ends the watch, as `debug.watchdogMs` says. @internal @rule FENCE-40 */
export function updateWatchdog(): void {
  const isWanted = debug.watchdogMs > 0
  if (isWanted === (watch !== undefined)) return
  if (isWanted) {
    watch = watchFences((event, fence) => event === 'init' && add(fence))
    return
  }
  watch?.[Symbol.dispose]()
  stopTimer?.()
  watch = stopTimer = undefined
  queue = []
  first = 0
}

function add(fence: Fence): void {
  queue.push({ fence: new WeakRef(fence), dueNs: host().nowNs() + debug.watchdogMs * 1e6 })
  if (stopTimer === undefined) startTimer()
}

function startTimer(): void {
  const { dueNs } = queue[first]!
  const delayMs = Math.max(0, Math.ceil((dueNs - host().nowNs()) / 1e6))
  stopTimer = host().setTimer(delayMs, look, true)
}

function look(): void {
  stopTimer = undefined
  const nowNs = host().nowNs()
  for (; first < queue.length && queue[first]!.dueNs <= nowNs; first++) {
    const fence = queue[first]!.fence.deref()
    if (fence !== undefined) report(fence)
  }
  if (first * 2 >= queue.length) {
    queue = queue.slice(first)
    first = 0
  }
  if (queue.length > 0) startTimer()
}

/** @rule FENCE-40 */
function report(fence: Fence): void {
  // It may only not have been looked at.
  if (isElementSignaled(fence)) return
  warn({
    rule: 'FENCE-40',
    message: `A fence is pending for more than ${debug.watchdogMs} ms:\n${fence.explain()}`,
  })
}
