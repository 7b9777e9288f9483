// Goal: Linux does what the table says. What it showed is kept, to be compared with our emulation.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { observations } from './observations/index.js'
import { KernelMachine } from './kernel-machine.js'
import { sightsOf } from './observation.js'
import { shownBy, Transcript } from './transcript.js'

const transcript = new Transcript('observations')

for (const observation of observations)
  test(observation.name, async (t) => {
    await using machine = new KernelMachine()
    const sights = await sightsOf(observation, machine)
    transcript.note(observation.name, shownBy(sights))
    if (sights === undefined) {
      t.skip(`this kernel has no ${observation.needs}`)
      return
    }
    assert.deepEqual(
      sights.map(({ what, got }) => [what, got]),
      sights.map(({ what, expected }) => [what, expected]),
    )
  })

after(() => transcript.save())
