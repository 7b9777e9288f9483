// Goal: members that are all __u32 are read and written by a table of offsets.
// Method: a structure inside another.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readMembers, writeMembers } from '#src/uapi/members.js'
import { Struct } from '#src/uapi/struct.js'

const OFFSETS = { first: 0, third: 8 } as const

test('Members come back from where they were written, the others are left alone', () => {
  const struct = new Struct(new Uint8Array(16).fill(0xff))
  writeMembers(struct, OFFSETS, { first: 1, third: 0x80000000 }, 4)
  assert.deepEqual(readMembers(struct, OFFSETS, 4), { first: 1, third: 0x80000000 })
  assert.equal(struct.u32(0), 0xffffffff)
  assert.equal(struct.u32(8), 0xffffffff)
})

test('A member beyond the end is refused', () => {
  assert.throws(() => readMembers(Struct.ofSize(8), OFFSETS), RangeError)
})
