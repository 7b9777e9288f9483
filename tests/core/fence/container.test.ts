// Goal: containers are told from fences that stand for themselves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFenceContainer } from '#src/core/fence/container.js'
import { createFenceArray } from '#src/core/fence/fence-array.js'
import { createFenceChain } from '#src/core/fence/fence-chain.js'
import { getFence } from '#src/core/fence/fence.js'
import { FenceLab } from '../../helpers/fence-lab.js'

test('isFenceContainer is true for arrays and chains, and nothing else [API-3]', () => {
  using lab = new FenceLab()
  const leaf = lab.leaf()
  const array = lab.own(createFenceArray([getFence(leaf)], { context: 1, seqno: 1 }))
  const chain = lab.own(createFenceChain(undefined, getFence(leaf), 1))
  assert.deepEqual([array, chain].map(isFenceContainer), [true, true])
  assert.deepEqual([leaf, undefined, null].map(isFenceContainer), [false, false, false])
  lab.close()
})
