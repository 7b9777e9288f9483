// Goal: all four kinds of attachment do what the kernel does, at each step.
// Method: the worked examples as tables; each row is run with a pending KERNEL fence and without.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attachDevice } from '#src/core/buffer/attach.js'
import type { Direction } from '#src/core/buffer/device.js'
import { setDebug } from '#src/core/debug.js'
import { DmaBufError } from '#src/core/errors.js'
import { isSettled, RecordingBuffer, recordingImporter } from '../../helpers/recording-buffer.js'
import { collectWarnings } from '../../helpers/warnings.js'

interface Row {
  readonly exporter: 'static' | 'dynamic'
  readonly importer: 'static' | 'dynamic'
  readonly moveNotify: boolean
  readonly attach: readonly string[]
  readonly map: readonly string[]
  readonly unmap: readonly string[]
  readonly detach: readonly string[]
  /** Which step waits for a pending KERNEL fence. */
  readonly waits: 'attach' | 'map' | 'never'
}

const MAP = 'map npu to-device, locked'
const UNMAP = 'unmap npu to-device, locked'
const BOTH = 'map npu bidirectional, locked'
const UNBOTH = 'unmap npu bidirectional, locked'
const PIN = 'pin npu, locked'
const UNPIN = 'unpin npu, locked'

const uncached = { attach: [], map: [MAP], unmap: [UNMAP], detach: [] }
const cachedStatic = { attach: [BOTH], map: [], unmap: [], detach: [UNBOTH] }
const cachedPinned = { attach: [PIN, BOTH], map: [], unmap: [], detach: [UNBOTH, UNPIN] }
const pinned = { attach: [], map: [PIN, MAP], unmap: [UNMAP, UNPIN], detach: [] }

const rows: readonly Row[] = [false, true].flatMap((moveNotify): Row[] => [
  { exporter: 'static', importer: 'static', moveNotify, ...uncached, waits: 'map' },
  { exporter: 'static', importer: 'dynamic', moveNotify, ...cachedStatic, waits: 'never' },
  { exporter: 'dynamic', importer: 'static', moveNotify, ...cachedPinned, waits: 'attach' },
  {
    exporter: 'dynamic',
    importer: 'dynamic',
    moveNotify,
    ...(moveNotify ? uncached : pinned),
    waits: 'never',
  },
])

for (const { exporter, importer, moveNotify, attach, map, unmap, detach, waits } of rows) {
  const name = `${exporter} exporter, ${importer} importer, MOVE_NOTIFY ${moveNotify ? 'on' : 'off'}`
  const importerOps = importer === 'dynamic' ? recordingImporter() : undefined
  const rules = 'EX-5, ATT-7, ATT-9, ATT-14, ATT-15, ATT-21, C-6, C-7'

  test(`What the exporter is asked: ${name} [${rules}]`, async () => {
    using warnings = collectWarnings()
    using _debug = setDebug({ moveNotify })
    const buffer = new RecordingBuffer({ dynamic: exporter === 'dynamic' })
    const attachment = await attachDevice(buffer, { name: 'npu' }, importerOps)
    assert.deepEqual(buffer.take(), ['attach npu', ...attach])
    const table = await attachment.map('to-device')
    assert.deepEqual(buffer.take(), map)
    await attachment.unmap(table, 'to-device')
    assert.deepEqual(buffer.take(), unmap)
    await attachment.detach()
    assert.deepEqual(buffer.take(), [...detach, 'detach npu'])
    assert.equal(buffer.reservation.isLocked, false)
    assert.equal(buffer.attachments.size, 0)
    assert.deepEqual(warnings.list, [])
  })

  test(`Who waits for a KERNEL fence: ${name} [EX-5, ATT-16, ATT-17, MIS-13]`, async () => {
    using _debug = setDebug({ moveNotify })
    const buffer = new RecordingBuffer({ dynamic: exporter === 'dynamic' })
    await buffer.add('kernel')
    const attaching = attachDevice(buffer, { name: 'npu' }, importerOps)
    assert.equal(await isSettled(attaching), waits !== 'attach')
    // The op comes first: it may have added the fences of a move.
    assert.deepEqual(buffer.take(), ['attach npu', ...attach])
    if (waits === 'attach') buffer.signalAll()
    const attachment = await attaching
    const mapping = attachment.map('to-device')
    assert.equal(await isSettled(mapping), waits !== 'map')
    assert.deepEqual(buffer.take(), map)
    buffer.signalAll()
    const table = await mapping
    await attachment.unmap(table, 'to-device')
    await attachment.detach()
  })
}

const DIRECTIONS: readonly Direction[] = ['bidirectional', 'to-device', 'from-device']
const allowed: Readonly<Record<string, readonly boolean[]>> = {
  bidirectional: [true, true, true],
  'to-device': [false, true, false],
  'from-device': [false, false, true],
}
for (const cached of DIRECTIONS)
  DIRECTIONS.forEach((asked, column) => {
    const ok = allowed[cached]![column]!
    test(`A mapping cached ${cached} and asked ${asked} is ${ok ? 'given' : 'EBUSY'} [EX-6, ATT-13, ATT-18, MIS-14]`, async () => {
      const buffer = new RecordingBuffer({ cachesMappings: true })
      const attachment = await attachDevice(buffer, { name: 'npu' })
      const first = await attachment.map(cached)
      buffer.take()
      await buffer.add('kernel')
      const again = attachment.map(asked)
      if (ok) assert.equal(await again, first)
      else await assert.rejects(again, (e) => DmaBufError.is(e, 'EBUSY') && e.rule === 'ATT-13')
      // No op, no wait, no pin.
      assert.deepEqual(buffer.take(), [])
      assert.equal(buffer.reservation.isLocked, false)
    })
  })
