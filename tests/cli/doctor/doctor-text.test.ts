// Goal: what a machine offers can be read on any terminal, with and without colour, and its commands copied.
// Method: capabilities made up for it, compared line by line.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { doctorLines, verdictOf } from '#src/cli/doctor/doctor-text.js'
import type { Capability } from '#src/linux/index.js'

const MEMFD: Capability = { name: 'memfd', group: 'memory', available: true, detail: 'one page' }
const HEAP: Capability = {
  name: '/dev/dma_heap/system',
  group: 'heaps',
  available: false,
  detail: 'mode 0600, group root',
  reason: 'only root may open it',
  fix: 'sudo first\nsudo second',
}
const FENCES: Capability = {
  name: 'sync files',
  group: 'fences',
  available: false,
  detail: '',
  reason: 'not tried',
}
const plain = { columns: 100, color: false }

test('doctorLines: ok or no, name and detail; below it why and what to do', () => {
  assert.deepEqual(doctorLines([MEMFD, HEAP, FENCES], plain), [
    'Sharing between processes',
    '  ok  memfd                 one page',
    '',
    'Buffers that devices can use',
    '  no  /dev/dma_heap/system  mode 0600, group root',
    '      why only root may open it',
    '      do  sudo first',
    '          sudo second',
    '',
    'Fences of the kernel',
    '  no  sync files            not tried',
    '',
  ])
})

test('doctorLines keeps to the width of the terminal, commands excepted', () => {
  const long = { ...HEAP, detail: 'a '.repeat(60).trim(), reason: 'b '.repeat(60).trim() }
  for (const columns of [60, 80, 120]) {
    const lines = doctorLines([long], { columns, color: false })
    for (const line of lines) assert.ok(line.length <= columns, `${columns}: ${line}`)
    assert.ok(lines.length > (columns === 60 ? 10 : 6), `${columns}: ${lines.length} lines`)
  }
  const command = { ...HEAP, fix: `echo ${'x'.repeat(200)} y` }
  assert.ok(doctorLines([command], plain).some((line) => line.endsWith('x y')))
})

test('doctorLines wraps nothing where a line would be a column of words', () => {
  const long = { ...MEMFD, detail: 'a '.repeat(60).trim() }
  assert.equal(doctorLines([long], { columns: 30, color: false }).length, 3)
})

test('doctorLines: colour changes nothing but the colour', () => {
  const coloured = doctorLines([MEMFD, HEAP], { columns: 100, color: true })
  assert.ok(coloured.some((line) => line.includes('\x1b[')))
  const stripped = coloured.map((line) => line.replace(/\x1b\[\d+m/g, ''))
  assert.deepEqual(stripped, doctorLines([MEMFD, HEAP], plain))
})

test('doctorLines: what drivers and groups are called does nothing to a terminal', () => {
  const evil = { ...HEAP, detail: 'cam\x1b[2Jera', reason: 'a\x07b', fix: 'do\x1b]0;x\x07 it' }
  const text = doctorLines([evil], plain).join('')
  assert.doesNotMatch(text, /[\x00-\x1f]/)
})

test('verdictOf: with devices, between processes, or not at all', () => {
  const heap: Capability = { ...HEAP, available: true }
  assert.match(verdictOf([MEMFD, heap]), /also with devices: \/dev\/dma_heap\/system\.$/)
  assert.match(verdictOf([MEMFD, HEAP]), /between processes \(memfd\), not with devices/)
  assert.match(verdictOf([{ ...MEMFD, available: false }, heap]), /cannot be shared here/)
  assert.match(verdictOf([]), /cannot be shared here/)
})
