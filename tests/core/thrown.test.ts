// Goal: whatever a callback throws can be told, so that telling it breaks nothing.
// Method: values that refuse to become text, thrown in the places that go on after a throw.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defer, drainDeferred } from '#src/core/deferred.js'
import { signalFence } from '#src/core/fence/fence.js'
import { thrownStack, thrownText } from '#src/core/thrown.js'
import { onWarning } from '#src/core/warn.js'
import { mockFence } from '../helpers/mock-fence.js'
import { collectWarnings } from '../helpers/warnings.js'

const noText: unknown = Object.create(null)

function throwNoText(): never {
  throw noText
}

test('thrownText is the text of what was thrown, or says that there is none', () => {
  assert.equal(thrownText(new Error('broken')), 'Error: broken')
  assert.equal(thrownText(Symbol('odd')), 'Symbol(odd)')
  assert.equal(thrownText(undefined), 'undefined')
  assert.equal(thrownText(noText), 'something that has no text')
})

test('thrownStack is the stack of an error, and nothing of all else', () => {
  const error = new Error('broken')
  assert.equal(thrownStack(error), error.stack)
  assert.equal(thrownStack('broken'), undefined)
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  assert.equal(thrownStack(proxy), undefined)
  assert.equal(thrownStack(Object.assign(new Error('odd'), { stack: 5 })), undefined)
})

test('A fence callback that throws what has no text keeps no other from being called [PORT-4]', () => {
  using warnings = collectWarnings()
  const fence = mockFence()
  let calls = 0
  fence.addCallback(throwNoText)
  fence.addCallback(() => calls++)
  assert.equal(signalFence(fence), true)
  assert.equal(calls, 1)
  assert.deepEqual(warnings.rules, ['PORT-4'])
})

test('Deferred work that throws what has no text keeps no other work from being done [PORT-4]', () => {
  using warnings = collectWarnings()
  let calls = 0
  defer(throwNoText)
  defer(() => calls++)
  drainDeferred()
  assert.equal(calls, 1)
  assert.deepEqual(warnings.rules, ['PORT-4'])
})

test('A warning hook that throws what has no text hides the warning from no other hook', (t) => {
  const print = t.mock.method(console, 'warn', () => {})
  using _first = onWarning(throwNoText)
  using warnings = collectWarnings()
  defer(throwNoText)
  drainDeferred()
  assert.deepEqual(warnings.rules, ['PORT-4'])
  assert.equal(print.mock.callCount(), 1)
})
