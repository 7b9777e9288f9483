import type { Device, DeviceConstraints } from './device.js'
import { PAGE_BYTES, roundDown, roundUp } from './page.js'
import type { Segment } from './sg-table.js'

/** The constraints that decide where memory can be. */
export type PlacementConstraint =
  'maxSegmentBytes' | 'maxSegments' | 'contiguous' | 'boundaryBytes' | 'addressMask' | 'alignBytes'

/** What memory must be so that a set of devices reaches it: all of their constraints at once. @rule ATT-34 */
export interface Requirement {
  /** Bytes; Infinity where nobody limits it. */
  readonly maxSegmentBytes: number
  readonly maxSegments: number
  /** A power of two, or Infinity. */
  readonly boundaryBytes: number
  /** The highest address that may be used. */
  readonly lastAddress: number
  /** A power of two, a page at least. */
  readonly alignBytes: number
  /** Every device sees the CPU's caches. */
  readonly coherent: boolean
}

/** Addresses that memory can be at: from `startAddress` up to, but not, `endAddress`. */
export interface AddressRange {
  readonly startAddress: number
  readonly endAddress: number
}

/** What one device asks for. */
export interface Claim {
  readonly device: Device
  readonly constraint: PlacementConstraint
  readonly value: number | boolean
}

/** Any address that a number holds. */
export const ALL_ADDRESSES: AddressRange = { startAddress: 0, endAddress: 2 ** 53 }

const FREE: Requirement = {
  maxSegmentBytes: Infinity,
  maxSegments: Infinity,
  boundaryBytes: Infinity,
  lastAddress: Infinity,
  alignBytes: PAGE_BYTES,
  coherent: true,
}

/**
 * Refuses constraints that mean nothing: a device that could never be used.
 *
 * @throws {RangeError} for a number that is not a positive integer, or a power of two where one is needed
 */
export function checkConstraints(device: Device): void {
  const { constraints } = device
  if (constraints === undefined) return
  const { maxSegmentBytes, maxSegments, addressMask, boundaryBytes, alignBytes } = constraints
  checkCount(device, 'maxSegmentBytes', maxSegmentBytes)
  checkCount(device, 'maxSegments', maxSegments)
  checkCount(device, 'addressMask', addressMask)
  checkPowerOfTwo(device, 'boundaryBytes', boundaryBytes)
  checkPowerOfTwo(device, 'alignBytes', alignBytes)
}

/**
 * What memory must be for all of some devices.
 *
 * @rule ATT-34
 */
export function combineConstraints(devices: Iterable<Device>): Requirement {
  let result = FREE
  for (const { constraints } of devices)
    if (constraints !== undefined) result = narrow(result, constraints)
  return result
}

/**
 * Why no memory at all can suit some devices together: the fewest claims that rule each other out, mostly
 * two; undefined where memory could.
 *
 * @rule ATT-6, ATT-34
 * @param lengthBytes - of the buffer; whole pages are used
 * @param range - where memory is
 */
export function findContradiction(
  devices: readonly Device[],
  lengthBytes: number,
  range: AddressRange = ALL_ADDRESSES,
): readonly Claim[] | undefined {
  const needed = roundUp(lengthBytes, PAGE_BYTES)
  // Who says so is asked only where it is so.
  if (mostBytes(combineConstraints(devices), range) >= needed) return undefined
  const claims = strictestClaims(devices)
  // equivalent mutants: comparison: the only subset of that size is all of them
  for (let size = 1; size < claims.length; size++)
    for (const some of subsets(claims, size))
      if (mostBytes(requirementOf(some), range) < needed) return some
  return claims
}

/** `camera (contiguous) and display (maxSegmentBytes 65536)`, for error messages. */
export function claimsText(claims: readonly Claim[]): string {
  const texts = claims.map(({ device, constraint, value }) => {
    const shown = constraint === 'addressMask' ? `0x${value.toString(16)}` : String(value)
    return `${device.name} (${value === true ? constraint : `${constraint} ${shown}`})`
  })
  const last = texts.pop() ?? 'nobody'
  return texts.length === 0 ? last : `${texts.join(', ')} and ${last}`
}

/**
 * What about a table's DMA side a device cannot take; undefined where it can take all of it.
 *
 * @rule ATT-6
 */
export function segmentProblem(
  segments: readonly Segment[],
  constraints: DeviceConstraints | undefined,
): { readonly constraint: PlacementConstraint; readonly text: string } | undefined {
  if (constraints === undefined) return undefined
  const { contiguous = false, maxSegments = Infinity } = constraints
  if (contiguous && segments.length > 1)
    return { constraint: 'contiguous', text: `${segments.length} segments: it needs one` }
  if (segments.length > maxSegments)
    return { constraint: 'maxSegments', text: `${segments.length} segments of ${maxSegments}` }
  for (const segment of segments) {
    const constraint = brokenBy(segment, constraints)
    if (constraint === undefined) continue
    const { address, lengthBytes } = segment
    const limit = constraints[constraint]!
    const shown = constraint === 'addressMask' ? `0x${limit.toString(16)}` : String(limit)
    const where = `${lengthBytes} bytes at 0x${address.toString(16)}`
    return { constraint, text: `${where}: its ${constraint} is ${shown}` }
  }
  return undefined
}

type SegmentConstraint = 'addressMask' | 'maxSegmentBytes' | 'alignBytes' | 'boundaryBytes'

function brokenBy(
  { address, lengthBytes }: Segment,
  constraints: DeviceConstraints,
): SegmentConstraint | undefined {
  const { maxSegmentBytes = Infinity, boundaryBytes = Infinity } = constraints
  const { addressMask = Infinity, alignBytes = 1 } = constraints
  const last = address + lengthBytes - 1
  if (last > addressMask) return 'addressMask'
  if (lengthBytes > maxSegmentBytes) return 'maxSegmentBytes'
  if (address % alignBytes !== 0) return 'alignBytes'
  if (Math.floor(address / boundaryBytes) !== Math.floor(last / boundaryBytes))
    return 'boundaryBytes'
  return undefined
}

function narrow(before: Requirement, constraints: DeviceConstraints): Requirement {
  const {
    maxSegmentBytes = Infinity,
    maxSegments = Infinity,
    boundaryBytes = Infinity,
  } = constraints
  const { addressMask = Infinity, alignBytes = PAGE_BYTES, contiguous, coherent } = constraints
  const count = contiguous === true ? 1 : maxSegments
  return {
    maxSegmentBytes: Math.min(before.maxSegmentBytes, maxSegmentBytes),
    maxSegments: Math.min(before.maxSegments, count),
    boundaryBytes: Math.min(before.boundaryBytes, boundaryBytes),
    lastAddress: Math.min(before.lastAddress, addressMask),
    alignBytes: Math.max(before.alignBytes, alignBytes),
    coherent: before.coherent && coherent !== false,
  }
}

/** Longest segment in whole pages, wherever it begins. @internal */
export function longestSegment({ maxSegmentBytes, boundaryBytes }: Requirement): number {
  return roundDown(Math.min(maxSegmentBytes, boundaryBytes), PAGE_BYTES)
}

// An upper bound: nothing larger can be placed, however empty memory is. Devices contradict each other
// where the buffer is larger than that; a smaller one can still fail to find room, which is ENOMEM.
function mostBytes(requirement: Requirement, range: AddressRange): number {
  const longest = longestSegment(requirement)
  const { alignBytes, maxSegments, lastAddress } = requirement
  const start = roundUp(range.startAddress, alignBytes)
  const end = roundDown(Math.min(range.endAddress, lastAddress + 1), PAGE_BYTES)
  if (longest === 0) return 0
  const room = Math.max(0, end - start)
  const whole = Math.floor(room / alignBytes)
  // Where segments are shorter than the distance between their beginnings, memory in between stays unused.
  const step = Math.min(longest, alignBytes)
  const rest = Math.min(step, room - whole * alignBytes)
  return Math.min(maxSegments * longest, whole * step + rest)
}

function requirementOf(claims: readonly Claim[]): Requirement {
  let result = FREE
  for (const { constraint, value } of claims) result = narrow(result, { [constraint]: value })
  return result
}

/** Of each kind the claim that leaves the least, in the order of the devices; nobody else's can matter. */
function strictestClaims(devices: readonly Device[]): readonly Claim[] {
  const strictest = new Map<string, Claim>()
  const consider = (claim: Claim, kind: string, stricter: (other: Claim) => boolean): void => {
    const best = strictest.get(kind)
    if (best === undefined || stricter(best)) strictest.set(kind, claim)
  }
  for (const device of devices) {
    const { constraints } = device
    if (constraints === undefined) continue
    for (const constraint of LIMITS) {
      const value = constraints[constraint]
      if (value === undefined) continue
      const isLess = constraint !== 'alignBytes'
      consider({ device, constraint, value }, kindOf(constraint), (other) =>
        isLess ? value < countOf(other) : value > countOf(other),
      )
    }
    if (constraints.contiguous === true)
      consider(
        { device, constraint: 'contiguous', value: true },
        'count',
        (other) => countOf(other) > 1,
      )
  }
  const claims = [...strictest.values()]
  return claims.sort((a, b) => devices.indexOf(a.device) - devices.indexOf(b.device))
}

const LIMITS = [
  'maxSegmentBytes',
  'maxSegments',
  'boundaryBytes',
  'addressMask',
  'alignBytes',
] as const

function kindOf(constraint: PlacementConstraint): string {
  return constraint === 'maxSegments' ? 'count' : constraint
}

function countOf({ value }: Claim): number {
  // A contiguous device has one segment: true is 1.
  return Number(value)
}

function* subsets<T>(items: readonly T[], size: number, from = 0): Generator<readonly T[]> {
  if (size === 0) {
    yield []
    return
  }
  for (let index = from; index <= items.length - size; index++)
    for (const rest of subsets(items, size - 1, index + 1)) yield [items[index]!, ...rest]
}

function checkCount(device: Device, name: string, value: number | undefined): void {
  if (value === undefined || (Number.isSafeInteger(value) && value > 0)) return
  throw new RangeError(`${name} of ${device.name} must be an integer from 1: ${value}`)
}

function checkPowerOfTwo(device: Device, name: string, value: number | undefined): void {
  checkCount(device, name, value)
  if (value === undefined || Number.isInteger(Math.log2(value))) return
  throw new RangeError(`${name} of ${device.name} must be a power of two: ${value}`)
}
