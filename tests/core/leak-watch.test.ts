// Goal: what is forgotten open is reported, with where it was made.
// Method: drops objects and calls the garbage collector by hand.
import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { test } from 'node:test'
import { setDebug } from '#src/core/debug.js'
import { unwatchLeaks, watchLeaks } from '#src/core/leak-watch.js'
import { onWarning, type Warning } from '#src/core/warn.js'

async function warningsAfter(work: () => void): Promise<readonly Warning[]> {
  const warnings: Warning[] = []
  using _hook = onWarning((warning) => warnings.push(warning))
  work()
  for (let round = 0; round < 4; round++) {
    gc!()
    await turn()
    await turn()
  }
  return warnings
}

function forget(what: string): void {
  watchLeaks({}, () => what)
}

test('watchLeaks reports what is collected, with the stack that made it', async () => {
  const warnings = await warningsAfter(() => forget('Thing 1'))
  assert.equal(warnings.length, 1)
  assert.equal(warnings[0]?.rule, 'DMABUF_LEAK')
  assert.match(warnings[0].message, /^Thing 1 was garbage collected without close\(\)/)
  assert.match(warnings[0].stack ?? '', /^Error: Allocated here\n.*\n.*at forget /)
})

test('watchLeaks says nothing of what is still held', async () => {
  const held = {}
  assert.deepEqual(await warningsAfter(() => watchLeaks(held, () => 'Held')), [])
  unwatchLeaks(held)
})

test('unwatchLeaks ends the watch', async () => {
  const warnings = await warningsAfter(() => {
    const closed = {}
    watchLeaks(closed, () => 'Closed')
    unwatchLeaks(closed)
  })
  assert.deepEqual(warnings, [])
})

test('Of very many, those after the first thousand have no stack, unless debug.stacks asks for it', async () => {
  const pass = (): void => {
    const closed = {}
    watchLeaks(closed, () => 'Closed')
    unwatchLeaks(closed)
  }
  for (let i = 0; i < 1100; i++) pass()
  const both = await warningsAfter(() => {
    forget('Thing 2')
    forget('Thing 3')
  })
  assert.equal(both.length, 2)
  // One of two that follow each other at most has one.
  const bare = both.find(({ stack }) => stack === undefined)
  assert.match(bare?.message ?? '', /setDebug\(\{ stacks: true \}\)/)
  using _debug = setDebug({ stacks: true })
  const [noted] = await warningsAfter(() => forget('Thing 4'))
  assert.match(noted?.stack ?? '', /at forget /)
})
