import type { AttachableBuffer } from '../buffer/attachment-ops.js'
import type { Attachment } from '../buffer/attachment.js'
import {
  claimsText,
  combineConstraints,
  findContradiction,
  segmentProblem,
} from '../buffer/constraints.js'
import type { Device, Direction } from '../buffer/device.js'
import { joinRuns, mapForDma, unmapForDma } from '../buffer/dma-mapping.js'
import { moveNotify } from '../buffer/pin.js'
import { SgTable } from '../buffer/sg-table.js'
import { DmaBufError } from '../errors.js'
import type { Held } from '../reservation/held.js'
import type { PageFrames } from './page-frames.js'
import type { Backing, Placement } from './placement.js'

/**
 * The device's side of one buffer's memory: page frames, chosen at the first mapping so that all attached
 * devices reach them, and moved where that is still possible.
 *
 * What an exporter's attach, map, unmap, pin, unpin and release need; heaps share it.
 *
 * @rule ATT-6, ATT-32, ATT-34
 */
export class PlacedMemory {
  readonly lengthBytes: number
  readonly #frames: PageFrames
  readonly #backing: Backing
  #placement: Placement | undefined
  readonly #retired = new Set<Placement>()
  #pins = 0
  #movable = false

  /** @throws {DmaBufError} ENOMEM where the frames are promised to others */
  constructor(frames: PageFrames, lengthBytes: number, backing: Backing) {
    frames.promise(lengthBytes)
    this.#frames = frames
    this.lengthBytes = lengthBytes
    this.#backing = backing
  }

  /** Says that importers with moveNotify may be mapped while it moves. @rule ATT-32 */
  allowMoves(): this {
    this.#movable = true
    return this
  }

  /** Where it is now; undefined until it is first mapped or pinned. */
  get placement(): Placement | undefined {
    return this.#placement
  }

  /** Mappings of now and of places it has left. */
  get mappings(): number {
    let count = this.#placement?.mappings ?? 0
    for (const { mappings } of this.#retired) count += mappings
    return count
  }

  /** How often it is pinned. */
  get pins(): number {
    return this.#pins
  }

  /**
   * Refuses a device that could never reach the memory along with those that are attached already.
   *
   * @rule ATT-6
   * @throws {DmaBufError} EBUSY, naming the constraints that contradict each other, or what is out of reach
   */
  attach({ device, buffer }: Attachment): void {
    const { constraints } = device
    if (constraints === undefined) return
    const devices = devicesOf(buffer)
    devices.push(device)
    this.#refuseContradiction(devices, 'attach', 'ATT-6')
    const problem = this.#canMove() ? undefined : this.#problemOf(device)
    if (problem !== undefined) throw outOfReach(device, problem, 'attach')
  }

  /**
   * A table for an attachment's device; places the memory, or moves it, where it has to be.
   *
   * @rule ATT-15, ATT-34
   * @throws {DmaBufError} EBUSY, ENOMEM
   */
  map(attachment: Attachment, direction: Direction): SgTable {
    const { device, buffer, held } = attachment
    const placement = this.#reach(device, buffer, held, 'map')
    const table = SgTable.fromRuns(placement.segments)
    mapForDma(table, device, direction)
    placement.map()
    table.private = placement
    return table
  }

  /** Takes a table of map() back. @rule ATT-21 */
  unmap({ device }: Attachment, table: SgTable, direction: Direction): void {
    unmapForDma(table, device, direction)
    const placement = table.private as Placement
    placement.unmap()
    if (placement.freed) this.#retired.delete(placement)
  }

  /** Keeps the memory where it is now, which is where all attached devices reach it. @rule ATT-28 @throws {DmaBufError} EBUSY, ENOMEM */
  pin({ buffer, held }: Attachment): void {
    for (const { device } of buffer.attachments) this.#reach(device, buffer, held, 'pin')
    this.#pins++
  }

  /** Undoes one pin. */
  unpin(): void {
    this.#pins--
  }

  /**
   * Moves the memory to another place that suits the attached devices, after telling the importers.
   *
   * @rule ATT-29, ATT-31, ATT-32
   * @requires the buffer's lock
   * @throws {DmaBufError} EBUSY where it cannot move now, ENOMEM
   */
  move(buffer: AttachableBuffer, held: Held): Placement {
    if (!this.#canMove())
      throw new DmaBufError(
        'EBUSY',
        'move',
        'The memory is pinned, or mapped by who cannot follow',
        {
          rule: 'ATT-32',
        },
      )
    const old = this.#placement
    const next = this.#place(buffer, 'move')
    if (old === undefined) return next
    if (old.mappings > 0) moveNotify(buffer, held)
    old.retire(buffer.reservation.fences('bookkeep'))
    if (!old.freed) this.#retired.add(old)
    return next
  }

  /** Gives the page frames back, mapped or not. */
  release(): void {
    for (const placement of this.#retired) placement.free()
    this.#retired.clear()
    this.#placement?.free()
    this.#placement = undefined
    this.#frames.unpromise(this.lengthBytes)
  }

  #reach(
    device: Device,
    buffer: AttachableBuffer,
    held: Held | undefined,
    operation: string,
  ): Placement {
    if (this.#placement === undefined) return this.#place(buffer, operation)
    const problem = this.#problemOf(device)
    if (problem === undefined) return this.#placement
    if (!this.#canMove() || held === undefined) throw outOfReach(device, problem, operation)
    return this.move(buffer, held)
  }

  /** Before it is mapped, memory moves freely; then only what is not pinned, with importers that follow. @rule ATT-32 */
  #canMove(): boolean {
    if (this.#pins > 0) return false
    return this.#movable || (this.#placement?.mappings ?? 0) === 0
  }

  #problemOf({ constraints }: Device): string | undefined {
    if (constraints === undefined || this.#placement === undefined) return undefined
    return segmentProblem(joinRuns(this.#placement.segments, constraints), constraints)?.text
  }

  #place(buffer: AttachableBuffer, operation: string): Placement {
    const devices = devicesOf(buffer)
    this.#refuseContradiction(devices, operation, 'ATT-34')
    const requirement = combineConstraints(devices)
    return (this.#placement = this.#frames.place(this.lengthBytes, requirement, this.#backing))
  }

  #refuseContradiction(devices: readonly Device[], operation: string, rule: string): void {
    const claims = findContradiction(devices, this.lengthBytes, this.#frames.range)
    if (claims === undefined) return
    const text = claimsText(claims)
    throw new DmaBufError(
      'EBUSY',
      operation,
      `No memory suits ${text} for ${this.lengthBytes} bytes: detach one, or share a copy`,
      { rule, details: { devices: claims.map(({ device }) => device.name) } },
    )
  }
}

/** Those attached first come first: they are named first. */
function devicesOf(buffer: AttachableBuffer): Device[] {
  const devices: Device[] = []
  let attachment = buffer.attachments.first
  while (attachment !== undefined) {
    devices.push(attachment.device)
    attachment = attachment.links.older
  }
  return devices.reverse()
}

function outOfReach(device: Device, problem: string, operation: string): DmaBufError {
  const message = `${device.name} cannot reach the memory, and it cannot move now: ${problem}`
  return new DmaBufError('EBUSY', operation, message, { rule: 'ATT-6' })
}
