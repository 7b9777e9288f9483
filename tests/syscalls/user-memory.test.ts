// Goal: a string is read to its NUL and not one byte further.
// Method: strings that end with their region, on both sides of the limit.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readString } from '#src/syscalls/user-memory.js'
import { thrownCode } from '../helpers/error-code.js'
import { BAD_ADDRESS, TestMemory } from '../helpers/user-memory.js'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

test('readString stops at the NUL, even where the next byte would fault [BUF-52]', () => {
  const memory = new TestMemory()
  assert.deepEqual(readString(memory, memory.map(text('frame\0')), 32), text('frame'))
  assert.deepEqual(readString(memory, memory.map(text('\0')), 32), text(''))
})

test('readString takes a string with its NUL up to the limit, and no longer one [BUF-52]', () => {
  const memory = new TestMemory()
  const longest = 'x'.repeat(31)
  assert.deepEqual(readString(memory, memory.map(text(`${longest}\0`)), 32), text(longest))
  const over = memory.map(text('x'.repeat(32)))
  assert.equal(
    thrownCode(() => readString(memory, over, 32)),
    'EINVAL',
  )
})

test('readString faults where memory ends before the NUL and the limit [BUF-52]', () => {
  const memory = new TestMemory()
  const open = memory.map(text('x'.repeat(31)))
  assert.equal(
    thrownCode(() => readString(memory, open, 32)),
    'EFAULT',
  )
  assert.equal(
    thrownCode(() => readString(memory, BAD_ADDRESS, 32)),
    'EFAULT',
  )
})
