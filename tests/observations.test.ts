// Goal: our descriptors do what Linux was seen to do: the table that tests/kernel holds against the real kernel.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EmulatedMachine } from './kernel/emulated-machine.js'
import { differenceOf } from './kernel/differences.js'
import { sightsOf, type Value } from './kernel/observation.js'
import { observations } from './kernel/observations/index.js'

for (const observation of observations)
  test(observation.name, async (t) => {
    await using machine = new EmulatedMachine()
    const sights = await sightsOf(observation, machine)
    if (sights === undefined) {
      t.skip(`the emulation has no ${observation.needs}`)
      return
    }
    const ours = (what: string): Value | undefined => differenceOf(observation.name, what)?.ours
    assert.deepEqual(
      sights.map(({ what, got }) => [what, got]),
      sights.map(({ what, expected }) => [what, ours(what) ?? expected]),
    )
  })
