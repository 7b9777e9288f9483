// Goal: whoever of a domain is killed or stopped, and whenever, holds up nobody; `npm run chaos` finds out.
// Method: a few kills of every scenario about domains, with all that the command checks but the times.
import { test } from 'node:test'
import { assertCalm } from '../helpers/chaos.js'

test('chaos kills members of a domain and its hub, and locks and fences of the dead hold up nobody', async (t) => {
  await assertCalm(t, 'members', 4)
  await assertCalm(t, 'hubs', 2)
})

test('chaos stops members and hubs of a domain at single accesses, and the others see old or new lists, and go on', (t) =>
  assertCalm(t, 'domain-steps', 4))

test('chaos kills members of a domain that know each other by no pid', (t) =>
  assertCalm(t, 'containers-members', 2))

test('chaos ends one of two workers that are members of a domain, and the hub and the other one go on', (t) =>
  assertCalm(t, 'workers-members', 3))

test('chaos stops members of a domain: they are named, evicted by the hub, and find out', (t) =>
  assertCalm(t, 'stopped-members', 2))
