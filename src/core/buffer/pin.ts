import { checkHeld, type Held } from '../reservation/held.js'
import { warn } from '../warn.js'
import type { Attachment } from './attachment.js'
import type { AttachableBuffer } from './attachment-ops.js'
import { callPin, callUnpin, reportRejection, reportThrown } from './exporter-calls.js'
import { checkAttachment } from './map-attachment.js'

/**
 * Keeps memory where it is, ready to use, until it is unpinned as often. Nothing happens where the exporter is
 * static: its memory stays.
 *
 * @kernel dma_buf_pin
 * @rule ATT-26, ATT-27, ATT-28
 * @throws {DmaBufError} what the exporter says
 */
export function pinAttachment(
  attachment: Attachment | null | undefined,
  held: Held,
): void | Promise<void> {
  const live = checkPinnable(attachment, held, 'pin')
  return callPin(live, held)
}

/** Undoes one pin. @kernel dma_buf_unpin @rule ATT-26 */
export function unpinAttachment(attachment: Attachment | null | undefined, held: Held): void {
  callUnpin(checkPinnable(attachment, held, 'unpin'), held)
}

/** A callback that should answer nothing, and may be an async function all the same. */
interface AnyAnswer {
  moveNotify(attachment: Attachment, held: Held): unknown
}

/**
 * Tells all dynamic importers that the memory is about to move, newest first; for exporters.
 *
 * Mappings stay usable until their importers drop them: the old place may be used again when the fences that
 * were in the reservation, those added now among them, have signalled.
 *
 * @kernel dma_buf_move_notify
 * @rule ATT-29, ATT-30, ATT-31
 * @requires the buffer's lock
 */
export function moveNotify(buffer: AttachableBuffer, held: Held): void {
  checkHeld(held, buffer.reservation, 'moveNotify')
  for (const attachment of buffer.attachments) {
    const importer: AnyAnswer | undefined = attachment.importer
    if (importer === undefined) continue
    try {
      reportRejection('moveNotify', importer.moveNotify(attachment, held))
    } catch (error) {
      reportThrown('moveNotify', error)
    }
  }
}

function checkPinnable(
  attachment: Attachment | null | undefined,
  held: Held,
  operation: string,
): Attachment {
  const live = checkAttachment(attachment, operation)
  checkHeld(held, live.buffer.reservation, operation)
  if (!live.isDynamic)
    warn({
      rule: 'ATT-26',
      message: `${operation} is for importers with moveNotify: ${live.device.name} has none`,
      stack: live.stack,
    })
  return live
}
