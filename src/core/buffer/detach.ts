import type { Held } from '../reservation/held.js'
import { warn } from '../warn.js'
import type { Attachment } from './attachment.js'
import type { AttachableBuffer } from './attachment-ops.js'
import { isDynamicExporter } from './attachment-ops.js'
import { callDetach, callUnmap, callUnpin } from './exporter-calls.js'
import { mangleLinks } from './sg-table.js'

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
  attachment.detached = true
  if (attachment.mappings > 0)
    warn({
      rule: 'ATT-10',
      message: `${attachment.device.name} is detached with ${attachment.mappings} mappings: unmap first`,
      stack: attachment.stack,
    })
  try {
    const held = attachment.buffer.reservation.tryLock()
    if (held === undefined) return detachLater(attachment)
    unlist(attachment, held)
    callDetach(attachment)
    return DONE
  } catch (error) {
    return Promise.reject(error)
  }
}

const DONE = Promise.resolve()

async function detachLater(attachment: Attachment): Promise<void> {
  unlist(attachment, await attachment.buffer.reservation.lock())
  callDetach(attachment)
}

function unlist(attachment: Attachment, held: Held): void {
  const { buffer, cached, cachedDirection } = attachment
  if (cached !== undefined && cachedDirection !== undefined) {
    attachment.cached = undefined
    attachment.cachedDirection = undefined
    if (cached.mangled) mangleLinks(cached)
    cached.mangled = false
    cached.holder = undefined
    callUnmap(attachment, held, cached, cachedDirection)
    if (isDynamicExporter(buffer)) callUnpin(attachment, held)
  }
  buffer.attachments.remove(attachment)
  held.release()
}
