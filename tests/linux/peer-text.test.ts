// Goal: what a peer says can be shown to people as it is.
// Method: text and what is none, on both sides of the limit.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { peerText } from '#src/linux/peer-text.js'

const BYTES = new TextEncoder()

test('peerText gives a line of text, in any script', () => {
  for (const text of ['You may not', 'nur für Übungen', '\u6620\u50cf', '\u{1f4f7} 1'])
    assert.equal(peerText(BYTES.encode(text)), text)
})

test('peerText gives nothing for no text, several lines, and escapes of terminals', () => {
  for (const text of ['', 'a\nb', 'a\rb', '\u001b[31mred', 'nul\0', '\u202eright to left'])
    assert.equal(peerText(BYTES.encode(text)), undefined, JSON.stringify(text))
  assert.equal(peerText(new Uint8Array([0x61, 0xff])), undefined)
})

test('peerText reads 1000 bytes', () => {
  assert.equal(peerText(BYTES.encode('x'.repeat(1000)))?.length, 1000)
  assert.equal(peerText(BYTES.encode('x'.repeat(1001)))?.length, 1000)
})
