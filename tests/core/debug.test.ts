// Goal: every switch is off unless somebody asked, and goes back when they are done.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { debug, onDebugChange, setDebug } from '#src/core/debug.js'

test('Every debug option is off at first [C-6]', () => {
  for (const value of Object.values(debug)) assert.ok([false, 0, 'ignore'].includes(value))
})

test('setDebug changes what is named and puts it back when disposed [C-6]', () => {
  const before = { ...debug }
  {
    using _options = setDebug({ stacks: true, watchdogMs: 5 })
    assert.deepEqual(debug, { ...before, stacks: true, watchdogMs: 5 })
    {
      using _inner = setDebug({ stacks: false })
      assert.deepEqual(debug, { ...before, watchdogMs: 5 })
    }
    assert.equal(debug.stacks, true)
  }
  assert.deepEqual(debug, before)
})

test('setDebug refuses a name it does not know, and changes nothing [C-6]', () => {
  const before = { ...debug }
  assert.throws(() => setDebug({ stacks: true, stakcs: true } as object), TypeError)
  assert.deepEqual(debug, before)
})

test('onDebugChange is told of every change, and of its end', () => {
  const seen: boolean[] = []
  onDebugChange(() => seen.push(debug.stacks))
  const options = setDebug({ stacks: true })
  options[Symbol.dispose]()
  assert.deepEqual(seen, [true, false])
})
