import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const FIXTURE = fileURLToPath(new URL('../../fixtures/stop-signal.js', import.meta.url))

async function started(): Promise<ReturnType<typeof fork>> {
  const child = fork(FIXTURE)
  await once(child, 'message')
  return child
}

test('stopSignal is aborted by a message of the parent', async () => {
  const child = await started()
  child.send('stop')
  assert.deepEqual(await once(child, 'exit'), [7, null])
})

test('stopSignal is aborted by SIGTERM', async () => {
  const child = await started()
  child.kill('SIGTERM')
  assert.deepEqual(await once(child, 'exit'), [7, null])
})

test('stopSignal is aborted when the parent is gone', async () => {
  const child = await started()
  child.disconnect()
  assert.deepEqual(await once(child, 'exit'), [7, null])
})

test('stopSignal under a parent ignores Ctrl-C, which the parent gets too', async () => {
  const child = await started()
  child.kill('SIGINT')
  child.send('ping')
  await once(child, 'message')
  child.send('stop')
  assert.deepEqual(await once(child, 'exit'), [7, null])
})
