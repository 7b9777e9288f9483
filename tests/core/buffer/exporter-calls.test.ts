// Goal: what an exporter does wrong is told, and breaks nobody.
// Method: results and errors of all shapes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isPromise, reportRejection, reportThrown } from '#src/core/buffer/exporter-calls.js'
import { collectWarnings } from '../../helpers/warnings.js'

test('isPromise knows promises and what behaves like one', () => {
  const thenable = { then() {} }
  assert.deepEqual(
    [Promise.resolve(), thenable, undefined, null, {}, { then: 1 }, 5].map((value) =>
      isPromise(value as never),
    ),
    [true, true, false, false, false, false, false],
  )
})

test('reportRejection reports a promise that rejects, and nothing else [PORT-4]', async () => {
  using warnings = collectWarnings()
  for (const result of [undefined, 5, Promise.resolve(), Promise.reject(new Error('Late'))])
    reportRejection('unmap', result)
  await Promise.resolve()
  assert.deepEqual(
    warnings.list.map(({ rule, message }) => [rule, message]),
    [['PORT-4', 'unmap must not throw: Error: Late']],
  )
})

test('reportThrown has the stack of an error, and takes what is none [PORT-4]', () => {
  using warnings = collectWarnings()
  reportThrown('unpin', new Error('Broken'))
  reportThrown('unpin', 'just text')
  const [error, text] = warnings.list
  assert.match(error!.stack!, /exporter-calls\.test/)
  assert.deepEqual([text!.message, text!.stack], ['unpin must not throw: just text', undefined])
})
