// Before a program needs a device: what this machine offers, and what to do about what it refuses.
import assert from 'node:assert/strict'
import { openHeap, probe } from 'dmabuf/linux'

const capabilities = await probe()

// Without memfd nothing can be shared; everything else may be missing.
const memfd = capabilities.find(({ name }) => name === 'memfd')
assert.equal(memfd?.available, true, memfd?.reason)

const heaps = capabilities.filter(({ group }) => group === 'heaps')
const need = heaps.some(({ available }) => available) ? 'device' : 'cpu'
const heap = openHeap({ need })
console.log(`need: '${need}' gives a ${heap.kind}`)
for (const { name, reason = '', fix = '' } of heaps.filter(({ available }) => !available))
  console.log(`${name}: ${reason}\n  ${fix.replaceAll('\n', '\n  ')}`)
heap.close()
