import { debug } from '../debug.js'
import { noteHold, noteWait, taskName, type Task } from '../wait-graph.js'
import { warn } from '../warn.js'
import type { Fence } from './fence.js'

interface Section {
  readonly stack: string | undefined
  readonly hold: Disposable | undefined
}

const sections = new WeakMap<Task, Section>()

/**
 * Begins the part of a program that a fence needs in order to signal: from its publication to
 * signalFence(). What such a part must not do is then reported: take a reservation lock, which others
 * hold while they wait for fences, or close a circle of waits.
 *
 * @kernel dma_fence_begin_signalling
 * @rule FENCE-37, FENCE-38
 * @param task - whose part it is; the same object is given to the locks and waits of that task
 * @param fence - the fence it will signal, where known: then reports can say who waits for whom
 * @returns a cookie for endSignalling(): true where nothing was begun, because the task is in such a part
 *   already or because `setDebug({ signalling: true })` is off
 */
export function beginSignalling(task: Task, fence?: Fence): boolean {
  if (!debug.signalling || sections.has(task)) return true
  const label = fence === undefined ? undefined : `signaller of ${labelOf(fence)}`
  const hold = fence === undefined ? undefined : noteHold(task, fence, label ?? '')
  sections.set(task, { stack: new Error('Signalling section began').stack, hold })
  return false
}

/** Ends what beginSignalling() began; a true cookie ends nothing. @kernel dma_fence_end_signalling @rule FENCE-37 */
export function endSignalling(task: Task, cookie: boolean): void {
  if (cookie) return
  sections.get(task)?.hold?.[Symbol.dispose]()
  sections.delete(task)
}

/**
 * To be called by locks before they take one that fence waiters hold, with `debug.signalling` on.
 *
 * @rule FENCE-39
 */
export function checkLockInSection(task: Task, lockLabel: string): void {
  const section = sections.get(task)
  if (section === undefined) return
  warn({
    rule: 'FENCE-39',
    message:
      `${taskName(task)} takes ${lockLabel} inside a signalling section: whoever waits for the fence while ` +
      `holding that lock waits for ever. Take locks before the fence is published.\n` +
      `The section began here:\n${section.stack ?? ''}`,
    stack: new Error('Lock taken here').stack,
  })
}

/** Notes that a task waits for a fence, with `debug.signalling` on; disposing the result ends the note. */
export function noteFenceWait(task: Task, fence: Fence): Disposable {
  return noteWait(task, fence, `fence ${labelOf(fence)}`)
}

function labelOf(fence: Fence): string {
  return `${fence.driverName} ${fence.timelineName} seqno ${fence.seqno}`
}
