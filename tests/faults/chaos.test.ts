// Goal: whoever is killed, and whenever, leaves nothing behind and nobody waiting; `npm run chaos` finds out.
// Method: a few kills of every scenario about queues and timelines, with all that the command checks but the times.
import { test } from 'node:test'
import { assertCalm } from '../helpers/chaos.js'

test('chaos kills viewers of a queue, and the others miss nothing', (t) =>
  assertCalm(t, 'viewers', 5))

test('chaos kills cameras, and their viewers go on with the next one', (t) =>
  assertCalm(t, 'cameras', 4))

test('chaos kills owners of timelines, and every fence that waits fails once', (t) =>
  assertCalm(t, 'owners', 4))

test('chaos kills watchers of a timeline, and the others miss no signal', (t) =>
  assertCalm(t, 'watchers', 4))

test('chaos kills at single accesses to shared memory, and the others go on', (t) =>
  assertCalm(t, 'steps', 5))

test('chaos kills viewers and cameras that know each other by no pid', async (t) => {
  await assertCalm(t, 'containers-viewers', 3)
  await assertCalm(t, 'containers-cameras', 2)
})

test('chaos ends one of two workers that view a queue, and the camera and the other one go on', (t) =>
  assertCalm(t, 'workers', 3))

test('chaos stops viewers, and the camera neither waits for them nor grows', (t) =>
  assertCalm(t, 'stopped', 2))
