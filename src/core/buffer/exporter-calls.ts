import type { Held } from '../reservation/held.js'
import { warnThrown } from '../warn.js'
import type { Attachment } from './attachment.js'
import type { Direction } from './device.js'
import type { SgTable } from './sg-table.js'

// Each call shows the exporter the proof of the lock for as long as it lasts. Several may last at a time: those
// that wait, of a caller that makes more than one in one lock hold.

function begin(attachment: Attachment, held: Held): void {
  attachment.held = held
  attachment.calls++
}

function end(attachment: Attachment): void {
  if (--attachment.calls === 0) attachment.held = undefined
}

/** Asks the exporter for a table. @internal @rule ATT-15 */
export function callMap(
  attachment: Attachment,
  held: Held,
  direction: Direction,
): SgTable | Promise<SgTable> {
  const { ops, state } = attachment.buffer
  begin(attachment, held)
  try {
    const result = ops.map(attachment, direction, state)
    return isPromise(result) ? untilSettled(attachment, result) : result
  } finally {
    end(attachment)
  }
}

/** Asks the exporter to keep the memory where it is. @internal @rule ATT-28 */
export function callPin(attachment: Attachment, held: Held): void | Promise<void> {
  const { ops, state } = attachment.buffer
  begin(attachment, held)
  try {
    const result = ops.pin?.(attachment, state)
    if (isPromise(result)) return untilSettled(attachment, result)
  } finally {
    end(attachment)
  }
}

/** An op that should answer nothing, and may be an async function all the same. */
interface AnyAnswer {
  unmap(attachment: Attachment, table: SgTable, direction: Direction, state: unknown): unknown
}

/** Gives a table back to the exporter. Never throws. @internal @rule ATT-21 */
export function callUnmap(
  attachment: Attachment,
  held: Held,
  table: SgTable,
  direction: Direction,
): void {
  const { ops, state } = attachment.buffer
  begin(attachment, held)
  try {
    const answering: AnyAnswer = ops
    reportRejection('unmap', answering.unmap(attachment, table, direction, state))
  } catch (error) {
    reportThrown('unmap', error)
  }
  end(attachment)
}

/** Lets the exporter move the memory again. Never throws. @internal */
export function callUnpin(attachment: Attachment, held: Held): void {
  const { ops, state } = attachment.buffer
  begin(attachment, held)
  try {
    reportRejection('unpin', ops.unpin?.(attachment, state))
  } catch (error) {
    reportThrown('unpin', error)
  }
  end(attachment)
}

/** Tells the exporter that a device is gone. Never throws. @internal @rule ATT-9 */
export function callDetach(attachment: Attachment): void {
  const { ops, state, released } = attachment.buffer
  // What the exporter had is back: nothing of it is left to tell about.
  if (released) return
  try {
    reportRejection('detach', ops.detach?.(attachment, state))
  } catch (error) {
    reportThrown('detach', error)
  }
}

/** Reports what a callback threw that has no way to fail. @internal @rule PORT-4 */
export function reportThrown(name: string, error: unknown): void {
  warnThrown(`${name} must not throw`, error)
}

/** Reports when what should be done already fails later. @internal @rule PORT-4 */
export function reportRejection(name: string, result: unknown): void {
  if (!isPromise(result)) return
  result.then(undefined, (error: unknown) => {
    reportThrown(name, error)
  })
}

/** Whether a callback answered that it is not done. @internal */
export function isPromise<T>(result: T | PromiseLike<T>): result is PromiseLike<T> {
  return typeof (result as PromiseLike<T> | undefined)?.then === 'function'
}

async function untilSettled<T>(attachment: Attachment, result: PromiseLike<T>): Promise<T> {
  attachment.calls++
  try {
    return await result
  } finally {
    end(attachment)
  }
}

/** Calls what must not throw or wait; what it says all the same is reported. @internal @rule PORT-4 */
export function callSafely(name: string, call: () => unknown): void {
  try {
    reportRejection(name, call())
  } catch (error) {
    reportThrown(name, error)
  }
}
