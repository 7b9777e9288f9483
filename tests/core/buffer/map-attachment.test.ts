// Goal: a mapping is made, waited for and undone in the kernel's order, whatever the exporter does.
// Method: an exporter that notes its calls and the lock; failures of each call, at once and later.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attachDevice } from '#src/core/buffer/attach.js'
import type { ImporterOps } from '#src/core/buffer/attachment-ops.js'
import type { Attachment } from '#src/core/buffer/attachment.js'
import type { Direction } from '#src/core/buffer/device.js'
import { mapAttachment, unmapAttachment } from '#src/core/buffer/map-attachment.js'
import { SgTable } from '#src/core/buffer/sg-table.js'
import { setDebug } from '#src/core/debug.js'
import { DmaBufError } from '#src/core/errors.js'
import { Reservation } from '#src/core/reservation/reservation.js'
import {
  isSettled,
  RecordingBuffer,
  recordingImporter,
  type OpName,
  type RecordingOptions,
} from '../../helpers/recording-buffer.js'
import { collectWarnings } from '../../helpers/warnings.js'

const isCode = (code: string, rule?: string) => (error: unknown) =>
  DmaBufError.is(error, code) && (rule === undefined || error.rule === rule)

async function attached(options: RecordingOptions = {}, importer?: ImporterOps) {
  const buffer = new RecordingBuffer(options)
  const attachment = await attachDevice(buffer, { name: 'npu' }, importer)
  buffer.take()
  return { buffer, attachment }
}

const rulesOf = (warnings: { readonly list: readonly { rule: string }[] }) =>
  warnings.list.map(({ rule }) => rule)

test('mapAttachment of nothing warns and is EINVAL [ATT-12, API-2]', async () => {
  const { buffer } = await attached()
  using held = await buffer.reservation.lock()
  using warnings = collectWarnings()
  for (const nothing of [null, undefined])
    assert.throws(() => mapAttachment(nothing, held, 'to-device'), {
      code: 'EINVAL',
      rule: 'ATT-12',
      operation: 'mapAttachment',
    })
  assert.deepEqual(rulesOf(warnings), ['ATT-12', 'ATT-12'])
})

test('mapAttachment and unmapAttachment need the lock of this buffer, still held [ATT-12, ATT-21, C-8]', async () => {
  const { buffer, attachment } = await attached()
  const table = await attachment.map('to-device')
  buffer.take()
  using foreign = await new Reservation().lock()
  const released = await buffer.reservation.lock()
  released.release()
  for (const held of [foreign, released]) {
    assert.throws(() => mapAttachment(attachment, held, 'to-device'), {
      code: 'EINVAL',
      operation: 'mapAttachment',
    })
    assert.throws(() => unmapAttachment(attachment, held, table, 'to-device'), {
      code: 'EINVAL',
      operation: 'unmapAttachment',
    })
  }
  assert.deepEqual(buffer.take(), [])
})

for (const dynamic of [false, true])
  test(`mapAttachment of a ${dynamic ? 'dynamic' : 'static'} importer answers at once where nothing has to be waited for`, async () => {
    const { buffer, attachment } = await attached(
      { dynamic },
      dynamic ? recordingImporter() : undefined,
    )
    using held = await buffer.reservation.lock()
    assert.ok(mapAttachment(attachment, held, 'to-device') instanceof SgTable)
    held.release()
    // A dynamic one waits for the exporter's fences itself.
    await buffer.add('kernel')
    using again = await buffer.reservation.lock()
    const result = mapAttachment(attachment, again, 'to-device')
    assert.equal(result instanceof SgTable, dynamic)
    buffer.signalAll()
    assert.ok((await result) instanceof SgTable)
  })

test('A table that is cached both ways serves every direction [ATT-13]', async () => {
  const { buffer, attachment } = await attached({ cachesMappings: true })
  const table = await attachment.map('bidirectional')
  for (const direction of ['to-device', 'from-device', 'bidirectional'] as const)
    assert.equal(await attachment.map(direction), table)
  assert.deepEqual(buffer.take(), ['map npu bidirectional, locked'])
})

test('Several mappings of one attachment are tables of their own [ATT-23]', async () => {
  const { buffer, attachment } = await attached()
  const first = await attachment.map('to-device')
  const second = await attachment.map('from-device')
  assert.notEqual(first, second)
  await attachment.unmap(first, 'to-device')
  await attachment.unmap(second, 'from-device')
  assert.deepEqual(buffer.take(), [
    'map npu to-device, locked',
    'map npu from-device, locked',
    'unmap npu to-device, locked',
    'unmap npu from-device, locked',
  ])
})

test('An exporter that hands out one table twice is reported [ATT-23]', async () => {
  const shared = SgTable.fromPages([1])
  const { attachment } = await attached({ replace: { map: () => shared } })
  using warnings = collectWarnings()
  const first = await attachment.map('to-device')
  assert.deepEqual(rulesOf(warnings), [])
  await attachment.unmap(first, 'to-device')
  await attachment.map('to-device')
  assert.deepEqual(rulesOf(warnings), [])
  await attachment.map('to-device')
  assert.deepEqual(rulesOf(warnings), ['ATT-23'])
})

for (const nothing of [null, undefined, Promise.resolve(undefined)])
  test(`A map op that answers ${nothing instanceof Promise ? 'nothing later' : String(nothing)} is ENOMEM [ATT-15]`, async () => {
    const { buffer, attachment } = await attached({ replace: { map: () => nothing } })
    await assert.rejects(attachment.map('to-device'), isCode('ENOMEM', 'ATT-15'))
    assert.deepEqual(buffer.take(), ['map npu to-device, locked'])
    assert.equal(buffer.reservation.isLocked, false)
  })

test('A map op that answers something else is a TypeError', async () => {
  const { attachment } = await attached({ replace: { map: () => ({ segments: [] }) } })
  await assert.rejects(attachment.map('to-device'), TypeError)
})

const pinning = { dynamic: true } as const
const undone: readonly [OpName, RecordingOptions, readonly string[]][] = [
  ['map', {}, ['map']],
  ['pin', pinning, ['pin']],
  ['map', pinning, ['pin', 'map', 'unpin']],
]
for (const [op, options, calls] of undone)
  for (const later of [false, true])
    test(`A ${op} op that ${later ? 'rejects' : 'throws'} is undone as ${calls.join(', ')} [ATT-14, ATT-15]`, async () => {
      const error = new DmaBufError('EINTR', op, 'Interrupted')
      let broken = true
      const fail = () => {
        if (broken && later) return Promise.resolve().then(() => Promise.reject(error))
        if (broken) throw error
        return op === 'map' ? SgTable.fromPages([1]) : undefined
      }
      const importer = options.dynamic ? recordingImporter() : undefined
      const { buffer, attachment } = await attached(
        { ...options, replace: { [op]: fail } },
        importer,
      )
      await assert.rejects(attachment.map('to-device'), (found) => found === error)
      const names = buffer.take().map((call) => call.split(' ')[0])
      assert.deepEqual(names, calls)
      assert.equal(buffer.reservation.isLocked, false)
      assert.equal(attachment.held, undefined)
      assert.equal(attachment.mappings, 0)
      assert.equal(buffer.alive, 0)
      broken = false
      await attachment.unmap(await attachment.map('to-device'), 'to-device')
    })

test('A static importer waits for KERNEL fences of static exporters, too, after the op and with the lock [ATT-16, MIS-13]', async () => {
  const { buffer, attachment } = await attached()
  await buffer.add('kernel')
  const mapping = attachment.map('to-device')
  assert.equal(await isSettled(mapping), false)
  assert.deepEqual(buffer.take(), ['map npu to-device, locked'])
  assert.equal(buffer.reservation.isLocked, true)
  buffer.signalAll()
  assert.ok((await mapping) instanceof SgTable)
  assert.equal(buffer.reservation.isLocked, false)
})

for (const usage of ['write', 'read', 'bookkeep'] as const)
  test(`A static importer does not wait for ${usage} fences [ATT-16]`, async () => {
    const { buffer, attachment } = await attached()
    await buffer.add(usage)
    assert.equal(await isSettled(attachment.map('bidirectional')), true)
  })

for (const when of ['before', 'during'] as const)
  test(`A wait that is aborted ${when} it begins unmaps, and rejects with the reason [ATT-16]`, async () => {
    const { buffer, attachment } = await attached()
    await buffer.add('kernel')
    const abort = new AbortController()
    const reason = new Error('Enough')
    if (when === 'before') abort.abort(reason)
    const mapping = attachment.map('to-device', { signal: abort.signal })
    assert.equal(await isSettled(mapping), when === 'before')
    abort.abort(reason)
    await assert.rejects(mapping, (error) => error === reason)
    assert.deepEqual(buffer.take(), ['map npu to-device, locked', 'unmap npu to-device, locked'])
    assert.equal(buffer.reservation.isLocked, false)
    assert.equal(attachment.mappings, 0)
  })

test('A fence that fails ends the wait as one that succeeds [ATT-16]', async () => {
  const { buffer, attachment } = await attached()
  const { signalFence } = await import('#src/core/fence/fence.js')
  const fence = await buffer.add('kernel')
  const mapping = attachment.map('to-device')
  signalFence(fence, new DmaBufError('EIO', 'job', 'Broken'))
  assert.ok((await mapping) instanceof SgTable)
})

test('Mapping under a lock that was released meanwhile is undone [C-8]', async () => {
  const { buffer, attachment } = await attached()
  await buffer.add('kernel')
  const held = await buffer.reservation.lock()
  const mapping = attachment.mapLocked(held, 'to-device')
  assert.equal(await isSettled(mapping), false)
  held.release()
  buffer.signalAll()
  await assert.rejects(mapping, { code: 'EINVAL', operation: 'mapAttachment' })
  assert.deepEqual(buffer.take().at(-1), 'unmap npu to-device')
  assert.equal(attachment.mappings, 0)
})

test('Mapping under a lock that was released while the exporter waited is undone, with nothing to wait for [C-8]', async () => {
  let go = (): void => {}
  const { buffer, attachment } = await attached({
    replace: {
      map: (a) => new Promise((resolve) => (go = () => resolve(buffer.newTable(a)))),
    },
  })
  const held = await buffer.reservation.lock()
  const mapping = attachment.mapLocked(held, 'to-device')
  held.release()
  go()
  await assert.rejects(mapping, { code: 'EINVAL', operation: 'mapAttachment' })
  assert.deepEqual(buffer.take(), ['map npu to-device, locked', 'unmap npu to-device'])
  assert.equal(attachment.mappings, 0)
})

test('With mangleLinks importers get scrambled links, and exporters their own back [ATT-19, C-6]', async () => {
  using _debug = setDebug({ mangleLinks: true })
  const seen: number[] = []
  const { buffer, attachment } = await attached()
  const table = await attachment.map('to-device')
  assert.notDeepEqual([...table].map(({ pageFrame }) => pageFrame), [16, 32]) // prettier-ignore
  assert.deepEqual(table.segments.map(({ address }) => address), [0x10000, 0x20000]) // prettier-ignore
  Object.assign(buffer.ops, {
    unmap: (_: unknown, back: SgTable) => seen.push(...[...back].map(({ pageFrame }) => pageFrame)),
  })
  await attachment.unmap(table, 'to-device')
  assert.deepEqual(seen, [16, 32])
})

test('A cached table stays scrambled until detach [ATT-19]', async () => {
  using _debug = setDebug({ mangleLinks: true })
  const { attachment } = await attached({ cachesMappings: true })
  const table = await attachment.map('to-device')
  await attachment.unmap(table, 'to-device')
  await attachment.map('to-device')
  const frames = () => [...table].map(({ pageFrame }) => pageFrame)
  assert.notDeepEqual(frames(), [16, 32])
  await attachment.detach()
  assert.deepEqual(frames(), [16, 32])
})

test('Without debug options links are not scrambled, and with mangleDynamicLinks for dynamic importers only [PROP-15]', async () => {
  const frames = async (importer?: ImporterOps) => {
    const { attachment } = await attached({ dynamic: importer !== undefined }, importer)
    return [...(await attachment.map('to-device'))].map(({ pageFrame }) => pageFrame)
  }
  assert.deepEqual(await frames(recordingImporter()), [16, 32])
  using _debug = setDebug({ mangleDynamicLinks: true })
  assert.deepEqual(await frames(), [16, 32])
  assert.notDeepEqual(await frames(recordingImporter()), [16, 32])
})

const runs = [
  [{ address: 0x10000, lengthBytes: 4096 }, 0],
  [{ address: 0x10001, lengthBytes: 4096 }, 1],
  [{ address: 0x10000, lengthBytes: 4095 }, 1],
] as const
for (const [{ address, lengthBytes }, count] of runs)
  test(`A table of ${lengthBytes} bytes at ${address} is reported ${count} times, and mapped [ATT-20, C-6]`, async () => {
    const { attachment } = await attached({
      replace: {
        map: () => {
          const table = SgTable.fromRuns([{ address, lengthBytes }])
          const entry = table.entry(0)
          entry.dmaAddress = address
          entry.dmaLengthBytes = lengthBytes
          return table
        },
      },
    })
    using warnings = collectWarnings()
    await attachment.map('to-device')
    assert.deepEqual(rulesOf(warnings), [])
    using _debug = setDebug({ reportAlignment: true })
    assert.ok((await attachment.map('to-device')) instanceof SgTable)
    assert.deepEqual(rulesOf(warnings), new Array(count).fill('ATT-20'))
    const where = `recorder mapped ${lengthBytes} bytes at 0x${address.toString(16)} for npu:`
    assert.ok(warnings.list.every(({ message }) => message.startsWith(where)))
  })

test('The core does not look at the direction: it is the exporter that has to know it [ATT-24]', async () => {
  const { buffer, attachment } = await attached()
  await attachment.map('none' as Direction)
  assert.deepEqual(buffer.take(), ['map npu none, locked'])
})

test('unmapAttachment of nothing warns and does nothing [ATT-21]', async () => {
  const { buffer, attachment } = await attached()
  using warnings = collectWarnings()
  using held = await buffer.reservation.lock()
  unmapAttachment(null, held, SgTable.fromPages([1]), 'to-device')
  unmapAttachment(attachment, held, undefined, 'to-device')
  assert.deepEqual(rulesOf(warnings), ['ATT-21', 'ATT-21'])
  assert.deepEqual(buffer.take(), [])
})

test('unmap gives the exporter the direction of its caller [ATT-21]', async () => {
  const { buffer, attachment } = await attached()
  const table = await attachment.map('to-device')
  buffer.take()
  await attachment.unmap(table, 'from-device')
  assert.deepEqual(buffer.take(), ['unmap npu from-device, locked'])
})

test('unmap of a cached table calls nothing and leaves it as it is [ATT-21]', async () => {
  using _debug = setDebug({ mangleLinks: true })
  const { buffer, attachment } = await attached({ cachesMappings: true })
  const table = await attachment.map('to-device')
  const links = () => [...table].map(({ pageFrame }) => pageFrame)
  const before = links()
  buffer.take()
  using warnings = collectWarnings()
  await attachment.unmap(table, 'to-device')
  await attachment.unmap(table, 'to-device')
  assert.deepEqual([buffer.take(), rulesOf(warnings)], [[], []])
  assert.deepEqual(links(), before)
  assert.equal(await attachment.map('to-device'), table)
})

test('unmap restores the links, gives the table back, then undoes the pin, once [ATT-21]', async () => {
  using _debug = setDebug({ mangleLinks: true })
  const { buffer, attachment } = await attached(pinning, recordingImporter())
  const table = await attachment.map('to-device')
  const links = () => [...table].map(({ pageFrame }) => pageFrame)
  assert.notDeepEqual(links(), [16, 32])
  buffer.take()
  await attachment.unmap(table, 'to-device')
  assert.deepEqual(buffer.take(), ['unmap npu to-device, locked', 'unpin npu, locked'])
  assert.deepEqual(links(), [16, 32])
})

test('unmap of a table that is not mapped, or by another attachment, warns and does nothing [ATT-21]', async () => {
  const { buffer, attachment } = await attached()
  const other = await attachDevice(buffer, { name: 'gpu' })
  const table = await attachment.map('to-device')
  buffer.take()
  using warnings = collectWarnings()
  await other.unmap(table, 'to-device')
  assert.deepEqual(buffer.take(), [])
  await attachment.unmap(table, 'to-device')
  await attachment.unmap(table, 'to-device')
  assert.deepEqual(buffer.take(), ['unmap npu to-device, locked'])
  assert.deepEqual(rulesOf(warnings), ['ATT-21', 'ATT-21'])
})

test('With MOVE_NOTIFY a dynamic importer maps and unmaps without a pin [ATT-14, C-6]', async () => {
  const { buffer, attachment } = await attached(pinning, recordingImporter())
  using _debug = setDebug({ moveNotify: true })
  const table = await attachment.map('to-device')
  await attachment.unmap(table, 'to-device')
  const calls = buffer.take()
  assert.deepEqual(calls, ['map npu to-device, locked', 'unmap npu to-device, locked'])
})

test('A mapping that was pinned is unpinned, though MOVE_NOTIFY was switched on meanwhile [ATT-14]', async () => {
  const { buffer, attachment } = await attached(pinning, recordingImporter())
  const table = await attachment.map('to-device')
  using _debug = setDebug({ moveNotify: true })
  await attachment.unmap(table, 'to-device')
  assert.deepEqual(buffer.take().slice(-2), ['unmap npu to-device, locked', 'unpin npu, locked'])
})

for (const op of ['unmap', 'unpin'] as const)
  for (const later of [false, true])
    test(`An ${op} op that ${later ? 'rejects' : 'throws'} is reported, and the rest is done [PORT-4]`, async () => {
      const fail = () => {
        if (!later) throw new Error('Broken')
        return Promise.reject(new Error('Broken'))
      }
      const importer = recordingImporter()
      const { buffer, attachment } = await attached(
        { ...pinning, replace: { [op]: fail } },
        importer,
      )
      const table = await attachment.map('to-device')
      buffer.take()
      using warnings = collectWarnings()
      await attachment.unmap(table, 'to-device')
      await Promise.resolve()
      assert.deepEqual(buffer.take(), ['unmap npu to-device, locked', 'unpin npu, locked'])
      assert.deepEqual(
        warnings.list.map(({ rule, message }) => `${rule} ${message}`),
        [`PORT-4 ${op} must not throw: Error: Broken`],
      )
      assert.equal(buffer.reservation.isLocked, false)
      assert.equal(attachment.mappings, 0)
    })

test('An attachment maps nothing after detach, and nothing of a released buffer [ATT-9, ATT-11]', async () => {
  const { buffer, attachment } = await attached()
  const other = await attachDevice(buffer, { name: 'gpu' })
  await attachment.detach()
  buffer.take()
  await assert.rejects(attachment.map('to-device'), {
    code: 'EINVAL',
    rule: 'ATT-9',
    message: /npu cannot map: it is detached/,
  })
  buffer.released = true
  await assert.rejects(other.map('to-device'), {
    code: 'EINVAL',
    rule: 'ATT-11',
    message: /gpu cannot map: its buffer was released/,
  })
  assert.deepEqual(buffer.take(), [])
})

test('What the order of causes is: nothing, cached direction, pin, map, then the wait [ATT-13, ATT-14, ATT-16]', async () => {
  const broken = new Set<OpName>(['pin', 'map'])
  const { buffer, attachment } = await attached(
    {
      dynamic: true,
      replace: {
        pin: () => {
          if (broken.has('pin')) throw new DmaBufError('EIO', 'pin', 'Broken')
        },
        map: () => {
          if (broken.has('map')) throw new DmaBufError('EIO', 'map', 'Broken')
          return null
        },
      },
    },
    recordingImporter(),
  )
  const cause = async () =>
    attachment.map('to-device').then(
      () => 'none',
      (error: unknown) => DmaBufError.is(error) && `${error.operation} ${error.code}`,
    )
  attachment.cache(SgTable.fromPages([1]), 'from-device')
  assert.equal(await cause(), 'mapAttachment EBUSY')
  attachment.cached = undefined
  assert.equal(await cause(), 'pin EIO')
  broken.delete('pin')
  assert.equal(await cause(), 'map EIO')
  broken.delete('map')
  assert.equal(await cause(), 'mapAttachment ENOMEM')
  assert.equal(buffer.reservation.isLocked, false)
})

test('The exporter has the proof of the lock during its calls, and not after them [C-7]', async () => {
  const proofs: unknown[] = []
  const note = (name: string) => (held: unknown) => proofs.push([name, held !== undefined])
  const { attachment } = await attached(
    {
      dynamic: true,
      replace: {
        pin: async ({ held }) => {
          note('pin')(held)
        },
        unpin: ({ held }) => note('unpin')(held),
        map: async (a) => {
          await Promise.resolve()
          note('map')(a.held)
          return SgTable.fromPages([1])
        },
        unmap: ({ held }) => note('unmap')(held),
      },
    },
    recordingImporter(),
  )
  const table = await attachment.map('to-device')
  assert.equal(attachment.held, undefined)
  await attachment.unmap(table, 'to-device')
  assert.equal(attachment.held, undefined)
  assert.deepEqual(proofs, [['pin', true], ['map', true], ['unmap', true], ['unpin', true]]) // prettier-ignore
})

test('The exporter has the proof while any of its calls waits, also where others are over [C-7]', async () => {
  const proofs: boolean[] = []
  const ends: (() => void)[] = []
  const map = async (a: Attachment) => {
    await new Promise<void>((resolve) => ends.push(resolve))
    proofs.push(a.held !== undefined)
    return SgTable.fromPages([1])
  }
  const { buffer, attachment } = await attached({ replace: { map } })
  using held = await buffer.reservation.lock()
  const mappings = [0, 1].map(() => attachment.mapLocked(held, 'to-device'))
  ends[0]!()
  attachment.unmapLocked(held, await mappings[0]!, 'to-device')
  ends[1]!()
  await mappings[1]
  assert.deepEqual(proofs, [true, true])
  assert.equal(attachment.held, undefined)
})

test('mapAttachment does not ask for a table where the lock went while the exporter pinned [C-7, C-8]', async () => {
  let pinned = (): void => {}
  const pin = () => new Promise<void>((resolve) => (pinned = resolve))
  const { buffer, attachment } = await attached(
    { dynamic: true, replace: { pin } },
    recordingImporter(),
  )
  const held = await buffer.reservation.lock()
  const mapping = attachment.mapLocked(held, 'to-device')
  held.release()
  pinned()
  await assert.rejects(mapping, isCode('EINVAL'))
  assert.deepEqual(
    buffer.take().map((call) => call.split(' ')[0]),
    ['pin', 'unpin'],
  )
})

test('mapAttachment twice in one lock hold keeps one table, and gives the other back [ATT-13, ATT-18]', async () => {
  for (const [second, isServed] of [
    ['to-device', true],
    ['from-device', false],
  ] as const) {
    // prettier-ignore
    const map = async () => SgTable.fromPages([1])
    const { buffer, attachment } = await attached({ cachesMappings: true, replace: { map } })
    using held = await buffer.reservation.lock()
    const [kept, other] = await Promise.allSettled([
      attachment.mapLocked(held, 'to-device'),
      attachment.mapLocked(held, second),
    ])
    assert.ok(kept.status === 'fulfilled')
    if (isServed) assert.ok(other.status === 'fulfilled' && other.value === kept.value)
    else assert.ok(other.status === 'rejected' && DmaBufError.is(other.reason, 'EBUSY'))
    assert.equal(attachment.cached, kept.value)
    assert.equal(buffer.calls.filter((call) => call.startsWith('unmap')).length, 1)
  }
})

test('unmapAttachment of a buffer that was released asks nothing of its exporter [ATT-11]', async () => {
  const { buffer, attachment } = await attached()
  using held = await buffer.reservation.lock()
  const table = await attachment.mapLocked(held, 'to-device')
  buffer.take()
  buffer.released = true
  assert.throws(() => attachment.unmapLocked(held, table, 'to-device'), isCode('EINVAL', 'ATT-11'))
  assert.deepEqual(buffer.take(), [])
})
