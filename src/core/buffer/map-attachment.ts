import { debug } from '../debug.js'
import { DmaBufError } from '../errors.js'
import type { AbortSignalLike } from '../host.js'
import { checkHeld, type Held } from '../reservation/held.js'
import { warn } from '../warn.js'
import type { Attachment } from './attachment.js'
import { isDynamicExporter } from './attachment-ops.js'
import type { Direction } from './device.js'
import { callMap, callPin, callUnmap, callUnpin, isPromise } from './exporter-calls.js'
import { PAGE_BYTES } from './page.js'
import { mangleLinks, SgTable } from './sg-table.js'

/** How a mapping is waited for. */
export interface MapOptions {
  /** Ends the wait for the exporter's fences; what was mapped is unmapped then. @rule ATT-16 */
  readonly signal?: AbortSignalLike | undefined
}

/**
 * Maps a buffer for an attachment's device, under the buffer's lock.
 *
 * A static importer waits for the exporter's own fences; a dynamic one has to do that itself.
 *
 * @kernel dma_buf_map_attachment
 * @rule ATT-12, ATT-13, ATT-14, ATT-15, ATT-16, ATT-17, ATT-18
 * @returns owned table: unmap it; a cached one at once
 * @throws {DmaBufError} EINVAL for no attachment, EBUSY where another direction is cached, what pin and map of
 * the exporter say, ENOMEM where it says nothing; the reason of an aborted signal
 */
export function mapAttachment(
  attachment: Attachment | null | undefined,
  held: Held,
  direction: Direction,
  options?: MapOptions,
): SgTable | Promise<SgTable> {
  const live = checkAttachment(attachment, 'mapAttachment')
  checkHeld(held, live.buffer.reservation, 'mapAttachment')
  checkMappable(live)
  if (live.cached !== undefined) return serve(live, live.cached, direction)
  const pins = isDynamicExporter(live.buffer) && !debug.moveNotify
  return makeMapping({ attachment: live, held, direction, pins, signal: options?.signal })
}

/** The table that is kept, for whom it serves. @rule ATT-13 */
function serve(
  { device, cachedDirection }: Attachment,
  cached: SgTable,
  direction: Direction,
): SgTable {
  if (cachedDirection === direction || cachedDirection === 'bidirectional') return cached
  throw new DmaBufError(
    'EBUSY',
    'mapAttachment',
    `${device.name} is mapped ${String(cachedDirection)} for as long as it is attached: ` +
      `detach to map it ${direction}`,
    { rule: 'ATT-13' },
  )
}

/** One mapping that is being made. @internal */
export interface MappingPlan {
  readonly attachment: Attachment
  readonly held: Held
  readonly direction: Direction
  /** Whether the memory is pinned for as long as it is mapped. */
  readonly pins: boolean
  readonly signal: AbortSignalLike | undefined
}

/** Pins where it has to be, maps and waits; undoes all of it where one of them fails. @internal @rule ATT-8, ATT-14, ATT-16 */
export function makeMapping(plan: MappingPlan): SgTable | Promise<SgTable> {
  if (plan.pins) {
    const pinning = callPin(plan.attachment, plan.held)
    if (isPromise(pinning)) return mapAfter(plan, pinning)
  }
  return mapPinned(plan)
}

async function mapAfter(plan: MappingPlan, pinning: PromiseLike<void>): Promise<SgTable> {
  await pinning
  try {
    checkHeld(plan.held, plan.attachment.buffer.reservation, 'mapAttachment')
  } catch (error) {
    unpinOf(plan)
    throw error
  }
  return mapPinned(plan)
}

function mapPinned(plan: MappingPlan): SgTable | Promise<SgTable> {
  const { attachment, held, direction } = plan
  let result: SgTable | Promise<SgTable>
  try {
    result = callMap(attachment, held, direction)
  } catch (error) {
    unpinOf(plan)
    throw error
  }
  return isPromise(result) ? takeLater(plan, result) : takeTable(plan, result)
}

async function takeLater(plan: MappingPlan, result: PromiseLike<SgTable>): Promise<SgTable> {
  let table: SgTable
  try {
    table = await result
  } catch (error) {
    unpinOf(plan)
    throw error
  }
  return takeTable(plan, table)
}

function takeTable(plan: MappingPlan, table: SgTable | null): SgTable | Promise<SgTable> {
  if (!(table instanceof SgTable)) {
    unpinOf(plan)
    throw noTable(table)
  }
  const { attachment, held } = plan
  const { reservation } = attachment.buffer
  // The lock may be gone where the exporter waited: then the mapping is not the caller's to have.
  try {
    checkHeld(held, reservation, 'mapAttachment')
    if (!attachment.isDynamic && !reservation.isSignaled('kernel'))
      return handOutAfterFences(plan, table)
  } catch (error) {
    undo(plan, table)
    throw error
  }
  return handOut(plan, table)
}

// After the map op, since it may have added the fences of the move it made.
async function handOutAfterFences(plan: MappingPlan, table: SgTable): Promise<SgTable> {
  const { reservation } = plan.attachment.buffer
  try {
    await reservation.wait('kernel', { signal: plan.signal })
    checkHeld(plan.held, reservation, 'mapAttachment')
  } catch (error) {
    undo(plan, table)
    throw error
  }
  return handOut(plan, table)
}

function handOut(plan: MappingPlan, table: SgTable): SgTable {
  const { cached } = plan.attachment
  if (cached === undefined || cached === table) return handOutNew(plan, table)
  // Another call in the same lock hold asked as well, and its answer came first: that one is kept.
  undo(plan, table)
  return serve(plan.attachment, cached, plan.direction)
}

function handOutNew(plan: MappingPlan, table: SgTable): SgTable {
  const { attachment, direction, pins } = plan
  if (table.holder !== undefined)
    warn({
      rule: 'ATT-23',
      message: `${attachment.buffer.exporterName} handed out one table twice: make one for each map()`,
    })
  table.holder = attachment
  table.pinned = pins
  if (debug.reportAlignment) reportAlignment(attachment, table)
  table.mangled = debug.mangleLinks || (debug.mangleDynamicLinks && attachment.isDynamic)
  if (table.mangled) mangleLinks(table)
  if (attachment.buffer.ops.cachesMappings === true) attachment.cache(table, direction)
  else attachment.mappings++
  return table
}

function undo(plan: MappingPlan, table: SgTable): void {
  callUnmap(plan.attachment, plan.held, table, plan.direction)
  unpinOf(plan)
}

function unpinOf({ attachment, held, pins }: MappingPlan): void {
  if (pins) callUnpin(attachment, held)
}

function noTable(result: unknown): Error {
  if (result !== null && result !== undefined)
    return new TypeError('The map op of an exporter must return an SgTable')
  return new DmaBufError('ENOMEM', 'mapAttachment', 'The exporter mapped nothing', {
    rule: 'ATT-15',
  })
}

function reportAlignment({ device, buffer }: Attachment, table: SgTable): void {
  for (const { address, lengthBytes } of table.segments)
    if (address % PAGE_BYTES !== 0 || lengthBytes % PAGE_BYTES !== 0)
      warn({
        rule: 'ATT-20',
        message:
          `${buffer.exporterName} mapped ${lengthBytes} bytes at 0x${address.toString(16)} ` +
          `for ${device.name}: not whole pages`,
      })
}

/**
 * Gives a mapping back, under the buffer's lock. A cached one stays until the device is detached.
 *
 * @kernel dma_buf_unmap_attachment
 * @rule ATT-21
 * @param direction - the one that it was mapped with
 */
export function unmapAttachment(
  attachment: Attachment | null | undefined,
  held: Held,
  table: SgTable | null | undefined,
  direction: Direction,
): void {
  if (!attachment || !table) {
    warn({ rule: 'ATT-21', message: 'unmap needs an attachment and a table: nothing was done' })
    return
  }
  checkHeld(held, attachment.buffer.reservation, 'unmapAttachment')
  const { device, buffer } = attachment
  if (buffer.released)
    throw new DmaBufError(
      'EINVAL',
      'unmapAttachment',
      `${device.name} cannot unmap: its buffer was released: keep a handle until detach`,
      { rule: 'ATT-11' },
    )
  if (table === attachment.cached) return
  if (table.holder !== attachment) {
    const message = `${attachment.device.name} has no such mapping: it was unmapped, or is another's`
    warn({ rule: 'ATT-21', message })
    return
  }
  endMapping(attachment, held, table, direction)
}

/** Takes a table out of the importer's hands and back to the exporter. @internal @rule ATT-21 */
export function endMapping(
  attachment: Attachment,
  held: Held,
  table: SgTable,
  direction: Direction,
): void {
  const { pinned } = table
  if (table.mangled) mangleLinks(table)
  table.holder = undefined
  attachment.mappings--
  callUnmap(attachment, held, table, direction)
  if (pinned) callUnpin(attachment, held)
}

/** @internal @throws {DmaBufError} EINVAL, with a warning, for no attachment */
export function checkAttachment(
  attachment: Attachment | null | undefined,
  operation: string,
): Attachment {
  if (attachment) return attachment
  const rule = 'ATT-12'
  warn({ rule, message: `${operation} needs an attachment` })
  throw new DmaBufError('EINVAL', operation, 'There is no attachment: attach a device first', {
    rule,
  })
}

function checkMappable({ device, buffer, detached }: Attachment): void {
  if (!detached && !buffer.released) return
  const why = detached ? 'it is detached' : 'its buffer was released: keep a handle until detach'
  throw new DmaBufError('EINVAL', 'mapAttachment', `${device.name} cannot map: ${why}`, {
    rule: detached ? 'ATT-9' : 'ATT-11',
  })
}
