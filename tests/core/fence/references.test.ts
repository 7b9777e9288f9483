// Goal: a fence is released once, by whoever puts its last reference.
// Method: ops whose release is counted; callbacks that are left behind.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getFence, putFence, signalFence, tryGetFence } from '#src/core/fence/fence.js'
import type { Fence, FenceOps } from '#src/core/fence/fence.js'
import { mockFence } from '../../helpers/mock-fence.js'
import { collectWarnings } from '../../helpers/warnings.js'

/** A fence that notes what happens to it. */
function noted(ops: Partial<FenceOps> = {}, seqno = 7) {
  const seen: string[] = []
  const release = ({ status }: Fence): void => {
    seen.push(`release ${status}`)
  }
  return { fence: mockFence({ release, ...ops }, 0xc0, seqno), seen }
}

test('A new fence has one reference, and the last put releases it, once [FENCE-2, FENCE-8]', () => {
  const { fence, seen } = noted()
  assert.equal(getFence(fence), fence)
  putFence(fence)
  assert.deepEqual(seen, [])
  putFence(fence)
  assert.deepEqual(seen, ['release pending'])
})

test('Getting and putting nothing is nothing [FENCE-8]', () => {
  using warnings = collectWarnings()
  for (const nothing of [undefined, null] as (Fence | null | undefined)[])
    assert.equal(getFence(nothing), nothing)
  putFence(undefined)
  putFence(null)
  assert.deepEqual(warnings.list, [])
})

test('tryGetFence takes a reference, and none of a released fence [FENCE-8]', () => {
  const { fence, seen } = noted()
  assert.equal(tryGetFence(fence), fence)
  putFence(fence)
  assert.deepEqual(seen, [])
  putFence(fence)
  assert.equal(tryGetFence(fence), undefined)
  assert.equal(seen.length, 1)
})

test('A fence without release goes as silently as it came [FENCE-8]', () => {
  using warnings = collectWarnings()
  putFence(mockFence())
  assert.deepEqual(warnings.list, [])
})

test('A put too many, or a late get, warns and releases nothing twice [FENCE-8]', () => {
  using warnings = collectWarnings()
  const { fence, seen } = noted()
  putFence(fence)
  putFence(fence)
  assert.equal(getFence(fence), fence)
  putFence(fence)
  assert.deepEqual(warnings.rules, ['FENCE-8', 'FENCE-8', 'FENCE-8'])
  assert.equal(seen.length, 1)
})

test('Released while somebody waits: it warns, fails with EDEADLK, signals and only then releases [FENCE-9]', () => {
  using warnings = collectWarnings()
  const { fence, seen } = noted({}, 0x1f)
  fence.addCallback(({ error }) => seen.push(`callback ${error?.code}`))
  putFence(fence)
  assert.deepEqual(seen, ['callback EDEADLK', 'release error'])
  assert.deepEqual(warnings.rules, ['FENCE-9'])
  assert.match(warnings.list[0]!.message, /test:ring:c0:1f/)
})

test('A sleeper counts as somebody who waits [FENCE-9]', async () => {
  using warnings = collectWarnings()
  const { fence } = noted()
  const waiting = fence.wait()
  putFence(fence)
  await assert.rejects(waiting, { code: 'EDEADLK' })
  assert.deepEqual(warnings.rules, ['FENCE-9'])
})

test('Released pending without callbacks, or signalled: nothing is said and nothing signals [FENCE-9]', () => {
  using warnings = collectWarnings()
  const [pending, done] = [noted(), noted()]
  const callback = (): void => assert.fail('Called')
  pending.fence.addCallback(callback)
  pending.fence.addCallback(callback)
  pending.fence.removeCallback(callback)
  pending.fence.removeCallback(callback)
  done.fence.addCallback(() => {})
  signalFence(done.fence)
  putFence(pending.fence)
  putFence(done.fence)
  assert.deepEqual(pending.seen, ['release pending'])
  assert.deepEqual(done.seen, ['release signaled'])
  assert.deepEqual(warnings.list, [])
})

test('A release that throws is reported, and the fence stays released [PORT-4]', () => {
  using warnings = collectWarnings()
  const fence = mockFence({
    release: () => {
      throw new Error('broken')
    },
  })
  putFence(fence)
  assert.deepEqual(warnings.rules, ['PORT-4'])
  assert.equal(tryGetFence(fence), undefined)
})
