// Goal: the kernel's trace points, by their names.
// Method: a hook notes them through the lives of fences.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { putFence, signalFence, type Fence } from '#src/core/fence/fence.js'
import { onFenceEvent, traceEmit } from '#src/core/fence/trace.js'
import { waitFenceTimeout } from '#src/core/fence/wait.js'
import { mockFence, settle } from '../../helpers/mock-fence.js'

/** The names of the events while something is done. */
async function eventsOf(run: () => unknown): Promise<readonly string[]> {
  const events: string[] = []
  using _hook = onFenceEvent(({ event }) => events.push(event))
  await run()
  return events
}

test('onFenceEvent follows a fence from init to destroy [FENCE-36]', async () => {
  const events = await eventsOf(async () => {
    const fence = mockFence({ enableSignaling: () => true })
    traceEmit(fence)
    const waiting = waitFenceTimeout(fence, Infinity)
    await settle()
    signalFence(fence)
    await waiting
    putFence(fence)
  })
  const names = ['init', 'emit', 'enable_signal', 'wait_start', 'signaled', 'wait_end', 'destroy']
  assert.deepEqual(events, names)
})

test('Fence.wait is traced, too, whatever its end [FENCE-36]', async () => {
  for (const fail of [false, true]) {
    const abort = new AbortController()
    const events = await eventsOf(async () => {
      const fence = mockFence()
      const waiting = fence.wait({ signal: abort.signal })
      if (fail) abort.abort(new Error('stop'))
      else signalFence(fence)
      await waiting.catch(() => {})
    })
    assert.deepEqual(
      events.filter((name) => name.startsWith('wait')),
      ['wait_start', 'wait_end'],
    )
  }
})

test('enable_signal is traced where the creator is asked, which is once [FENCE-36]', async () => {
  const events = await eventsOf(() => {
    mockFence().enableSignaling()
    const fence = mockFence({ enableSignaling: () => true })
    fence.enableSignaling()
    fence.enableSignaling()
  })
  assert.deepEqual(events, ['init', 'init', 'enable_signal'])
})

test('A trace has names and the low 32 bits of context and seqno [FENCE-36]', () => {
  const traces: unknown[] = []
  using _hook = onFenceEvent((trace) => traces.push(trace))
  mockFence({}, 2 ** 32 + 5, 2 ** 33 + 2 ** 31)
  const names = { driver: 'test', timeline: 'ring' }
  assert.deepEqual(traces, [{ event: 'init', ...names, context: 5, seqno: 2 ** 31 }])
})

test('The signal is traced before callbacks run [FENCE-36]', async () => {
  const events: string[] = []
  using _hook = onFenceEvent(({ event }) => events.push(event))
  const fence: Fence = mockFence()
  fence.addCallback(() => events.push('callback'))
  signalFence(fence)
  assert.deepEqual(events, ['init', 'signaled', 'callback'])
})

test('traceEmit says nothing where nobody listens [FENCE-36]', () => {
  traceEmit(mockFence())
})
