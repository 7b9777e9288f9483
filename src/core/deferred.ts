import { warnThrown } from './warn.js'

let queue: (() => void)[] = []
let running = false

/**
 * Does work after the current synchronous section: what must not run inside a fence callback or while a
 * lock is held. Work queued by such work runs in the same turn.
 *
 * @kernel irq_work, and the task work of a last fput
 * @rule PORT-3, ARR-5, CHN-11, BUF-27
 */
export function defer(work: () => void): void {
  queue.push(work)
  if (queue.length === 1 && !running) void Promise.resolve().then(drainDeferred)
}

/**
 * Does now, in order, what was deferred. For tests, and for whoever must know that it is done; a call
 * from inside such work does nothing.
 */
export function drainDeferred(): void {
  if (running) return
  running = true
  try {
    while (queue.length > 0) {
      const batch = queue
      queue = []
      for (const work of batch) runOne(work)
    }
  } finally {
    running = false
  }
}

function runOne(work: () => void): void {
  try {
    work()
  } catch (error) {
    warnThrown('Deferred work threw', error)
  }
}
