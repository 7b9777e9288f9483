// Goal: buffers of the kernel's heaps keep the contract that those of memfd keep.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openHeap } from '#src/linux/index.js'
import { heapClaims } from './contract.js'
import { Transcript } from './transcript.js'

const transcript = new Transcript('contract')

for (const claim of heapClaims)
  test(claim.title, async () => {
    using heap = openHeap({ need: 'device', kinds: [claim.kind] })
    const result = await claim.resultOn(heap)
    transcript.note(claim.title, { result })
    assert.equal(result, 'kept')
  })

after(() => transcript.save())
