// Goal: bytes of a bracket given to code that goes on after its end never crash: the work is done right, or
// whoever started it is told. (lend() is the way to do it; see lend.test.ts.)
// Method: each API in a process of its own, once with the buffer left open and once with it closed too.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runFixture } from '../../helpers/fixture.js'

/** What asks for the view's ArrayBuffer or its byteLength, or copies at once: always right. */
const ALWAYS_RIGHT = [
  'gzip',
  'brotli',
  'hash',
  'digest',
  'encrypt',
  'postMessage',
  'structuredClone',
  'file stream',
  'child stdin',
  'fs.write',
  'fs.read',
  'randomFill',
]
/** Looks at the view again when it is dead. */
const RIGHT_OR_TOLD = ['fs.writeFile']
/** Uses the bare address without a trace: with the buffer closed it may see zeros, never what is not ours. */
const HARMLESS = ['fs.writev', 'fs.readv']

for (const api of [...ALWAYS_RIGHT, ...RIGHT_OR_TOLD, ...HARMLESS]) {
  for (const what of ['bracket', 'bracket and buffer']) {
    test(`${api} started on a bracket’s bytes, ${what} closed at once`, async (t) => {
      const { code, signal, stdout, stderr } = await runFixture('async-apis.js', [api, what])
      assert.equal(code ?? signal, 0, stderr)
      if (ALWAYS_RIGHT.includes(api)) assert.equal(stdout, 'right')
      else if (RIGHT_OR_TOLD.includes(api)) assert.match(stdout, /^(right$|told: )/)
      else
        assert.match(stdout, what === 'bracket' ? /^right$/ : /^(right|told: .*|zeros from \d+)$/)
      if (stdout !== 'right') t.diagnostic(stdout)
    })
  }
}
