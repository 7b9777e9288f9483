// Goal: a device is tied to a buffer in the kernel's order, and an attach that fails leaves nothing behind.
// Method: an exporter that notes its calls and the lock, made to fail at each of them, at once and later.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attachDevice } from '#src/core/buffer/attach.js'
import type { Attachment } from '#src/core/buffer/attachment.js'
import type { ImporterOps } from '#src/core/buffer/attachment-ops.js'
import { setDebug } from '#src/core/debug.js'
import { DmaBufError } from '#src/core/errors.js'
import {
  isSettled,
  RecordingBuffer,
  recordingImporter,
  type OpName,
  type RecordingOptions,
} from '../../helpers/recording-buffer.js'
import { collectWarnings } from '../../helpers/warnings.js'

const npu = { name: 'npu' }
const isCode = (code: string, rule?: string) => (error: unknown) =>
  DmaBufError.is(error, code) && (rule === undefined || error.rule === rule)

/** Nothing of a failed attach is left. */
function checkWhole(buffer: RecordingBuffer): void {
  assert.equal(buffer.reservation.isLocked, false)
  assert.equal(buffer.attachments.size, 0)
  assert.equal(buffer.alive, 0)
}

test('attachDevice records device, buffer, importer and the private data of its importer [ATT-3]', async () => {
  const buffer = new RecordingBuffer({ dynamic: true })
  const importer = recordingImporter()
  const attachment = await attachDevice(buffer, npu, importer, { private: 7 })
  assert.equal(attachment.device, npu)
  assert.equal(attachment.buffer, buffer)
  assert.equal(attachment.importer, importer)
  assert.equal(attachment.importerPrivate, 7)
})

test('attachDevice without importer ops makes a static attachment [ATT-1, C-3]', async () => {
  const attachment = await attachDevice(new RecordingBuffer(), npu)
  assert.equal(attachment.isDynamic, false)
  assert.equal(attachment.importer, undefined)
  assert.equal(attachment.importerPrivate, undefined)
})

const missing = /A buffer and a device are needed/
const refused: readonly [string, () => Promise<unknown>, RegExp][] = [
  ['no buffer', () => attachDevice(null, npu), missing],
  ['no device', () => attachDevice(new RecordingBuffer(), undefined), missing],
  ['an importer without moveNotify', () => attachDevice(new RecordingBuffer(), npu, {} as ImporterOps), /needs moveNotify/], // prettier-ignore
]
for (const [what, attach, message] of refused)
  test(`attachDevice with ${what} warns and is EINVAL [ATT-2, API-2]`, async () => {
    using warnings = collectWarnings()
    await assert.rejects(attach(), { code: 'EINVAL', rule: 'ATT-2', message })
    assert.deepEqual(
      warnings.list.map(({ rule }) => rule),
      ['ATT-2'],
    )
  })

test('attachDevice checks its arguments before it asks the exporter [ATT-2]', async () => {
  using _warnings = collectWarnings()
  const buffer = new RecordingBuffer()
  await assert.rejects(attachDevice(buffer, npu, {} as ImporterOps))
  await assert.rejects(
    attachDevice(buffer, { name: 'odd', constraints: { alignBytes: 3 } }),
    RangeError,
  )
  assert.deepEqual(buffer.take(), [])
})

test('attachDevice without memory is ENOMEM, after EINVAL and before it asks the exporter [ATT-2]', async () => {
  using _warnings = collectWarnings()
  const buffer = new RecordingBuffer()
  using _debug = setDebug({ failAllocations: true })
  await assert.rejects(attachDevice(null, npu), isCode('EINVAL', 'ATT-2'))
  await assert.rejects(attachDevice(buffer, npu), isCode('ENOMEM', 'ATT-2'))
  assert.deepEqual(buffer.take(), [])
  assert.equal(buffer.attachments.size, 0)
})

test('peerToPeer is what the importer allows, and never for a static one [ATT-3]', async () => {
  const buffer = new RecordingBuffer({ dynamic: true })
  const allowing = await attachDevice(buffer, npu, recordingImporter([], true))
  const refusing = await attachDevice(buffer, npu, recordingImporter([], false))
  const staticOne = await attachDevice(buffer, npu)
  const answers = [allowing, refusing, staticOne].map(({ peerToPeer }) => peerToPeer)
  assert.deepEqual(answers, [true, false, false])
})

test('An attach op can forbid peer to peer, not allow it [ATT-3]', async () => {
  const buffer = new RecordingBuffer({
    dynamic: true,
    replace: { attach: (attachment) => attachment.forbidPeerToPeer() },
  })
  const allowing = await attachDevice(buffer, npu, recordingImporter([], true))
  assert.equal(allowing.peerToPeer, false)
  assert.throws(() => Object.assign(allowing, { peerToPeer: true }), TypeError)
})

for (const later of [false, true])
  test(`The attach op runs unlocked and before the attachment is listed, ${later ? 'also where it waits' : 'at once'} [ATT-4, C-7]`, async () => {
    const sizes: number[] = []
    const buffer: RecordingBuffer = new RecordingBuffer({
      replace: {
        attach: async (attachment) => {
          if (later) await Promise.resolve()
          attachment.private = 'exporter'
          sizes.push(buffer.attachments.size, Number(buffer.reservation.isLocked))
        },
      },
    })
    const attachment = await attachDevice(buffer, npu)
    assert.deepEqual(buffer.take(), ['attach npu'])
    assert.deepEqual(sizes, [0, 0])
    assert.equal(attachment.private, 'exporter')
    assert.equal(buffer.attachments.size, 1)
  })

test('New attachments come first in the list [ATT-5]', async () => {
  const buffer = new RecordingBuffer()
  for (const name of ['gpu0', 'disp0']) await attachDevice(buffer, { name })
  assert.deepEqual(
    [...buffer.attachments].map(({ device }) => device.name),
    ['disp0', 'gpu0'],
  )
})

test('attachDevice waits for the lock to insert, and not to ask the exporter [ATT-4, ATT-5]', async () => {
  const buffer = new RecordingBuffer()
  const held = await buffer.reservation.lock()
  const attaching = attachDevice(buffer, npu)
  assert.equal(await isSettled(attaching), false)
  assert.deepEqual(buffer.take(), ['attach npu, locked'])
  assert.equal(buffer.attachments.size, 0)
  assert.equal(buffer.alive, 1)
  held.release()
  await attaching
  assert.equal(buffer.attachments.size, 1)
  assert.equal(buffer.alive, 0)
})

test('An exporter without attach and detach ops takes any device', async () => {
  const buffer = new RecordingBuffer({ without: ['attach', 'detach'] })
  const attachment = await attachDevice(buffer, npu)
  await attachment.detach()
  assert.deepEqual(buffer.take(), [])
})

for (const later of [false, true])
  test(`An attach op that said yes ${later ? 'later' : 'at once'} hears of the end where the reservation is gone [ATT-4]`, async () => {
    const attach = later ? () => Promise.resolve() : () => {}
    const buffer = new RecordingBuffer({ replace: { attach } })
    buffer.reservation.destroy()
    await assert.rejects(attachDevice(buffer, npu))
    assert.deepEqual(buffer.take(), ['attach npu', 'detach npu'])
    checkWhole(buffer)
  })

interface Failure {
  readonly op: OpName
  readonly options: RecordingOptions
  readonly importer?: ImporterOps
  /** What the exporter is asked, the failing call included. */
  readonly calls: readonly string[]
  readonly rules: string
}

const locked = (name: string) => `${name}, locked`
const mapped = locked('map npu bidirectional')
const failures: readonly Failure[] = [
  { op: 'attach', options: {}, calls: ['attach npu'], rules: 'ATT-4, MIS-13' },
  {
    op: 'pin',
    options: { dynamic: true },
    calls: ['attach npu', locked('pin npu'), 'detach npu'],
    rules: 'ATT-8',
  },
  {
    op: 'map',
    options: { dynamic: true },
    calls: ['attach npu', locked('pin npu'), mapped, locked('unpin npu'), 'detach npu'],
    rules: 'ATT-8, MIS-13',
  },
  {
    op: 'map',
    options: {},
    importer: recordingImporter(),
    calls: ['attach npu', mapped, 'detach npu'],
    rules: 'ATT-8, MIS-13',
  },
]
for (const { op, options, importer, calls, rules } of failures)
  for (const later of [false, true])
    test(`attachDevice undoes in order when ${op} ${later ? 'rejects' : 'throws'} for a ${importer ? 'dynamic' : 'static'} importer [${rules}]`, async () => {
      const error = new DmaBufError('EIO', op, 'Broken')
      const fail = () => {
        if (!later) throw error
        return Promise.resolve().then(() => Promise.reject(error))
      }
      const buffer = new RecordingBuffer({ ...options, replace: { [op]: fail } })
      await assert.rejects(attachDevice(buffer, npu, importer), (found) => found === error)
      assert.deepEqual(buffer.take(), calls)
      checkWhole(buffer)
      // And the next one is served.
      using _held = buffer.reservation.tryLock()!
    })

for (const nothing of [null, undefined, Promise.resolve(null)])
  test(`A map op that answers ${nothing instanceof Promise ? 'null later' : String(nothing)} at attach is ENOMEM [ATT-8]`, async () => {
    const buffer = new RecordingBuffer({ dynamic: true, replace: { map: () => nothing } })
    await assert.rejects(attachDevice(buffer, npu), isCode('ENOMEM'))
    assert.deepEqual(buffer.take().slice(-2), ['unpin npu, locked', 'detach npu'])
    checkWhole(buffer)
  })

test('Attaching a static importer to a dynamic exporter waits for the KERNEL fences after the map [ATT-7, ATT-16]', async () => {
  const buffer = new RecordingBuffer({ dynamic: true })
  await buffer.add('kernel')
  const attaching = attachDevice(buffer, npu)
  assert.equal(await isSettled(attaching), false)
  assert.deepEqual(buffer.take().at(-1), 'map npu bidirectional, locked')
  buffer.signalAll()
  await attaching
  assert.equal(buffer.reservation.isLocked, false)
})

test('An aborted wait at attach unmaps, unpins, unlocks and detaches, in that order [ATT-8, ATT-16, MIS-13]', async () => {
  const buffer = new RecordingBuffer({ dynamic: true })
  await buffer.add('kernel')
  const abort = new AbortController()
  const reason = new Error('Enough')
  const attaching = attachDevice(buffer, npu, undefined, { signal: abort.signal })
  assert.equal(await isSettled(attaching), false)
  abort.abort(reason)
  await assert.rejects(attaching, (error) => error === reason)
  assert.deepEqual(buffer.take().slice(2), [
    'map npu bidirectional, locked',
    'unmap npu bidirectional, locked',
    'unpin npu, locked',
    'detach npu',
  ])
  checkWhole(buffer)
})

test('What the order of causes is: arguments, attach op, pin, map, then the wait [ATT-2, ATT-4, ATT-8, ATT-16]', async () => {
  const broken = new Set<OpName>(['attach', 'pin', 'map'])
  const fail = (op: OpName) => () => {
    if (broken.has(op)) throw new DmaBufError('EIO', op, 'Broken')
  }
  const buffer: RecordingBuffer = new RecordingBuffer({
    dynamic: true,
    replace: {
      attach: fail('attach'),
      pin: fail('pin'),
      map: (attachment) => {
        fail('map')()
        return buffer.newTable(attachment)
      },
    },
  })
  await buffer.add('kernel')
  const signal = AbortSignal.abort('aborted')
  const causeOf = async () =>
    attachDevice(buffer, npu, undefined, { signal }).then(
      () => 'none',
      (error: unknown) => (DmaBufError.is(error) ? error.operation : error),
    )
  for (const op of ['attach', 'pin', 'map'] as const) {
    assert.equal(await causeOf(), op)
    broken.delete(op)
  }
  assert.equal(await causeOf(), 'aborted')
  buffer.signalAll()
  assert.equal(await causeOf(), 'none')
})

for (const later of [false, true])
  test(`An attach that cannot get the lock ${later ? 'later ' : ''}tells the exporter that the device is gone`, async () => {
    const buffer: RecordingBuffer = new RecordingBuffer({
      replace: {
        attach: () => {
          buffer.reservation.destroy()
          return later ? Promise.resolve() : undefined
        },
      },
    })
    await assert.rejects(attachDevice(buffer, npu), isCode('EINVAL', 'RESV-5'))
    assert.deepEqual(buffer.take(), ['attach npu', 'detach npu'])
    assert.equal(buffer.attachments.size, 0)
  })

test('An attachment remembers where it was made, where stacks are wanted', async () => {
  const buffer = new RecordingBuffer()
  assert.equal((await attachDevice(buffer, npu)).stack, undefined)
  using _debug = setDebug({ stacks: true })
  assert.match((await attachDevice(buffer, npu)).stack!, /npu attached here/)
})

test('attachDevice where the exporter lets its buffer go meanwhile is EINVAL, and asks nothing more [ATT-11]', async () => {
  for (const [dynamic, later] of [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ]) {
    // prettier-ignore
    const attach = ({ buffer: own }: Attachment) => {
      Object.assign(own, { released: true })
      return later === true ? Promise.resolve() : undefined
    }
    const buffer = new RecordingBuffer({ dynamic: dynamic === true, replace: { attach } })
    await assert.rejects(attachDevice(buffer, { name: 'npu' }), isCode('EINVAL', 'ATT-11'))
    assert.deepEqual(buffer.take().map((call) => call.split(' ')[0]), ['attach']) // prettier-ignore
    assert.equal(buffer.attachments.size, 0)
    assert.equal(buffer.reservation.isLocked, false)
  }
})

test('attachDevice takes null for no importer of its own kind [ATT-1]', async () => {
  const buffer = new RecordingBuffer()
  const none = null as unknown as undefined
  const attachment = await attachDevice(buffer, { name: 'npu' }, none)
  assert.equal(attachment.isDynamic, false)
  assert.equal(attachment.importer, undefined)
})
