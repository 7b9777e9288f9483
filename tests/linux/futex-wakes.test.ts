// Goal: whoever is to be woken is woken, now or by the one who owes it.
// Method: a thread of another process sleeps; without sleepers, what is owed is counted.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signalOwing, wakeSleepers } from '#src/linux/futex-wakes.js'
import { MapMode, Mapping } from '#src/linux/mapping.js'
import { createMemfd } from '#src/linux/memfd.js'

function page(): Mapping {
  const fd = createMemfd('wakes', 4096)
  const mapping = new Mapping(fd, 4096, MapMode.shared)
  fd.close()
  return mapping
}

test('signalOwing gives back one word to wake, and wakes the others itself', () => {
  using mapping = page()
  assert.equal(
    signalOwing(() => {}),
    undefined,
  )
  const wakes = [0, 4, 8].map((offset) => ({ mapping, offset }))
  const owed = signalOwing(() => {
    for (const wake of wakes) wakeSleepers(wake)
  })
  assert.equal(owed, wakes[0])
})

test('signalOwing owes nothing after a throw, and inside another leaves the rest to that one', () => {
  using mapping = page()
  assert.throws(
    () =>
      signalOwing(() => {
        throw new Error('broken')
      }),
    { message: 'broken' },
  )
  const wakes = [0, 4].map((offset) => ({ mapping, offset }))
  let inner: unknown
  const outer = signalOwing(() => {
    inner = signalOwing(() => {
      for (const wake of wakes) wakeSleepers(wake)
    })
  })
  assert.deepEqual([inner, outer], wakes)
})
