// Goal: whoever watches a lifeline hears once that its owner has gone, however that came, and nothing else.
// Method: ends closed here, and the only writing end in a process that is killed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lifeline, LifelineWatch } from '#src/linux/lifeline.js'
import { createMemfd } from '#src/linux/memfd.js'
import { native } from '#src/linux/native.js'
import { thrownCode } from '../helpers/error-code.js'
import { countResources, settled, until } from '../helpers/leaks.js'

test('LifelineWatch calls back once when the lifeline is closed, and gives its descriptor back', async () => {
  await settled()
  const before = countResources()
  const lifeline = new Lifeline()
  let ends = 0
  const watch = new LifelineWatch(lifeline.end.dup(), () => ends++)
  await settled()
  assert.equal(ends, 0)
  lifeline.close()
  await until(() => ends > 0)
  await settled()
  watch.close()
  assert.equal(ends, 1)
  assert.deepEqual(countResources(), before)
})

test('LifelineWatch hears nothing of what is written, nor after close()', async () => {
  const pair = new Int32Array(2)
  assert.equal(native().pipe(pair), 0)
  const lifeline = new Lifeline()
  let ends = 0
  const watch = new LifelineWatch(lifeline.end.dup(), () => ends++)
  for (const fd of pair) native().close(fd)
  await settled()
  watch.close()
  watch[Symbol.dispose]()
  lifeline[Symbol.dispose]()
  await settled()
  assert.equal(ends, 0)
})

test('LifelineWatch refuses what cannot end', () => {
  const memory = createMemfd('none', 4096)
  assert.equal(
    thrownCode(() => new LifelineWatch(memory.dup(), () => {})),
    'EPERM',
  )
  memory.close()
})
