// Goal: the comparison of two machines finds every difference, and takes a reason for nothing else.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare, type Known } from '../kernel/comparison.js'
import type { Seen } from '../kernel/transcript.js'

const UNKNOWN: Known = { differences: [], lackOf: () => undefined }
const KERNEL: Seen = { mmap: { '1 all': 'mapped', '2 more': 'EINVAL' }, seek: { '1 end': 4096 } }

function withMore(outcome: string): Seen {
  return { ...KERNEL, mmap: { '1 all': 'mapped', '2 more': outcome } }
}

test('Two machines that show the same have no differences', () => {
  const result = compare(KERNEL, structuredClone(KERNEL), UNKNOWN)
  assert.deepEqual(result, { cases: 2, same: 2, different: [], explained: [] })
})

test('Another error is a difference', () => {
  const { same, different } = compare(KERNEL, withMore('ENOMEM'), UNKNOWN)
  assert.equal(same, 1)
  assert.deepEqual(different, [{ case: 'mmap', what: '2 more', kernel: 'EINVAL', ours: 'ENOMEM' }])
})

const differences = [{ observation: 'mmap', what: 'more', ours: 'ENOMEM', reason: 'because' }]

test('A difference with a reason is explained', () => {
  const { same, different, explained } = compare(KERNEL, withMore('ENOMEM'), {
    ...UNKNOWN,
    differences,
  })
  assert.deepEqual([same, different], [1, []])
  assert.deepEqual(
    explained.map(({ reason }) => reason),
    ['because'],
  )
})

test('A reason explains what it says and nothing else', () => {
  const { different } = compare(KERNEL, withMore('EIO'), { ...UNKNOWN, differences })
  assert.equal(different.length, 1)
})

test('A reason for what is the same is a difference', () => {
  const { different } = compare(KERNEL, KERNEL, { ...UNKNOWN, differences })
  assert.match(different[0]!.what, /is no difference/)
})

test('What one machine lacks needs a reason', () => {
  const ours: Seen = { ...KERNEL, seek: null }
  assert.equal(compare(KERNEL, ours, UNKNOWN).different.length, 1)
  const known = { ...UNKNOWN, lackOf: () => 'it has none' }
  assert.equal(compare(KERNEL, ours, known).explained[0]!.reason, 'it has none')
})

test('What was not tried, or not looked at, is a difference whatever is lacking', () => {
  const known = { ...UNKNOWN, lackOf: () => 'it has none' }
  assert.equal(compare(KERNEL, { mmap: KERNEL['mmap']! }, known).different.length, 1)
  const less: Seen = { ...KERNEL, mmap: { '1 all': 'mapped' } }
  assert.equal(compare(KERNEL, less, known).different.length, 1)
})
