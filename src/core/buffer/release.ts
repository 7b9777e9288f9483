import { defer } from '../deferred.js'
import { bug } from '../errors.js'
import { isInFenceCallback } from '../fence/callback-queue.js'
import type { Reservation } from '../reservation/reservation.js'
import { warn } from '../warn.js'
import { unlinkBuffer } from './buffer-list.js'
import type { BufferObject } from './buffer-object.js'
import { tellReleased } from './buffer-watch.js'
import { callSafely } from './exporter-calls.js'

/**
 * What follows the last reference: the buffer leaves the list at once, and its memory goes back as soon as
 * no fence callback runs and nobody holds its lock.
 *
 * @internal
 * @kernel dma_buf_file_release, dma_buf_release
 * @rule BUF-22, BUF-26, BUF-27
 */
export function releaseBuffer(object: BufferObject): void {
  unlinkBuffer(object)
  if (isInFenceCallback() || isLocked(object)) defer(() => releaseWhenFree(object))
  else finishRelease(object)
}

function isLocked({ knownReservation }: BufferObject): boolean {
  return knownReservation?.isLockedHere === true
}

function releaseWhenFree(object: BufferObject): void {
  // Somebody drains deferred work inside a callback: that is no place for it either.
  if (isInFenceCallback()) void Promise.resolve().then(() => releaseWhenFree(object))
  else if (isLocked(object)) releaseAfterLock(object)
  else finishRelease(object)
}

// Whose release waits for which lock. One request for all of them: two would find each other's lock, for ever.
const waiting = new WeakMap<Reservation, BufferObject[]>()

function releaseAfterLock(object: BufferObject): void {
  const { reservation } = object
  const others = waiting.get(reservation)
  if (others !== undefined) {
    others.push(object)
    return
  }
  const objects = [object]
  waiting.set(reservation, objects)
  const goOn = (release: (one: BufferObject) => void): void => {
    waiting.delete(reservation)
    for (const one of objects) defer(() => release(one))
  }
  reservation.lockHere().then(
    (held) => {
      held.release()
      goOn(releaseWhenFree)
    },
    // Destroyed by whom it was borrowed from: no lock is left to wait for.
    () => goOn(finishRelease),
  )
}

/** @rule BUF-23, BUF-24, BUF-25 */
function finishRelease(object: BufferObject): void {
  const { ops, state, owner } = object
  if (object.vmapCount > 0)
    bug('BUF-24', 'release', `${nameOf(object)} is still mapped for kernel code`)
  if (object.knownPoll?.isArmed === true)
    bug('BUF-25', 'release', `${nameOf(object)} has an armed poll slot`)
  tellReleased(object)
  callSafely('release', () => ops.release(state))
  if (object.hasOwnReservation) object.knownReservation?.destroy()
  warnOfAttachments(object)
  if (owner !== undefined) callSafely('put of the owner', () => owner.put())
}

function warnOfAttachments(object: BufferObject): void {
  if (object.attachmentCount === 0) return
  const devices = Array.from(object.attachments, ({ device }) => device.name).join(', ')
  const [newest] = object.attachments
  const message = `${nameOf(object)} was released with devices attached: ${devices}. Detach them first`
  warn({ rule: 'BUF-24', message, stack: newest!.stack })
}

function nameOf({ exporterName, inode }: BufferObject): string {
  return `Buffer ${inode} of ${exporterName}`
}
