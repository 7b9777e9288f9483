// Goal: a view tells whether anybody could still read its memory after the bracket.
// Method: takes the ArrayBuffer in every way code does, and looks whether it was noticed.
import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { copiedBytes } from '#src/core/buffer/copied-bytes.js'
import { isEscaped, isHeld, RevocableBytes } from '#src/core/buffer/revocable-bytes.js'

function fresh() {
  const buffer = new ArrayBuffer(16)
  return { buffer, bytes: new RevocableBytes(buffer) }
}

test('RevocableBytes.buffer marks the ArrayBuffer as escaped, once and for good', () => {
  const { buffer, bytes } = fresh()
  assert.equal(isEscaped(buffer), false)
  assert.equal(bytes.buffer, buffer)
  assert.equal(isEscaped(buffer), true)
  assert.equal(isEscaped(bytes.buffer), true)
})

test('The buffer of a subarray marks the same ArrayBuffer, making one does not', () => {
  const { buffer, bytes } = fresh()
  const part = bytes.subarray(4, 8).subarray(1)
  assert.equal(isEscaped(buffer), false)
  assert.equal(part.buffer, buffer)
  assert.equal(isEscaped(buffer), true)
})

test('A stream that is given the view makes it escape', () => {
  const { buffer, bytes } = fresh()
  new PassThrough().write(bytes)
  assert.equal(isEscaped(buffer), true)
})

test('Reading, writing and copying bytes does not make the view escape', () => {
  const { buffer, bytes } = fresh()
  bytes.fill(65)
  bytes.set([1, 2], 3)
  bytes.copyWithin(0, 8)
  bytes.sort()
  const seen = [
    bytes.at(-1),
    [...bytes].length,
    new TextDecoder().decode(bytes).length,
    new Uint8Array(bytes).length,
    Buffer.concat([bytes]).length,
    Buffer.compare(bytes, bytes),
    bytes.slice(1).length,
    bytes.map((byte) => byte + 1).length,
    structuredClone(new Uint8Array(2)).length,
  ]
  assert.deepEqual(seen, [65, 16, 16, 16, 16, 0, 15, 16, 2])
  assert.equal(isEscaped(buffer), false)
})

test('The buffer of a slice is its own: taking it marks nothing of ours', () => {
  const { buffer, bytes } = fresh()
  assert.notEqual(bytes.slice().buffer, buffer)
  assert.equal(isEscaped(buffer), false)
})

test('RevocableBytes looks like a Uint8Array to packages that ask for the constructor', () => {
  assert.equal(fresh().bytes.constructor, Uint8Array)
})

test('RevocableBytes.slice counts the bytes it copies', () => {
  const { bytes } = fresh()
  const before = copiedBytes()
  bytes.slice(4)
  bytes.slice(-2, -1)
  bytes.slice(9, 3)
  assert.equal(copiedBytes() - before, 13)
})

test('isHeld tells when somebody asked for byteLength, also of a subarray, and for nothing else', () => {
  const buffer = new ArrayBuffer(16)
  const bytes = new RevocableBytes(buffer)
  const part = bytes.subarray(2, 4)
  bytes.fill(1)
  assert.equal(bytes.length, 16)
  assert.equal(bytes.slice(1).length, 15)
  assert.equal(isHeld(buffer), false)
  assert.equal(part.byteLength, 2)
  assert.equal(isHeld(buffer), true)
  assert.equal(isEscaped(buffer), false)
})
