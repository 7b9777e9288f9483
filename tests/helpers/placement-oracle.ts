// How much memory some devices can reach together, found by trying everything: for small memories only.
import fc from 'fast-check'
import type { Device } from '#src/core/buffer/device.js'

const PAGE = 4096

/** One to four devices with random constraints, mostly few of them, sized for a memory of some 40 pages. */
export const anyDevices: fc.Arbitrary<readonly Device[]> = fc
  .array(
    fc.record(
      {
        maxSegmentBytes: fc.constantFrom(2048, 4096, 5000, 8192, 12288, 20480, 32768),
        maxSegments: fc.integer({ min: 1, max: 8 }),
        boundaryBytes: fc.constantFrom(2048, 4096, 8192, 16384, 65536),
        addressMask: fc.constantFrom(0xfff, 0x3fff, 0x7fff, 0xffff, 0x1ffff, 0xffffffff),
        alignBytes: fc.constantFrom(512, 4096, 8192, 16384, 32768),
        contiguous: fc.boolean(),
      },
      { requiredKeys: [] },
    ),
    { minLength: 1, maxLength: 4 },
  )
  .map((list) => list.map((constraints, index) => ({ name: `device${index}`, constraints })))

/** The most pages that segments which suit every device can cover. */
export function mostPages(
  devices: readonly Device[],
  range: { readonly startAddress: number; readonly endAddress: number },
): number {
  const allowed = (address: number, lengthBytes: number): boolean =>
    devices.every(({ constraints = {} }) => {
      const last = address + lengthBytes - 1
      if (last > (constraints.addressMask ?? Infinity)) return false
      if (lengthBytes > (constraints.maxSegmentBytes ?? Infinity)) return false
      if (address % (constraints.alignBytes ?? 1) !== 0) return false
      for (let byte = address + PAGE - 1; byte <= last; byte += PAGE) {
        const boundary = constraints.boundaryBytes ?? Infinity
        if (Math.floor(byte / boundary) !== Math.floor(address / boundary)) return false
      }
      return true
    })
  const counts = devices.map(({ constraints = {} }) =>
    constraints.contiguous === true ? 1 : (constraints.maxSegments ?? 99),
  )
  const known = new Map<string, number>()
  const most = (page: number, segments: number): number => {
    if (segments === 0 || page * PAGE >= range.endAddress) return 0
    const key = `${page} ${segments}`
    let best = known.get(key)
    if (best !== undefined) return best
    best = most(page + 1, segments)
    for (let end = page + 1; end * PAGE <= range.endAddress; end++) {
      if (!allowed(page * PAGE, (end - page) * PAGE)) break
      best = Math.max(best, end - page + most(end, segments - 1))
    }
    known.set(key, best)
    return best
  }
  return most(range.startAddress / PAGE, Math.min(...counts))
}
