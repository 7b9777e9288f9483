// Goal: the processor is offered before a sleep as long as that helps, and rarely when it does not.
// Method: waits counted by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProcessorOffers } from '#src/frames/processor-offers.js'

/** Waits that end without a frame, until no offer is made. */
function offersInVain(offers: ProcessorOffers, most = 1000): number {
  for (let count = 0; count < most; count++) {
    if (!offers.isDue()) return count
    offers.made(false, 500)
  }
  return most
}

test('ProcessorOffers gives up after four offers in vain, and tries each 64th wait then', () => {
  const offers = new ProcessorOffers()
  assert.equal(offersInVain(offers), 4)
  // The look that said no was the first of these waits.
  const due = Array.from({ length: 127 }, () => offers.isDue())
  assert.deepEqual(
    due.flatMap((isDue, index) => (isDue ? [index + 2] : [])),
    [64, 128],
  )
})

test('ProcessorOffers goes on for as long as one of four helps, and again once one has', () => {
  const offers = new ProcessorOffers()
  for (let i = 0; i < 100; i++) {
    assert.equal(offers.isDue(), true)
    offers.made(i % 4 === 3, 500)
  }
  assert.equal(offersInVain(offers), 4)
  while (!offers.isDue());
  offers.made(true, 500)
  assert.equal(offersInVain(offers), 4)
})

test('ProcessorOffers takes one of more than a tenth of a millisecond for a loss, whatever came', () => {
  const offers = new ProcessorOffers()
  for (let i = 0; i < 10; i++) offers.made(true, 100_000)
  assert.equal(offers.isDue(), true)
  for (let i = 0; i < 4; i++) offers.made(true, 100_001)
  assert.equal(offers.isDue(), false)
})
