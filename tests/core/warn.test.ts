// Goal: a mistake that is nobody's error reaches somebody who reads it.
// Method: hooks, and replacements for process.emitWarning and the console.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onWarning, warn, warnThrown, type Warning } from '#src/core/warn.js'

const leak: Warning = { rule: 'DMABUF_LEAK', message: 'Forgotten', stack: 'at here' }

test('warn tells every hook, until it is disposed', () => {
  const seen: string[] = []
  const first = onWarning(({ message }) => seen.push(`first ${message}`))
  using _second = onWarning(({ rule }) => seen.push(`second ${rule}`))
  warn(leak)
  first[Symbol.dispose]()
  first[Symbol.dispose]()
  warn(leak)
  assert.deepEqual(seen, ['first Forgotten', 'second DMABUF_LEAK', 'second DMABUF_LEAK'])
})

test('warn goes to process.emitWarning where nobody listens, not beside hooks', (t) => {
  const emitWarning = t.mock.method(process, 'emitWarning', () => {})
  {
    using _hook = onWarning(() => {})
    warn(leak)
  }
  assert.equal(emitWarning.mock.callCount(), 0)
  warn(leak)
  warn({ rule: 'X', message: 'No stack' })
  assert.deepEqual(
    emitWarning.mock.calls.map((call) => call.arguments as unknown[]),
    [
      ['Forgotten', { type: 'DmaBufWarning', code: 'DMABUF_LEAK', detail: 'at here' }],
      ['No stack', { type: 'DmaBufWarning', code: 'X' }],
    ],
  )
})

test('warn goes to the console where there is no process', (t) => {
  const print = t.mock.method(console, 'warn', () => {})
  const { process: kept } = globalThis
  Reflect.deleteProperty(globalThis, 'process')
  try {
    warn(leak)
  } finally {
    globalThis.process = kept
  }
  assert.deepEqual(print.mock.calls[0]?.arguments, ['Forgotten\nat here'])
})

test('A hook that throws hides a warning from no other hook, and breaks nobody', (t) => {
  const said: string[] = []
  t.mock.method(console, 'warn', (text: string) => said.push(text))
  const heard: string[] = []
  using _first = onWarning(() => {
    throw new Error('Broken hook')
  })
  using _second = onWarning(({ message }) => heard.push(message))
  warn({ rule: 'TEST', message: 'Look' })
  assert.deepEqual(heard, ['Look'])
  assert.match(said.join(), /Broken hook/)
})

test('warnThrown reports what was thrown, with its stack where it has one [PORT-4]', () => {
  const seen: Warning[] = []
  using _hook = onWarning((warning) => seen.push(warning))
  const error = new Error('broken')
  warnThrown('A waker threw', error)
  warnThrown('A waker threw', Object.create(null))
  assert.deepEqual(seen, [
    { rule: 'PORT-4', message: 'A waker threw: Error: broken', stack: error.stack },
    { rule: 'PORT-4', message: 'A waker threw: something that has no text', stack: undefined },
  ])
})
