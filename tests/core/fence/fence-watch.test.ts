// Goal: whoever debugs hears of every fence, and nobody pays for it otherwise.
// Method: watchers that note what they hear.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signalFence } from '#src/core/fence/fence.js'
import { fenceWatch, watchFences } from '#src/core/fence/fence-watch.js'
import { mockFence } from '../../helpers/mock-fence.js'
import { collectWarnings } from '../../helpers/warnings.js'

test('watchFences tells every watcher until it is disposed, and nobody after that', () => {
  const seen: string[] = []
  {
    using _first = watchFences((event) => seen.push(`1 ${event}`))
    using second = watchFences((event) => seen.push(`2 ${event}`))
    const fence = mockFence()
    second[Symbol.dispose]()
    second[Symbol.dispose]()
    signalFence(fence)
  }
  assert.deepEqual(seen, ['1 init', '2 init', '1 signaled'])
  assert.equal(fenceWatch.tell, undefined)
})

test('One watcher added twice is told twice, and disposed once each', () => {
  let calls = 0
  const watcher = (): number => calls++
  using _first = watchFences(watcher)
  {
    using _second = watchFences(watcher)
    mockFence()
  }
  assert.equal(calls, 2)
  mockFence()
  assert.equal(calls, 3)
})

test('A watcher that throws is reported, and keeps nobody from hearing [PORT-4]', () => {
  using warnings = collectWarnings()
  const seen: string[] = []
  using _broken = watchFences(() => {
    throw new Error('broken')
  })
  using _other = watchFences((event) => seen.push(event))
  signalFence(mockFence())
  assert.deepEqual(seen, ['init', 'signaled'])
  assert.deepEqual(warnings.rules, ['PORT-4', 'PORT-4'])
})
