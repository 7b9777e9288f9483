import type { Held } from '../reservation/held.js'
import { warn } from '../warn.js'
import type { Attachment } from './attachment.js'
import type { AttachableBuffer } from './attachment-ops.js'
import { callDetach } from './exporter-calls.js'
import { endMapping } from './map-attachment.js'

/**
 * Ends a device's tie to a buffer.
 *
 * @kernel dma_buf_detach
 * @rule ATT-9
 */
export async function detachDevice(
  buffer: AttachableBuffer | null | undefined,
  attachment: Attachment | null | undefined,
): Promise<void> {
  if (!buffer || attachment?.buffer !== buffer) {
    warn({ rule: 'ATT-9', message: 'detach needs an attachment of this buffer: nothing was done' })
    return
  }
  await detachNow(attachment)
}

/** Ends the tie of an attachment, once. @internal */
export function detachNow(attachment: Attachment): Promise<void> {
  if (attachment.detached) return DONE
  if (!attachment.links.isListed) {
    // The exporter has it while its attach op runs, and has not said yes yet.
    const message = `${attachment.device.name} is not attached yet: nothing was done`
    warn({ rule: 'ATT-9', message, stack: attachment.stack })
    return DONE
  }
  attachment.detached = true
  const { buffer } = attachment
  if (buffer.released) {
    buffer.attachments.remove(attachment)
    return DONE
  }
  try {
    const held = buffer.reservation.tryLockHere()
    if (held === undefined) return buffer.whileAlive(detachLater(attachment))
    unlist(attachment, held)
    callDetach(attachment)
    return DONE
  } catch (error) {
    return Promise.reject(error)
  }
}

const DONE = Promise.resolve()

async function detachLater(attachment: Attachment): Promise<void> {
  unlist(attachment, await attachment.buffer.reservation.lockHere())
  callDetach(attachment)
}

function unlist(attachment: Attachment, held: Held): void {
  const { buffer, device, cached, cachedDirection, mappings, stack } = attachment
  if (mappings > 0) {
    const message = `${device.name} is detached with ${mappings} mappings: unmap first`
    warn({ rule: 'ATT-10', message, stack })
  }
  if (cached !== undefined) {
    attachment.cached = undefined
    attachment.mappings++
    endMapping(attachment, held, cached, cachedDirection!)
  }
  buffer.attachments.remove(attachment)
  held.release()
}
