import { bufferObject, type DmaBuf } from '../core/buffer/buffer.js'
import type { Direction } from '../core/buffer/device.js'
import { IosysMap } from '../core/buffer/iosys-map.js'
import { vmapUnlocked, vunmapUnlocked } from '../core/buffer/vmap.js'
import { createTimeline } from '../core/fence/timeline.js'
import { onWarning } from '../core/warn.js'
import { check, checkRejects, checkSame, type ContractCase } from './contract.js'

/** Makes one fresh buffer of the exporter under test: one page or more. Each case closes what it was given. */
export type BufferMaker = () => DmaBuf | Promise<DmaBuf>

const PAGE_BYTES = 4096
const DIRECTIONS: readonly Direction[] = ['bidirectional', 'to-device', 'from-device']
const DEVICE = { name: 'contract-device' }
/** An exporter that waits for a lock its caller holds would wait for ever. */
const PATIENCE_MS = 2000

const accessCases: readonly ContractCase<BufferMaker>[] = [
  {
    name: 'What one access writes the next one reads, through every handle',
    rules: ['CPU-1', 'CPU-6', 'BUF-18'],
    run: (make) =>
      withBuffer(make, async (buffer) => {
        using other = buffer.dup()
        await fill(buffer, 0x5a)
        using access = await other.beginCpuAccess('read')
        checkSame(access.bytes.length, buffer.lengthBytes, 'Bytes of an access')
        check(
          access.bytes.every((byte) => byte === 0x5a),
          'Another handle reads something else than was written',
        )
      }),
  },
  {
    name: 'Reading changes nothing',
    rules: ['CPU-7'],
    run: (make) =>
      withBuffer(make, async (buffer) => {
        await fill(buffer, 7)
        for (let round = 0; round < 3; round++) (await buffer.beginCpuAccess('read')).end()
        using access = await buffer.beginCpuAccess('read')
        checkSame(access.bytes[0], 7, 'First byte after empty accesses')
      }),
  },
  {
    name: 'The length stays, whatever is done to the buffer, and so does a name that was given',
    rules: ['BUF-7', 'BUF-53'],
    run: (make) =>
      withBuffer(make, async (buffer) => {
        const { lengthBytes, inode } = buffer
        buffer.setName('contract')
        await fill(buffer, 1)
        await using attachment = await buffer.attach(DEVICE)
        await attachment.unmap(await attachment.map('to-device'), 'to-device')
        checkSame(buffer.lengthBytes, lengthBytes, 'Length')
        checkSame(buffer.inode, inode, 'Inode')
        checkSame(buffer.name, 'contract', 'Name')
      }),
  },
  {
    name: 'A read waits for writers, a write for readers as well',
    rules: ['CPU-2'],
    run: (make) =>
      withBuffer(make, async (buffer) => {
        const timeline = createTimeline('contract')
        await buffer.addFence(timeline.fence(1), 'read')
        ;(await buffer.beginCpuAccess('read', { timeoutMs: PATIENCE_MS })).end()
        const early = buffer.beginCpuAccess('write', { timeoutMs: 1 })
        await checkRejects(early, ['ETIMEDOUT'], 'Write while a reader is pending')
        timeline.signal(1)
        await buffer.addFence(timeline.fence(2), 'write')
        const read = buffer.beginCpuAccess('read', { timeoutMs: 1 })
        await checkRejects(read, ['ETIMEDOUT'], 'Read while a writer is pending')
        timeline.signal(2)
        await fill(buffer, 3)
      }),
  },
  {
    name: 'An interrupted begin leaves the buffer usable',
    rules: ['CPU-3'],
    run: (make) =>
      withBuffer(make, async (buffer) => {
        const timeline = createTimeline('contract')
        await buffer.addFence(timeline.fence(1), 'write')
        const begin = buffer.beginCpuAccess('write', { timeoutMs: 0 })
        await checkRejects(begin, ['ETIMEDOUT'], 'Begin while a writer is pending')
        timeline.close()
        await fill(buffer, 4)
      }),
  },
]

const mappingCases: readonly ContractCase<BufferMaker>[] = [
  {
    name: 'A table covers the whole buffer in whole pages, in every direction',
    rules: ['SG-7', 'ATT-15', 'ATT-20'],
    run: (make) =>
      withBuffer(make, async (buffer) => {
        for (const direction of DIRECTIONS) {
          await using attachment = await buffer.attach(DEVICE)
          const table = await attachment.map(direction)
          let total = 0
          for (const { address, lengthBytes } of table.segments) {
            check(lengthBytes > 0, 'A segment is empty')
            checkSame(address % PAGE_BYTES, 0, 'Address within its page')
            checkSame(lengthBytes % PAGE_BYTES, 0, 'Length within its last page')
            total += lengthBytes
          }
          const pages = Math.ceil(buffer.lengthBytes / PAGE_BYTES)
          checkSame(total, pages * PAGE_BYTES, 'Bytes of all segments')
          await attachment.unmap(table, direction)
        }
      }),
  },
  {
    name: 'Attaching and detaching without mapping leaves nothing behind',
    rules: ['ATT-4', 'ATT-9', 'BUF-24'],
    run: (make) =>
      withBuffer(make, async (buffer) => {
        for (let round = 0; round < 3; round++) await (await buffer.attach(DEVICE)).detach()
      }),
  },
  {
    name: 'A table that was given back can be had again',
    rules: ['ATT-21', 'ATT-32'],
    run: (make) =>
      withBuffer(make, async (buffer) => {
        await using attachment = await buffer.attach(DEVICE)
        for (let round = 0; round < 3; round++)
          await attachment.unmap(await attachment.map('to-device'), 'to-device')
      }),
  },
  {
    name: 'Several mappings of one attachment live side by side, each table its own',
    rules: ['ATT-23'],
    run: (make) =>
      withBuffer(make, async (buffer) => {
        await using attachment = await buffer.attach(DEVICE)
        const first = await attachment.map('to-device')
        const second = await attachment.map('to-device')
        checkSame(first.segments.length, second.segments.length, 'Segments of the second table')
        await attachment.unmap(first, 'to-device')
        check(second.segments.length > 0, 'Unmapping one table emptied another')
        await attachment.unmap(second, 'to-device')
      }),
  },
  {
    name: 'Several devices map the same memory',
    rules: ['ATT-34', 'SG-7'],
    run: (make) =>
      withBuffer(make, async (buffer) => {
        await using one = await buffer.attach(DEVICE)
        await using two = await buffer.attach({ name: 'contract-device-2' })
        const first = await one.map('bidirectional')
        const second = await two.map('bidirectional')
        const lengths = [first, second].map(({ segments }) =>
          segments.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
        )
        checkSame(lengths[0], lengths[1], 'Bytes of the second device')
        await two.unmap(second, 'bidirectional')
        await one.unmap(first, 'bidirectional')
      }),
  },
  {
    name: 'map and unmap do not take the reservation lock: their caller holds it',
    rules: ['C-7', 'ATT-12'],
    run: (make) =>
      withBuffer(make, async (buffer) => {
        await using attachment = await buffer.attach(DEVICE)
        using held = await buffer.reservation.lock({ timeoutMs: PATIENCE_MS })

        const table = await attachment.mapLocked(held, 'to-device')
        attachment.unmapLocked(held, table, 'to-device')
      }),
  },
  {
    name: 'Pinning keeps the memory usable and is undone by unpinning',
    rules: ['ATT-26', 'ATT-28'],
    run: (make) =>
      withBuffer(make, async (buffer) => {
        await using attachment = await buffer.attach(DEVICE, { moveNotify() {} })
        using held = await buffer.reservation.lock({ timeoutMs: PATIENCE_MS })
        for (let round = 0; round < 2; round++) {
          await attachment.pin(held)
          const table = await attachment.mapLocked(held, 'bidirectional')
          check(table.segments.length > 0, 'A pinned buffer has no memory')
          attachment.unmapLocked(held, table, 'bidirectional')
          attachment.unpin(held)
        }
      }),
  },
  {
    name: 'The map for kernel code shows the memory, is one for all who ask, and ends with the last',
    rules: ['CPU-9', 'CPU-10', 'CPU-11', 'CPU-12', 'CPU-15'],
    run: (make) =>
      withBuffer(make, async (buffer) => {
        const object = bufferObject(buffer, 'contract')
        if (object.ops.vmap === undefined) {
          await checkRejects(
            vmapUnlocked(object, new IosysMap()),
            ['EINVAL'],
            'vmap without the op',
          )
          return
        }
        await fill(buffer, 0x42)
        for (let round = 0; round < 2; round++) {
          const [first, second] = [new IosysMap(), new IosysMap()]
          await vmapUnlocked(object, first)
          await vmapUnlocked(object, second)
          check(first.equals(second), 'Two maps of one buffer differ')
          checkSame(first.read('u8', 0), 0x42, 'First byte of the map')
          await vunmapUnlocked(object, second)
          checkSame(first.read('u8', 0), 0x42, 'First byte after another map has ended')
          await vunmapUnlocked(object, first)
        }
      }),
  },
  {
    name: 'A device that nothing can satisfy is refused politely, and others still get the buffer',
    rules: ['ATT-6', 'ATT-24'],
    run: (make) =>
      withBuffer(make, async (buffer) => {
        const impossible = { name: 'blind', constraints: { addressMask: 1, alignBytes: 2 ** 40 } }
        let code: unknown = undefined
        try {
          await using attachment = await buffer.attach(impossible)
          await attachment.unmap(await attachment.map('to-device'), 'to-device')
        } catch (error) {
          code = (error as { code?: unknown }).code
          check(
            ['EBUSY', 'EINVAL', 'EIO', 'ENOMEM'].includes(String(code)),
            `Refused with ${String(error)}`,
          )
        }
        await using attachment = await buffer.attach(DEVICE)
        await attachment.unmap(await attachment.map('to-device'), 'to-device')
      }),
  },
  {
    name: 'Closing the last handle after all is given back warns of nothing',
    rules: ['BUF-23', 'BUF-24'],
    async run(make) {
      const warnings: string[] = []
      using _hook = onWarning(({ rule }) => warnings.push(rule))
      await withBuffer(make, async (buffer) => {
        await using attachment = await buffer.attach(DEVICE)
        await attachment.unmap(await attachment.map('to-device'), 'to-device')
      })
      checkSame(warnings.join(' '), '', 'Warnings')
    },
  },
]

/**
 * What every exporter must keep, as cases: run each with a function that makes a buffer of yours. They need
 * no test runner.
 *
 * @example
 * ```ts
 * for (const { name, run } of exporterCases) test(name, () => run(() => heap.allocate(8192)))
 * ```
 */
export const exporterCases: readonly ContractCase<BufferMaker>[] = [...accessCases, ...mappingCases]

async function withBuffer(
  make: BufferMaker,
  use: (buffer: DmaBuf) => Promise<void>,
): Promise<void> {
  using buffer = await make()
  check(buffer.lengthBytes >= PAGE_BYTES, 'The contract needs buffers of a page or more')
  await use(buffer)
}

async function fill(buffer: DmaBuf, value: number): Promise<void> {
  using access = await buffer.beginCpuAccess('write', { timeoutMs: PATIENCE_MS })
  access.bytes.fill(value)
}
