import { debug } from '../debug.js'
import { DmaBufError } from '../errors.js'
import type { AbortSignalLike } from '../host.js'
import type { Held } from '../reservation/held.js'
import { warn } from '../warn.js'
import { Attachment } from './attachment.js'
import { isDynamicExporter, type AttachableBuffer, type ImporterOps } from './attachment-ops.js'
import { checkConstraints } from './constraints.js'
import { detachNow } from './detach.js'
import type { Device } from './device.js'
import { callDetach, isPromise } from './exporter-calls.js'
import { makeMapping } from './map-attachment.js'

/** What else an importer says when it attaches. */
export interface AttachOptions {
  /** The importer's own: `attachment.importerPrivate`. */
  readonly private?: unknown
  /** Ends the wait for the exporter's fences, where attaching maps. @rule ATT-7, ATT-16 */
  readonly signal?: AbortSignalLike | undefined
}

/**
 * Ties a device to a buffer, so that it can map it.
 *
 * Where one side lives with memory that moves and the other does not, the buffer is mapped here and stays mapped.
 *
 * @kernel dma_buf_attach, dma_buf_dynamic_attach
 * @rule ATT-1, ATT-2, ATT-4, ATT-5, ATT-7, ATT-8
 * @returns owned: detach it
 * @throws {DmaBufError} EINVAL for no buffer, no device or no moveNotify; what the exporter's attach says (EBUSY:
 * the device cannot reach the memory, and it cannot move), and its pin and map; ENOMEM; the reason of an
 * aborted signal. As rejections
 */
export function attachDevice(
  buffer: AttachableBuffer | null | undefined,
  device: Device | null | undefined,
  importer?: ImporterOps,
  options?: AttachOptions,
): Promise<Attachment> {
  try {
    if (!buffer || !device) throw refuse('A buffer and a device are needed')
    // Callers in JavaScript may say null for none.
    const ops = importer ?? undefined
    if (ops !== undefined && typeof ops.moveNotify !== 'function')
      throw refuse('An importer of its own kind needs moveNotify')
    checkConstraints(device)
    if (debug.failAllocations)
      throw new DmaBufError('ENOMEM', 'attach', 'No memory for an attachment', { rule: 'ATT-2' })
    const attachment = new Attachment(buffer, device, ops, options?.private)
    const asking = buffer.ops.attach?.(attachment, buffer.state)
    if (isPromise(asking))
      return buffer.whileAlive(attachAfter(attachment, asking, options?.signal))
    const held = tryLockFor(attachment)
    if (held === undefined) return buffer.whileAlive(attachLater(attachment, options?.signal))
    return enlist(attachment, held, options?.signal)
  } catch (error) {
    return Promise.reject(error)
  }
}

async function attachAfter(
  attachment: Attachment,
  asking: PromiseLike<void>,
  signal: AbortSignalLike | undefined,
): Promise<Attachment> {
  await asking
  return attachLater(attachment, signal)
}

// The exporter has said yes: whatever comes after that tells it when the device is gone.
function tryLockFor(attachment: Attachment): Held | undefined {
  try {
    return attachment.buffer.reservation.tryLock()
  } catch (error) {
    if (attachment.buffer.released) throw goneError(attachment)
    callDetach(attachment)
    throw error
  }
}

async function attachLater(
  attachment: Attachment,
  signal: AbortSignalLike | undefined,
): Promise<Attachment> {
  let held: Held
  try {
    held = await attachment.buffer.reservation.lock()
  } catch (error) {
    callDetach(attachment)
    throw error
  }
  return enlist(attachment, held, signal)
}

function enlist(
  attachment: Attachment,
  held: Held,
  signal: AbortSignalLike | undefined,
): Promise<Attachment> {
  const { buffer, isDynamic } = attachment
  if (buffer.released) {
    held.release()
    return Promise.reject(goneError(attachment))
  }
  buffer.attachments.insert(attachment)
  const pins = isDynamicExporter(buffer)
  if (pins !== isDynamic) return buffer.whileAlive(mapForGood(attachment, held, pins, signal))
  held.release()
  return Promise.resolve(attachment)
}

/** Maps until detach, since one side cannot live with a move. @rule ATT-7, ATT-8 */
async function mapForGood(
  attachment: Attachment,
  held: Held,
  pins: boolean,
  signal: AbortSignalLike | undefined,
): Promise<Attachment> {
  const direction = 'bidirectional'
  try {
    const table = await makeMapping({ attachment, held, direction, pins, signal })
    if (attachment.cached === undefined) {
      attachment.mappings--
      attachment.cache(table, direction)
    }
    held.release()
    return attachment
  } catch (error) {
    held.release()
    await detachNow(attachment)
    throw error
  }
}

function goneError({ device }: Attachment): DmaBufError {
  const message = `${device.name} cannot attach: its buffer was released meanwhile, keep a handle`
  return new DmaBufError('EINVAL', 'attach', message, { rule: 'ATT-11' })
}

function refuse(message: string): DmaBufError {
  const rule = 'ATT-2'
  warn({ rule, message: `attach refused: ${message}` })
  return new DmaBufError('EINVAL', 'attach', message, { rule })
}
