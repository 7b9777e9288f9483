// Goal: whoever waits can read what for, all the way down.
// Method: containers by hand, compared with text; time is a manual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Timeline } from '#src/core/fence/timeline.js'
import { setDebug } from '#src/core/debug.js'
import { DmaBufError } from '#src/core/errors.js'
import { allocateContext } from '#src/core/fence/context.js'
import { chainFence } from '#src/core/fence/fence-chain.js'
import { Fence, signalFence } from '#src/core/fence/fence.js'
import { mergeFences } from '#src/core/fence/merge.js'
import { mockFence } from '../../helpers/mock-fence.js'
import { useManualClock } from '../../helpers/manual-clock.js'
import { collectWarnings } from '../../helpers/warnings.js'

function fenceOf(timelineName: string, seqno = 1): Fence {
  return new Fence({ driverName: 'gpu', timelineName }, allocateContext(), seqno)
}

test('explain names a plain fence and its state [FENCE-40]', () => {
  const fence = fenceOf('copy', 7)
  const name = `gpu copy context ${fence.context} seqno 7`
  assert.equal(fence.explain(), `${name}: pending`)
  signalFence(fence)
  assert.equal(fence.explain(), `${name}: signalled`)
})

test('explain says what a fence failed with', () => {
  const fence = fenceOf('copy')
  signalFence(fence, new DmaBufError('EIO', 'copy', 'Engine hangs'))
  assert.match(fence.explain(), /: failed with EIO: Engine hangs$/)
})

test('explain lists the pending fences below arrays and chains, each once, indented', () => {
  const [one, two, done] = [fenceOf('one'), fenceOf('two'), fenceOf('done')]
  const merged = mergeFences([one, two, done])
  const chain = chainFence(chainFence(undefined, one, 1), merged, 2)
  signalFence(done)
  const lines = chain.explain().split('\n')
  const short = lines.map((line) => line.replace(/ context \d+/, ''))
  assert.deepEqual(short, [
    'dma_fence_chain unbound seqno 2: pending',
    '  dma_fence_array unbound seqno 1: pending',
    '    gpu one seqno 1: pending',
    '    gpu two seqno 1: pending',
  ])
})

test('explain of a chain of 100,000 stops after 20 fences and says how many are left', () => {
  let chain: Fence | undefined = undefined
  for (let seqno = 1; seqno <= 100_000; seqno++)
    chain = chainFence(chain, fenceOf('t', seqno), seqno)
  const lines = chain!.explain().split('\n')
  assert.equal(lines.length, 21)
  assert.equal(lines.at(-1), 'and 99981 more')
})

test('explain says how old a fence is, and where it was made, while somebody debugs [C-6]', () => {
  using time = useManualClock()
  using _debug = setDebug({ stacks: true })
  function makesItHere(): Fence {
    return fenceOf('copy')
  }
  const fence = makesItHere()
  time.clock.advance(1250)
  const [first, second] = fence.explain().split('\n')
  assert.match(first ?? '', /: pending, 1\.250 s old$/)
  assert.match(second ?? '', /^ {2}made at (fenceOf|makesItHere)/)
})

test('explain knows neither age nor place of fences made before [C-6]', () => {
  const fence = fenceOf('copy')
  using _debug = setDebug({ stacks: true })
  assert.doesNotMatch(fence.explain(), /old|made/)
})

test('explain of a fence whose creator throws reports it, and says what is known [PORT-4]', () => {
  using warnings = collectWarnings()
  const broken = (): never => {
    throw new Error('broken')
  }
  assert.match(mockFence({ isSignaled: broken }).explain(), /seqno 7: pending$/)
  assert.match(mockFence({ waitsFor: broken }).explain(), /seqno 7: pending$/)
  assert.deepEqual(warnings.rules, ['PORT-4', 'PORT-4'])
})

test('Fence.explain says who has to finish the work where it is somebody else', () => {
  const source = { owner: 'process 123', refresh: () => {}, enable: () => {} }
  const timeline = new Timeline('far', source)
  const text = timeline.fence(2).explain()
  assert.equal(text, `dmabuf far context ${timeline.context} seqno 2 of process 123: pending`)
})
