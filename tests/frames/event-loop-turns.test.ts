// Goal: a loop over what is always ready leaves the event loop its turn, and not more often than it must.
// Method: the real clock, bounded below only.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { afterTurn, EventLoopTurns, turnerOf } from '#src/frames/event-loop-turns.js'

test('EventLoopTurns.isDue is false at first and true once some milliseconds have passed', () => {
  const startMs = performance.now()
  const turns = new EventLoopTurns()
  const isDueAtOnce = turns.isDue()
  if (performance.now() - startMs < 5) assert.equal(isDueAtOnce, false)
  const deadline = startMs + 10_000
  while (!turns.isDue() && performance.now() < deadline);
  assert.ok(performance.now() - startMs >= 5)
})

test('EventLoopTurns.isDue is true once for each time that passes', () => {
  const turns = new EventLoopTurns()
  const startMs = performance.now()
  let count = 0
  while (performance.now() - startMs < 50) if (turns.isDue()) count++
  assert.ok(count >= 1 && count <= 11, `Due ${count} times`)
})

test('afterTurn resolves to its value after the event loop has turned', async () => {
  const order: string[] = []
  setImmediate(() => order.push('turn'))
  order.push(await afterTurn('value'))
  assert.deepEqual(order, ['turn', 'value'])
})

test('turnerOf turns by messages, in order, where there is no setImmediate', async () => {
  const channels: MessageChannel[] = []
  const Channel = class extends MessageChannel {
    constructor() {
      super()
      channels.push(this)
    }
  }
  const turn = turnerOf({ MessageChannel: Channel as never })
  const order: string[] = []
  await new Promise<void>((resolve) => {
    turn(() => order.push('first'))
    turn(resolve)
    queueMicrotask(() => order.push('microtask'))
  })
  for (const { port1 } of channels) port1.close()
  assert.deepEqual(order, ['microtask', 'first'])
})
