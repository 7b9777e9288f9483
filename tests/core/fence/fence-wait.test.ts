// Goal: where a fence's creator waits its own way, everybody waits that way.
// Method: ops with an own wait that answers each of the things it may.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DmaBufError } from '#src/core/errors.js'
import { signalFence, type Fence, type FenceOps } from '#src/core/fence/fence.js'
import { waitFenceTimeout } from '#src/core/fence/wait.js'
import { mockFence } from '../../helpers/mock-fence.js'

const failure = new DmaBufError('EIO', 'render', 'Shader hangs')

function waitingFor(result: number | (() => number)): Fence {
  return mockFence({ wait: typeof result === 'number' ? () => result : result })
}

function fail(): never {
  throw failure
}

test('An own wait is asked with the time and the signal, after enabling [FENCE-25, FENCE-31]', async () => {
  const seen: unknown[] = []
  const { signal } = new AbortController()
  const ops: Partial<FenceOps> = {
    enableSignaling: () => seen.push('enabled') > 0,
    wait: (fence, timeoutMs, options) => (seen.push([fence, timeoutMs, options.signal]), 3),
  }
  const [first, second, third] = [mockFence(ops), mockFence(ops), mockFence(ops)]
  assert.equal(await waitFenceTimeout(first, 10, { signal }), 3)
  await second.wait({ timeoutMs: 20, signal })
  await third.wait()
  assert.deepEqual(seen, [
    'enabled',
    [first, 10, signal],
    'enabled',
    [second, 20, signal],
    'enabled',
    [third, Infinity, undefined],
  ])
})

test('waitFenceTimeout leaves also a signalled fence to its own wait [FENCE-31]', async () => {
  const fence = waitingFor(2)
  signalFence(fence)
  assert.equal(await waitFenceTimeout(fence, 10), 2)
})

test('An own wait that answers 0 is a timeout, ETIMEDOUT for Fence.wait [FENCE-31]', async () => {
  assert.equal(await waitFenceTimeout(waitingFor(0), 10), 0)
  await assert.rejects(waitingFor(0).wait({ timeoutMs: 10 }), {
    code: 'ETIMEDOUT',
    message: 'ETIMEDOUT: fence wait timed out after 10 ms: waiting for test ring seqno 7',
  })
})

test('An own wait that throws, or answers a negative errno, rejects with that [FENCE-31]', async () => {
  for (const [result, code] of [
    [-62, 'ETIME'],
    [fail, 'EIO'],
  ] as const) {
    await assert.rejects(waitFenceTimeout(waitingFor(result), 10), { code })
    await assert.rejects(waitingFor(result).wait(), { code })
  }
})

test('Fence.wait with an own wait rejects with the error of the fence [FENCE-31]', async () => {
  const fence = mockFence({ wait: (which) => (signalFence(which, failure), 1) })
  await assert.rejects(fence.wait(), failure)
})
