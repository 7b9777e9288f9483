// Goal: what cannot become a buffer is refused in the order of the rules, loudly, and nothing is taken.
// Method: exports that lack one thing each, or several at once; an owner that counts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bufferCount } from '#src/core/buffer/buffer-list.js'
import { exportBuffer } from '#src/core/buffer/buffer.js'
import type { ExportInfo } from '#src/core/buffer/buffer-object.js'
import type { Reservation } from '#src/core/reservation/reservation.js'
import { exportFake, FakeExporter } from '../../helpers/fake-exporter.js'
import { collectWarnings } from '../../helpers/warnings.js'

type Broken = Readonly<Record<string, unknown>>

const whole: Broken = { map() {}, unmap() {}, release() {} }
const pins: Broken = { pin() {}, unpin() {} }

function without(ops: Broken, ...names: string[]): Broken {
  return Object.fromEntries(Object.entries(ops).filter(([name]) => !names.includes(name)))
}

/** What the refusals of a rule say. */
const REASONS: Readonly<Record<string, RegExp>> = {
  'BUF-2': /Exporter needs (a state|ops|map, unmap and release: \w+)$/,
  'BUF-3': /cannot have cached mappings/,
  'BUF-4': /come together/,
  'BUF-11': /Exporter needs a name/,
}

/** The rule that refuses an export, and what was warned of meanwhile. */
function refusal(change: Broken): { rule: string | undefined; warned: readonly string[] } {
  using warnings = collectWarnings()
  let owners = 0
  const owner = { tryGet: () => ++owners > 0, put: () => owners-- }
  const before = bufferCount()
  let rule: string | undefined = undefined
  const info = { exporterName: 'fake', lengthBytes: 1, ops: whole, state: {}, owner, ...change }
  assert.throws(
    () => exportBuffer(info as unknown as ExportInfo),
    (error: { code: string; operation: string; rule: string; message: string }) => {
      assert.equal(error.code, 'EINVAL')
      assert.equal(error.operation, 'exportBuffer')
      rule = error.rule
      assert.match(error.message, REASONS[rule]!)
      return true
    },
  )
  assert.equal(owners, 0, 'The owner was asked, or kept')
  assert.equal(bufferCount(), before)
  return { rule, warned: warnings.rules }
}

for (const [what, change] of Object.entries({
  'no state': { state: undefined },
  'a state of null': { state: null },
  'a state of 0': { state: 0 },
  'no ops': { ops: undefined },
  'ops of null': { ops: null },
  'no map': { ops: without(whole, 'map') },
  'no unmap': { ops: without(whole, 'unmap') },
  'no release': { ops: without(whole, 'release') },
  'a map that is no function': { ops: { ...whole, map: 1 } },
} satisfies Record<string, Broken>))
  test(`exportBuffer warns and refuses ${what} [BUF-2]`, () => {
    assert.deepEqual(refusal(change), { rule: 'BUF-2', warned: ['BUF-2'] })
  })

for (const [what, ops] of Object.entries({
  'pin and unpin': { ...whole, ...pins, cachesMappings: true },
  pin: { ...whole, pin() {}, cachesMappings: true },
  unpin: { ...whole, unpin() {}, cachesMappings: true },
} satisfies Record<string, Broken>))
  test(`exportBuffer warns and refuses cached mappings with ${what} [BUF-3]`, () => {
    assert.deepEqual(refusal({ ops }), { rule: 'BUF-3', warned: ['BUF-3'] })
  })

for (const name of ['pin', 'unpin'])
  test(`exportBuffer warns and refuses ${name} alone [BUF-4]`, () => {
    assert.deepEqual(refusal({ ops: { ...whole, [name]() {} } }), {
      rule: 'BUF-4',
      warned: ['BUF-4'],
    })
  })

test('exportBuffer looks for what is missing, then at caching, then at the pair, then asks the owner [BUF-5]', () => {
  const all = { pin() {}, cachesMappings: true }
  assert.equal(refusal({ ops: all }).rule, 'BUF-2')
  assert.equal(refusal({ ops: { ...whole, ...all } }).rule, 'BUF-3')
  const refuses = { tryGet: () => assert.fail('Asked too early'), put: () => assert.fail() }
  assert.equal(refusal({ ops: { ...whole, pin() {} }, owner: refuses }).rule, 'BUF-4')
})

test('exportBuffer needs the name of an exporter, an empty one will do [BUF-11]', () => {
  for (const exporterName of [undefined, null])
    assert.deepEqual(refusal({ exporterName }), { rule: 'BUF-11', warned: [] })
  const state = new FakeExporter(1)
  using buffer = exportBuffer({ exporterName: '', lengthBytes: 1, ops: state, state })
  assert.equal(buffer.exporterName, '')
})

test('exportBuffer takes ops with nothing but map, unmap and release, and all others, too [BUF-2]', () => {
  const tables: Broken[] = [
    whole,
    { ...whole, ...pins },
    { ...whole, cachesMappings: true },
    { ...whole, ...pins, cachesMappings: false },
    { ...whole, attach() {}, detach() {}, mmap() {}, vmap() {}, vunmap() {} },
    { ...whole, beginCpuAccess() {}, endCpuAccess() {}, openView() {} },
  ]
  for (const ops of tables) {
    const info = { exporterName: 'fake', lengthBytes: 1, ops: Object.freeze(ops), state: {} }
    exportBuffer(info as unknown as ExportInfo).close()
  }
})

test('exportBuffer takes every whole length from 0, page or not, and it never changes [BUF-7]', () => {
  const state = new FakeExporter(1)
  for (const lengthBytes of [0, 1, 4095, 4096, 4097, Number.MAX_SAFE_INTEGER]) {
    using buffer = exportBuffer({ exporterName: 'fake', lengthBytes, ops: state, state })
    assert.equal(buffer.lengthBytes, lengthBytes)
    assert.throws(() => Object.assign(buffer, { lengthBytes: 7 }), TypeError)
  }
  for (const lengthBytes of [-1, 0.5, NaN, Infinity, 2 ** 53])
    assert.throws(
      () => exportBuffer({ exporterName: 'fake', lengthBytes, ops: state, state }),
      RangeError,
    )
})

test('exportBuffer refuses a reservation that is none of ours', () => {
  const none = {} as unknown as Reservation
  assert.throws(() => exportFake(new FakeExporter(16), { reservation: none }), TypeError)
})
