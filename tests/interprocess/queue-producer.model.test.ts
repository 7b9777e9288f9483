// Goal: whoever runs between whichever two accesses, no frame is lost and no buffer is used by two.
// Method: random runs of the model in queue-model.ts; a failure prints the seed that repeats it.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Random } from '../helpers/random.js'
import { QueueModel, type ModelOptions } from './queue-model.js'

const mode = fc.constantFrom('fifo' as const, 'latest' as const)

/** Consumers with caps, and a few buffers more than they need at least. */
function queues(most: { consumers: number; maxHeld: number }): fc.Arbitrary<ModelOptions> {
  const maxHeld = fc.integer({ min: 1, max: most.maxHeld })
  const consumer = fc.record({ mode, maxHeld })
  return fc
    .record({
      consumers: fc.array(consumer, { minLength: 1, maxLength: most.consumers }),
      spare: fc.nat(2),
      interruption: fc.constantFrom(0.02, 0.1, 0.3),
      eviction: fc.constantFrom(0, 0, 0.05),
    })
    .map(({ consumers, spare, ...rest }) => {
      const bufferCount = consumers.reduce((sum, one) => sum + one.maxHeld, 2 + spare)
      return { bufferCount, consumers, ...rest }
    })
}

function check(options: fc.Arbitrary<ModelOptions>, numRuns: number, steps: number): void {
  let taken = 0
  let evicted = 0
  fc.assert(
    fc.property(fc.integer(), options, (seed, queue) => {
      const model = new QueueModel(new Random(seed), queue)
      model.run(steps)
      taken += model.taken
      evicted += model.evicted
    }),
    { numRuns, endOnFailure: true },
  )
  assert.ok(taken > numRuns && evicted > 0, `Frames went through: ${taken}, evicted ${evicted}`)
}

test('One or two consumers and few buffers: no interleaving breaks the queue', () => {
  check(queues({ consumers: 2, maxHeld: 2 }), 1500, 120)
})

test('Several consumers with larger caps: no interleaving breaks the queue', () => {
  check(queues({ consumers: 4, maxHeld: 4 }), 400, 200)
})

test('More than 32 buffers, in two claim words: no interleaving breaks the queue', () => {
  const large = queues({ consumers: 3, maxHeld: 3 }).map((options) => ({
    ...options,
    bufferCount: 36,
  }))
  check(large, 200, 250)
})

test('Consumers that hold 33 and more frames: no interleaving breaks the queue', () => {
  const greedy = fc.record<ModelOptions>({
    bufferCount: fc.constantFrom(40, 64),
    consumers: fc.constant([
      { mode: 'latest', maxHeld: 18 },
      { mode: 'fifo', maxHeld: 20 },
    ]),
    interruption: fc.constantFrom(0.02, 0.1),
    eviction: fc.constantFrom(0, 0.02),
  })
  check(greedy, 60, 800)
})
