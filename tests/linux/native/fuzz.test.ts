// Goal: no argument, however wrong, makes the addon crash or return anything but a number or nothing.
// Method: random calls of every function, in processes of their own; the seed is printed to repeat them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runFixture } from '../../helpers/fixture.js'

for (let run = 0; run < 3; run++) {
  const seed = (Date.now() * 3 + run) >>> 0
  test(`Wrong arguments give numbers, undefined or errors, never a crash: run ${run}`, async (t) => {
    t.diagnostic(`seed ${seed}: node --expose-gc build/tests/fixtures/native-fuzz.js ${seed}`)
    const { code, signal, stdout, stderr } = await runFixture('native-fuzz.js', [String(seed)])
    assert.equal(code ?? signal, 0, `seed ${seed}: ${stdout} ${stderr}`)
    assert.match(stdout, /^survived \d+ calls$/)
  })
}
